#pragma once

#include "cli/arguments.h"
#include "cli/job.h"

namespace swan::cli {

/// What `swan image` is to do, converted and checked.
struct ImageJob : Job<ImageRequest> {
  ImageJob() { output = "out.png"; }
  std::string save_control;  ///< where the control image goes, as the ControlNet is shown it; empty: do not
  /// Pictures of the request.
  [[nodiscard]] size_t pictures() const { return outputs(); }
};

/// Converts what was typed; reads the files that it names. Opens no model.
/// @throws UsageError for a value that cannot be meant; Error for a file that cannot be used
[[nodiscard]] ImageJob make_image_job(const ImageArguments& arguments);

}  // namespace swan::cli
