#pragma once

#include <nlohmann/json.hpp>

#include "cli/arguments.h"
#include "cli/job.h"
#include "swan/video.h"

namespace swan::cli {

/// What `swan video` is to do, converted and checked.
struct VideoJob : Job<VideoRequest> {
  VideoJob() { output = "out.mp4"; }
  SaveVideoOptions save;
};

/// Converts what was typed; reads the files that it names. Opens no model.
/// @throws UsageError for a value that cannot be meant; Error for a file that cannot be used
[[nodiscard]] VideoJob make_video_job(const VideoArguments& arguments);

/// What a video's settings say of its file, beside those of the pipeline: "fps", and "crf" where it was given.
[[nodiscard]] nlohmann::ordered_json file_settings(const SaveVideoOptions& save);

}  // namespace swan::cli
