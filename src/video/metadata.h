#pragma once

#include <string>

#include "io/system.h"
#include "swan/image.h"

// Readers of what the writers put into files. They walk the containers' structure and read nothing else; what a file
// claims is checked against what it has.
namespace swan::video {

/// @throws Error kCorruptFile, kIo
[[nodiscard]] ImageMetadata read_mp4_metadata(const std::string& path, const io::OpenFile& file);
[[nodiscard]] ImageMetadata read_webm_metadata(const std::string& path, const io::OpenFile& file);
[[nodiscard]] ImageMetadata read_gif_metadata(const std::string& path, const io::OpenFile& file);

}  // namespace swan::video
