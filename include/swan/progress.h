#pragma once

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

#include "swan/export.h"

namespace swan {

/// Prints how far a stage has come. On a terminal one line is rewritten, with a bar and the time left; elsewhere each
/// stage gets plain lines, at most about one a tenth of the way. Not thread-safe.
class SWAN_API ProgressPrinter {
 public:
  /// @param out       where to print, usually stderr; not owned
  /// @param terminal  true to rewrite one line; see is_terminal
  ProgressPrinter(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}
  ~ProgressPrinter();
  ProgressPrinter(const ProgressPrinter&) = delete;
  ProgressPrinter& operator=(const ProgressPrinter&) = delete;

  /// @param stage  such as "denoise"; a change of stage ends the line of the one before
  /// @param done   steps finished, 0 to total;  @param total  0 when unknown
  void update(const std::string& stage, int done, int total);
  /// The same for bytes. @param of  more than how many bytes: "3/7 files";  @param seconds_left  negative: not known
  void update_bytes(const std::string& stage, const std::string& of, uint64_t done, uint64_t total,
                    double bytes_per_second, double seconds_left);
  /// Ends the current line, so that something else can be printed.
  void finish();

  [[nodiscard]] static bool is_terminal(std::FILE* out) noexcept;

 private:
  void put(const std::string& text);
  void begin_stage(const std::string& stage);
  /// @param share  of the way, for the bar; negative: without one;  @param place  a plain line is printed when it
  /// changes
  void show(const std::string& text, double share, int place, bool complete);

  std::FILE* out_;
  bool terminal_;
  std::string stage_;
  int printed_ = -1;
  bool open_ = false;
  std::chrono::steady_clock::time_point start_;
};

/// "4.2 s", "3:05", "1:02:03"
[[nodiscard]] SWAN_API std::string format_seconds(double seconds);
/// "512 B", "1.5 GiB"
[[nodiscard]] SWAN_API std::string format_bytes(double bytes);

}  // namespace swan
