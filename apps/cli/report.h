#pragma once

#include <string>
#include <utility>
#include <vector>

#include "swan/pipeline.h"

namespace swan::cli {

/// A finished `swan image`.
struct ImageRun {
  ImageRequest request;
  ImageResult result;
  std::vector<std::string> files;                       ///< pictures, in order
  std::string latents;                                  ///< where the latents went; empty: not saved
  std::vector<std::pair<std::string, double>> seconds;  ///< per stage, then "total"
};

/// One line of JSON, without the newline.
[[nodiscard]] std::string image_json(const ImageRun& run);
/// For people, some lines.
[[nodiscard]] std::string image_text(const ImageRun& run);

[[nodiscard]] std::string info_json(const ModelInfo& info);
/// A table, and below it what is missing.
[[nodiscard]] std::string info_text(const ModelInfo& info);

/// {"error": {"code": ..., "message": ...}}
[[nodiscard]] std::string error_json(const std::string& code, const std::string& message);

/// "11.25 M", "1.6 B", "417"
[[nodiscard]] std::string format_count(int64_t count);

}  // namespace swan::cli
