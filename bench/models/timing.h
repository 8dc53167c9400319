#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace swan::bench {

using Clock = std::chrono::steady_clock;
[[nodiscard]] double seconds_since(Clock::time_point start);
/// Seconds of each of `runs` calls.
[[nodiscard]] std::vector<double> time_runs(int runs, const std::function<void()>& fn);
/// Prints the part's JSON line: name, shape, seconds, threads, ISA, version and the process's largest resident set.
void print(const std::string& name, const std::string& shape, const std::vector<double>& seconds);

/// What the command line gives to every part.
struct Options {
  std::string model;
  int runs = 3, steps = 20;
  int64_t size = 1024;
};
void image_steps(const Options& options);   ///< warm denoising steps of an image model
void sana_forward(const Options& options);  ///< one transformer forward
void sana_decode(const Options& options);   ///< one decode
void video_steps(const Options& options);   ///< warm denoising steps of a video model
void wan_forward(const Options& options);   ///< one transformer forward at 480 x 832 x 5, its text included
void wan_decode(const Options& options);    ///< one decode of 5 frames at 480 x 832

}  // namespace swan::bench
