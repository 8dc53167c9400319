#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "swan/export.h"

namespace swan {

/// A picture of 8-bit RGB values, row by row from the top left, three bytes a pixel.
struct Image {
  int64_t width = 0;   ///< pixels
  int64_t height = 0;  ///< pixels
  std::vector<uint8_t> rgb;
};

/// Text that travels inside a picture's file. Keys are PNG text keywords (1 to 79 Latin-1 characters); values are
/// UTF-8. Swan writes "swan" (its settings as JSON, see ImageResult::parameters).
using ImageMetadata = std::map<std::string, std::string>;

struct SaveImageOptions {
  int quality = 95;      ///< JPEG and lossy WebP, 1 to 100
  bool lossless = true;  ///< WebP
};

/// Writes a picture as PNG, JPEG or WebP, chosen by the extension (.png, .jpg, .jpeg, .webp, any case). The file is
/// written under a temporary name beside its target and renamed, so that no partial file is ever seen. PNG keeps the
/// metadata in iTXt/tEXt chunks, WebP in an XMP chunk, JPEG in a comment.
/// @throws Error kInvalidArgument for an unknown extension or an image whose size and bytes disagree; kIo naming the
///         path and the system's reason
SWAN_API void save_image(const std::string& path, const Image& image, const ImageMetadata& metadata = {},
                         const SaveImageOptions& options = {});

/// Reads a PNG, JPEG or WebP picture, told by its first bytes, as 8-bit RGB: grey and palettes become RGB, 16 bits lose
/// the lower eight, transparency is left out, and colour profiles and Exif orientations are not looked at. Sides of at
/// most 16384 pixels.
/// @throws Error kNotFound, kCorruptFile, kUnsupported for another kind of file, an animation, CMYK or a larger picture
[[nodiscard]] SWAN_API Image read_image(const std::string& path);

/// The metadata that save_image wrote; text chunks of other programs too, where the format has them.
/// @throws Error kNotFound, kCorruptFile, kUnsupported for another kind of file
[[nodiscard]] SWAN_API ImageMetadata read_image_metadata(const std::string& path);

/// Throws what save_image would for an extension it does not know: to fail before a long run, not after it.
SWAN_API void check_image_path(const std::string& path);

}  // namespace swan
