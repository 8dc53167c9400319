#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/arguments.h"
#include "swan/pipeline.h"

namespace swan::cli {

/// What `swan image` is to do, converted and checked.
struct ImageJob {
  std::string model;  ///< empty: the embedded one
  LoadOptions load;
  ImageRequest request;
  /// With --from: which picture of that run is wanted. The others are computed again, for all draw from one generator,
  /// but not written.
  std::optional<size_t> only;
  std::string output = "out.png";
  std::string save_latents;  ///< empty: do not
  int threads = 0;

  /// Pictures that are computed.
  [[nodiscard]] size_t pictures() const noexcept {
    return request.prompt.size() * static_cast<size_t>(request.num_images_per_prompt);
  }
  /// Pictures that are written.
  [[nodiscard]] size_t files() const noexcept { return only ? 1 : pictures(); }
};

/// Converts what was typed; reads the files of --from, --complex-instruction and --latents. Opens no model.
/// @throws UsageError for a value that cannot be meant; Error for a file that cannot be used
[[nodiscard]] ImageJob make_image_job(const ImageArguments& arguments);

}  // namespace swan::cli
