#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "swan/video.h"

namespace swan::cli {

/// Whether a path means a folder of frames: it ends in '/', or is a folder.
[[nodiscard]] bool is_frame_folder(const std::string& path);

/// The extension in lower case, ".mp4"; empty for a folder of frames.
[[nodiscard]] std::string video_extension(const std::string& path);

/// Where `count` videos go: `output` itself for one; "out_0.mp4", "out_1.mp4", ... or "DIR_0/", "DIR_1/", ... for more.
[[nodiscard]] std::vector<std::string> video_paths(const std::string& output, size_t count);

/// Finds out before a long run whether videos can be written, as far as it can be known: the format, its limits and its
/// encoder, and the folders. Leaves nothing behind.
/// @param width, height  pixels, as far as they are known: the size of every video
/// @throws Error naming the path and the reason
void check_video_outputs(const std::vector<std::string>& paths, int64_t width, int64_t height,
                         const SaveVideoOptions& options);

}  // namespace swan::cli
