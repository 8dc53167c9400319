#include "swan/image.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "core/text.h"
#include "io/image_codecs.h"
#include "io/system.h"

namespace swan {
namespace {

enum class Format { kPng, kJpeg, kWebp };

struct Extension {
  std::string_view name;
  Format format;
};
constexpr std::array<Extension, 4> kExtensions{
    {{".png", Format::kPng}, {".jpg", Format::kJpeg}, {".jpeg", Format::kJpeg}, {".webp", Format::kWebp}}};

Format format_of(const std::string& path) {
  const std::string extension = in_lower_case(std::filesystem::path(path).extension().string());
  for (const Extension& known : kExtensions) {
    if (extension == known.name) return known.format;
  }
  fail(ErrorCode::kInvalidArgument,
       "cannot save a picture as '{}': its extension '{}' names no known format; expected .png, .jpg, .jpeg or .webp. "
       "Rename the output.",
       path, extension);
}

// What a file is by its first bytes, whatever its name says.
std::optional<Format> sniff(std::string_view bytes) {
  if (bytes.starts_with("\x89PNG\r\n\x1A\n")) return Format::kPng;
  if (bytes.starts_with("\xFF\xD8\xFF")) return Format::kJpeg;
  const bool webp = bytes.size() >= 12 && bytes.starts_with("RIFF") && bytes.substr(8, 4) == "WEBP";
  if (webp) return Format::kWebp;
  return std::nullopt;
}

void check_image(const std::string& path, const Image& image) {
  constexpr int64_t kMaxSide = std::numeric_limits<int32_t>::max();  // PNG's
  if (image.width <= 0 || image.height <= 0 || image.width > kMaxSide || image.height > kMaxSide) {
    fail(ErrorCode::kInvalidArgument, "cannot save {}: the picture is {}x{}, expected sides from 1 to {} pixels.", path,
         image.width, image.height, kMaxSide);
  }
  // 2^31 x 2^31 x 3 overflows int64 but not uint64.
  const uint64_t bytes = static_cast<uint64_t>(image.width) * static_cast<uint64_t>(image.height) * 3;
  if (image.rgb.size() != bytes) {
    fail(ErrorCode::kInvalidArgument,
         "cannot save {}: a picture of {}x{} needs {} bytes (3 a pixel), found {}. "
         "Set width and height to what the bytes are.",
         path, image.width, image.height, bytes, image.rgb.size());
  }
}

}  // namespace

void check_image_path(const std::string& path) { (void)format_of(path); }

void save_image(const std::string& path, const Image& image, const ImageMetadata& metadata,
                const SaveImageOptions& options) {
  const Format format = format_of(path);
  check_image(path, image);
  io::check_metadata(path, metadata);
  if (options.quality < 1 || options.quality > 100) {
    fail(ErrorCode::kInvalidArgument, "cannot save {}: quality is {}, expected 1 to 100.", path, options.quality);
  }
  std::vector<uint8_t> bytes;
  switch (format) {
    case Format::kPng:
      bytes = io::encode_png(path, image, metadata);
      break;
    case Format::kJpeg:
      bytes = io::encode_jpeg(path, image, metadata, options.quality);
      break;
    case Format::kWebp:
      bytes = io::encode_webp(path, image, metadata, options);
      break;
  }
  io::AtomicFile file(path);
  file.write(bytes.data(), bytes.size());
  file.commit();
}

namespace io {
void check_read_size(const std::string& path, uint64_t width, uint64_t height) {
  if (width > kMaxReadSide || height > kMaxReadSide)
    fail(ErrorCode::kUnsupported,
         "cannot read {}: the picture is {}x{}, sides of at most {} pixels are read; make it "
         "smaller.",
         path, width, height, kMaxReadSide);
}
}  // namespace io

Image read_image(const std::string& path) {
  constexpr size_t kMaxBytes = size_t{1} << 30;  // more than the pixels of any picture that is read
  const std::string bytes = io::read_file(path, kMaxBytes);
  const std::optional<Format> format = sniff(bytes);
  if (format == Format::kPng) return io::decode_png(path, bytes);
  if (format == Format::kJpeg) return io::decode_jpeg(path, bytes);
  if (format == Format::kWebp) return io::decode_webp(path, bytes);
  fail(ErrorCode::kUnsupported, "cannot read the picture {}: it is not a PNG, JPEG or WebP file. Convert it to one.",
       path);
}

ImageMetadata read_image_metadata(const std::string& path) {
  const io::OpenFile file = io::open_file(path);
  const std::optional<Format> format = sniff(io::read_at(file, path, 0, std::min<size_t>(file.bytes, 12)));
  if (format == Format::kPng) return io::read_png_metadata(path, file);
  if (format == Format::kJpeg) return io::read_jpeg_metadata(path, file);
  if (format == Format::kWebp) return io::read_webp_metadata(path, file);
  fail(ErrorCode::kUnsupported,
       "cannot read the metadata of {}: it is not a PNG, JPEG or WebP file. Name a picture that Swan wrote.", path);
}

}  // namespace swan
