#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/system.h"
#include "swan/image.h"

// What the picture formats share inside src/io; the public functions are in swan/image.h.
namespace swan::io {

/// Longest text that is read from a picture, in bytes. Swan writes a few kilobytes; files from outside may claim more.
inline constexpr size_t kMaxMetadataBytes = 16U << 20U;
/// Chunks that a PNG or WebP file may have: more than a real one of any size, few enough to pass in seconds.
inline constexpr int kMaxChunks = 4'000'000;

/// The file's bytes. `image` and `metadata` have been checked: sizes agree, keys fit PNG, values are UTF-8 without NUL.
/// @param path  for messages only
/// @throws Error kInvalidArgument when the format cannot hold the size; kInternal with the library's reason
[[nodiscard]] std::vector<uint8_t> encode_png(const std::string& path, const Image& image,
                                              const ImageMetadata& metadata);
[[nodiscard]] std::vector<uint8_t> encode_jpeg(const std::string& path, const Image& image,
                                               const ImageMetadata& metadata, int quality);
[[nodiscard]] std::vector<uint8_t> encode_webp(const std::string& path, const Image& image,
                                               const ImageMetadata& metadata, const SaveImageOptions& options);

/// A side of a picture that is read, in pixels: what a file claims is not believed beyond it.
inline constexpr uint32_t kMaxReadSide = 16384;
/// The pixels of a file's bytes. @throws Error kCorruptFile with the library's reason; kUnsupported
[[nodiscard]] Image decode_png(const std::string& path, std::string_view bytes);
[[nodiscard]] Image decode_jpeg(const std::string& path, std::string_view bytes);
[[nodiscard]] Image decode_webp(const std::string& path, std::string_view bytes);
/// @throws Error kUnsupported when a side is longer than kMaxReadSide
void check_read_size(const std::string& path, uint64_t width, uint64_t height);

/// The text in a file; no pixel is decoded. Memory stays within a few times kMaxMetadataBytes
/// whatever the file says. @throws Error kCorruptFile
[[nodiscard]] ImageMetadata read_png_metadata(const std::string& path, const OpenFile& file);
[[nodiscard]] ImageMetadata read_jpeg_metadata(const std::string& path, const OpenFile& file);
[[nodiscard]] ImageMetadata read_webp_metadata(const std::string& path, const OpenFile& file);

/// @throws Error kInvalidArgument when keys do not fit PNG, values are not UTF-8 or hold a zero byte, or all is too
/// long
void check_metadata(const std::string& path, const ImageMetadata& metadata);

/// A PNG keyword from its UTF-8 form, in Latin-1. @throws Error kInvalidArgument when PNG does not allow it
[[nodiscard]] std::string keyword_to_latin1(std::string_view key);
[[nodiscard]] std::string latin1_to_utf8(std::string_view text);
/// `text` with every ill-formed sequence replaced by U+FFFD.
[[nodiscard]] std::string repair_utf8(std::string text);

/// Metadata as one line of JSON, {"key": "value", ...}: the form it has in JPEG comments and XMP. The line is printable
/// UTF-8 that XML can hold. @throws Error kInvalidArgument when a value is not UTF-8
[[nodiscard]] std::string metadata_to_json(const ImageMetadata& metadata);
/// @throws Error kCorruptFile
[[nodiscard]] ImageMetadata metadata_from_json(const std::string& path, std::string_view json);

/// What comments that hold metadata as JSON begin with, in formats whose comments may be anyone's.
inline constexpr std::string_view kCommentSignature = "Swan metadata: ";
/// The signature and the JSON. @throws Error as metadata_to_json
[[nodiscard]] std::string metadata_to_comment(const ImageMetadata& metadata);
/// The inverse. A comment without the signature is another program's: it is returned under "Comment".
/// @throws Error kCorruptFile
[[nodiscard]] ImageMetadata metadata_from_comment(const std::string& path, std::string_view comment);

/// An XMP packet (ISO 16684-1) with the metadata as its property swan:metadata.
[[nodiscard]] std::string metadata_to_xmp(const ImageMetadata& metadata);
/// The inverse. A packet without the property is another program's: it is returned whole, under the keyword that PNG
/// has for XMP. @throws Error kCorruptFile
[[nodiscard]] ImageMetadata metadata_from_xmp(const std::string& path, std::string_view packet);

}  // namespace swan::io
