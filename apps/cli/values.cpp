#include "cli/values.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cmath>
#include <map>
#include <random>

#include "config/suggest.h"

namespace swan::cli {

namespace {

// The whole of `text` as a T, or false.
template <typename T>
bool read_all(std::string_view text, T& value) noexcept {
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

// What people write for a dtype or device in other programs.
const std::map<std::string, std::string, std::less<>>& familiar_values() {
  static const std::map<std::string, std::string, std::less<>> table = {
      {"float32", "f32"}, {"float", "f32"}, {"float16", "f16"}, {"half", "f16"}, {"bfloat16", "bf16"},
      {"fp32", "f32"},    {"fp16", "f16"},  {"float8", "fp8"},  {"f8", "fp8"},   {"e4m3", "fp8"},
  };
  return table;
}

}  // namespace

int64_t parse_integer(const std::string& option, const std::string& text, int64_t low, int64_t high) {
  int64_t value = 0;
  if (!read_all(text, value) || value < low || value > high) {
    throw UsageError(fmt::format("{} is '{}', but must be a whole number from {} to {}", option, text, low, high));
  }
  return value;
}

double parse_number(const std::string& option, const std::string& text) {
  double value = 0;
  if (!read_all(text, value) || !std::isfinite(value)) {
    throw UsageError(fmt::format("{} is '{}', but must be a number such as 4.5", option, text));
  }
  return value;
}

double parse_number(const std::string& option, const std::string& text, double low, double high) {
  double value = 0;
  if (!read_all(text, value) || !(value >= low && value <= high)) {
    throw UsageError(fmt::format("{} is '{}', but must be a number from {:g} to {:g}", option, text, low, high));
  }
  return value;
}

int parse_int(const std::string& option, const std::string& text, int low, int high) {
  return static_cast<int>(parse_integer(option, text, low, high));
}

uint64_t parse_bytes(const std::string& option, const std::string& text, uint64_t least) {
  static const std::map<std::string, double, std::less<>> units = {{"mb", 1e6}, {"mib", 0x1p20}, {"m", 0x1p20},
                                                                   {"gb", 1e9}, {"gib", 0x1p30}, {"g", 0x1p30}};
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  std::string unit = text.substr(digits);
  for (char& c : unit)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  const auto found = units.find(unit);
  double value = 0;
  if (found == units.end() || !read_all(std::string_view(text).substr(0, digits), value))
    throw UsageError(fmt::format("{} is '{}', but must be a size such as 8GiB, 7.5GB or 900MiB", option, text));
  const double bytes = value * found->second;
  if (!(bytes >= static_cast<double>(least) && bytes < 0x1p60))
    throw UsageError(fmt::format("{} is '{}', but must be at least {}MiB and below {}GiB", option, text, least >> 20,
                                 uint64_t{1} << 30));
  return static_cast<uint64_t>(bytes);
}

std::vector<uint64_t> parse_seeds(const std::string& text) {
  std::vector<uint64_t> seeds;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view part = std::string_view(text).substr(begin, end - begin);
    uint64_t seed = 0;
    if (!read_all(part, seed)) {
      throw UsageError(
          fmt::format("--seed is '{}', but must be a whole number from 0 to {}, or several with commas "
                      "between them and no spaces",
                      text, UINT64_MAX));
    }
    seeds.push_back(seed);
    begin = end + 1;
  }
  return seeds;
}

std::vector<double> parse_numbers(const std::string& option, const std::string& text) {
  std::vector<double> numbers;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t end = std::min(text.find(',', begin), text.size());
    double number = 0;
    if (!read_all(std::string_view(text).substr(begin, end - begin), number) || !std::isfinite(number)) {
      throw UsageError(
          fmt::format("{} is '{}', but must be numbers with commas between them and no spaces", option, text));
    }
    numbers.push_back(number);
    begin = end + 1;
  }
  return numbers;
}

std::string parse_choice(const std::string& option, const std::string& text, const std::vector<std::string>& choices) {
  for (const std::string& choice : choices) {
    if (text == choice) return choice;
  }
  std::string nearest_choice = config::nearest(text, choices);
  const auto familiar = familiar_values().find(text);
  if (familiar != familiar_values().end()) nearest_choice = config::nearest(familiar->second, choices);
  const std::string hint = nearest_choice.empty() ? "" : fmt::format("; did you mean {}?", nearest_choice);
  throw UsageError(fmt::format("{} is '{}', but must be one of {}{}", option, text, fmt::join(choices, ", "), hint));
}

uint64_t random_seed() {
  std::random_device device;
  return device();
}

}  // namespace swan::cli
