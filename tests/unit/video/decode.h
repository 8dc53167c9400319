#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/video.h"

namespace swan::test {

/// Frame `index` of a smooth clip in strong colours: a gradient that turns, and a soft disc that moves.
[[nodiscard]] Image moving_frame(int64_t index, int64_t width, int64_t height);
/// Writes `count` of them. @throws Error as VideoWriter
void write_clip(const std::string& path, int64_t count, int64_t width = 64, int64_t height = 48,
                const ImageMetadata& metadata = {}, const SaveVideoOptions& options = {});

/// What ffprobe says of a file: {"streams": [...], "format": {...}, "packets": [...]}, with frames counted.
[[nodiscard]] nlohmann::json probe(const std::string& path);
/// All frames, decoded by ffmpeg (or libwebp, for ffmpeg 5 cannot), converted as the file's colour tags say.
[[nodiscard]] std::vector<Image> decode(const std::string& path);
/// The times, in ms, at which the frames of an animated WebP end, and how often it repeats (0: for ever).
struct WebPTimes {
  std::vector<int> ends_ms;
  int loops = -1;
};
[[nodiscard]] WebPTimes webp_times(const std::string& path);

/// Peak signal-to-noise ratio in dB, 99 for equal pictures.
[[nodiscard]] double psnr(const Image& a, const Image& b);

[[nodiscard]] std::string read_bytes(const std::string& path);
/// Names in a folder, hidden ones too, sorted.
[[nodiscard]] std::vector<std::string> names(const std::string& folder);

template <typename Fn>
Error error_of(const Fn& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "nothing was thrown"};
}

inline void expect_error(const Error& error, ErrorCode code, const std::vector<std::string>& parts) {
  EXPECT_EQ(error.code(), code) << error.what();
  for (const std::string& part : parts)
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << "'" << part << "' is not in: " << error.what();
}

/// The settings of a run in two languages, and 8 KB of them.
[[nodiscard]] ImageMetadata long_metadata();

}  // namespace swan::test
