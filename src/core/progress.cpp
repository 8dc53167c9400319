#include "swan/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace swan {

namespace {
double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
}  // namespace

std::string format_seconds(double seconds) {
  if (seconds < 59.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = std::llround(seconds);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string format_bytes(double bytes) {
  constexpr std::array<const char*, 5> kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < kUnits.size()) {
    bytes /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{:.0f} B", bytes) : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

bool ProgressPrinter::is_terminal(std::FILE* out) noexcept { return isatty(fileno(out)) == 1; }

ProgressPrinter::~ProgressPrinter() { finish(); }

// A reader that has gone away must not end the run, so failures are not looked at.
void ProgressPrinter::put(const std::string& text) {
  std::fputs(text.c_str(), out_);
  std::fflush(out_);
}

void ProgressPrinter::update(const std::string& stage, int done, int total) {
  if (stage != stage_) {
    finish();
    stage_ = stage;
    printed_ = -1;
    start_ = std::chrono::steady_clock::now();
  }
  const double elapsed = seconds_since(start_);
  const bool complete = total > 0 && done >= total;
  std::string text = total > 0 ? fmt::format("{} {}/{}", stage, done, total) : stage;
  if (complete) {
    text += fmt::format(", {}", format_seconds(elapsed));
  } else if (done > 0 && total > 0) {
    text += fmt::format(", {} left", format_seconds(elapsed / done * (total - done)));
  }
  if (terminal_) {
    constexpr int kWidth = 24;
    if (total > 0) {
      const int filled = static_cast<int>(int64_t{kWidth} * std::clamp(done, 0, total) / total);
      text = fmt::format("[{:#<{}}{:.<{}}] {}", "", filled, "", kWidth - filled, text);
    }
    put("\r\x1b[2K" + text);
    open_ = true;
    if (complete) finish();
  } else if (printed_ < 0 || complete || done * 10 / std::max(total, 1) > printed_ * 10 / std::max(total, 1)) {
    if (done != printed_) put(text + "\n");
    printed_ = done;
  }
}

void ProgressPrinter::finish() {
  if (open_) put("\n");
  open_ = false;
}

}  // namespace swan
