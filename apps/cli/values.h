#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace swan::cli {

/// The command line itself is wrong: exit code 2.
class UsageError : public std::runtime_error {
 public:
  /// @param command  whose help to point to ("image"), or empty for the program's; see for_command
  explicit UsageError(const std::string& message, std::string command = "")
      : std::runtime_error(message), command_(std::move(command)) {}
  [[nodiscard]] const std::string& command() const noexcept { return command_; }

 private:
  std::string command_;
};

/// Calls `convert`: usage errors in it point to the help of `command`, unless they know better.
template <typename Convert>
auto for_command(const std::string& command, const Convert& convert) {
  try {
    return convert();
  } catch (const UsageError& e) {
    throw UsageError(e.what(), e.command().empty() ? command : e.command());
  }
}

/// A whole number in [low, high]. @throws UsageError naming the option, the text and the range
[[nodiscard]] int64_t parse_integer(const std::string& option, const std::string& text, int64_t low, int64_t high);
/// A finite number. @throws UsageError naming the option and the text
[[nodiscard]] double parse_number(const std::string& option, const std::string& text);
/// A number in [low, high]. @throws UsageError naming the option, the text and the range
[[nodiscard]] double parse_number(const std::string& option, const std::string& text, double low, double high);
/// A whole number in [low, high], as an int.
[[nodiscard]] int parse_int(const std::string& option, const std::string& text, int low, int high);
/// A size such as 8GiB, 7.5GB or 900MiB, in bytes, of at least `least` and below 2^60. @throws UsageError naming the
/// option, the text and the units
[[nodiscard]] uint64_t parse_bytes(const std::string& option, const std::string& text, uint64_t least);
/// One or more seeds, separated by commas, each in [0, 2^64). @throws UsageError
[[nodiscard]] std::vector<uint64_t> parse_seeds(const std::string& text);
/// One or more finite numbers, separated by commas. @throws UsageError naming the option and the text
[[nodiscard]] std::vector<double> parse_numbers(const std::string& option, const std::string& text);
/// One of `choices`. @throws UsageError listing them and suggesting the nearest
[[nodiscard]] std::string parse_choice(const std::string& option, const std::string& text,
                                       const std::vector<std::string>& choices);

/// A seed for a run that was given none: 32 bits, short enough to type again.
[[nodiscard]] uint64_t random_seed();

}  // namespace swan::cli
