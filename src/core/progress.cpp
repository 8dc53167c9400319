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

void ProgressPrinter::begin_stage(const std::string& stage) {
  if (stage == stage_) return;
  finish();
  stage_ = stage;
  printed_ = -1;
  start_ = std::chrono::steady_clock::now();
}

void ProgressPrinter::show(const std::string& text, double share, int place, bool complete) {
  if (terminal_) {
    constexpr int kWidth = 24;
    const int filled = static_cast<int>(kWidth * std::clamp(share, 0.0, 1.0));
    const std::string bar = share < 0 ? "" : fmt::format("[{:#<{}}{:.<{}}] ", "", filled, "", kWidth - filled);
    put("\r\x1b[2K" + bar + text);
    open_ = true;
    if (complete) finish();
  } else if (place != printed_) {
    put(text + "\n");
    printed_ = place;
  }
}

void ProgressPrinter::update(const std::string& stage, int done, int total) {
  begin_stage(stage);
  const double elapsed = seconds_since(start_);
  const bool complete = total > 0 && done >= total;
  std::string text = total > 0 ? fmt::format("{} {}/{}", stage, done, total) : stage;
  if (complete) {
    text += fmt::format(", {}", format_seconds(elapsed));
  } else if (done > 0 && total > 0) {
    text += fmt::format(", {} left", format_seconds(elapsed / done * (total - done)));
  }
  // Of plain lines one for each tenth, at the steps where it begins.
  const bool due = printed_ < 0 || complete || done * 10 / std::max(total, 1) > printed_ * 10 / std::max(total, 1);
  if (terminal_ || due) show(text, total > 0 ? static_cast<double>(done) / total : -1, done, complete);
}

void ProgressPrinter::update_bytes(const std::string& stage, const std::string& of, uint64_t done, uint64_t total,
                                   double bytes_per_second, double seconds_left) {
  begin_stage(stage);
  const bool complete = done >= total;
  std::string text = fmt::format("{} {}, {} of {}", stage, of, format_bytes(static_cast<double>(done)),
                                 format_bytes(static_cast<double>(total)));
  if (complete) {
    text += fmt::format(", {}", format_seconds(seconds_since(start_)));
  } else if (bytes_per_second > 0) {
    text += fmt::format(", {}/s", format_bytes(bytes_per_second));
    if (seconds_left >= 0) text += fmt::format(", {} left", format_seconds(seconds_left));
  }
  const double share = total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 1;
  show(text, share, static_cast<int>(10 * std::min(share, 1.0)), false);
}

void ProgressPrinter::finish() {
  if (open_) put("\n");
  open_ = false;
}

}  // namespace swan
