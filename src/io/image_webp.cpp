#include <webp/decode.h>
#include <webp/encode.h>
#include <webp/mux.h>

#include <array>
#include <memory>
#include <new>

#include "core/error.h"
#include "io/image_codecs.h"

namespace swan::io {
namespace {

class Picture {
 public:
  Picture() {
    if (WebPPictureInit(&picture) == 0) fail(ErrorCode::kInternal, "cannot use libwebp: its version does not match.");
    WebPMemoryWriterInit(&written);
    picture.writer = WebPMemoryWrite;
    picture.custom_ptr = &written;
  }
  Picture(const Picture&) = delete;
  Picture& operator=(const Picture&) = delete;
  ~Picture() {
    WebPPictureFree(&picture);
    WebPMemoryWriterClear(&written);
  }

  WebPPicture picture{};
  WebPMemoryWriter written{};
};

struct MuxDeleter {
  void operator()(WebPMux* mux) const noexcept { WebPMuxDelete(mux); }
};

class Data {
 public:
  Data() { WebPDataInit(&data); }
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  ~Data() { WebPDataClear(&data); }

  WebPData data{};
};

// Puts the encoded picture and an XMP packet into one extended file.
std::vector<uint8_t> add_xmp(const std::string& path, const WebPMemoryWriter& encoded, const std::string& xmp) {
  const std::unique_ptr<WebPMux, MuxDeleter> mux(WebPMuxNew());
  if (!mux) throw std::bad_alloc();
  const WebPData image{encoded.mem, encoded.size};
  const WebPData packet{reinterpret_cast<const uint8_t*>(xmp.data()), xmp.size()};
  constexpr int kBorrow = 0;  // both outlive the mux
  Data file;
  WebPMuxError error = WebPMuxSetImage(mux.get(), &image, kBorrow);
  if (error == WEBP_MUX_OK) error = WebPMuxSetChunk(mux.get(), "XMP ", &packet, kBorrow);
  if (error == WEBP_MUX_OK) error = WebPMuxAssemble(mux.get(), &file.data);
  if (error == WEBP_MUX_MEMORY_ERROR) throw std::bad_alloc();
  if (error != WEBP_MUX_OK) {
    fail(ErrorCode::kInternal, "cannot add {} bytes of metadata to {}: libwebpmux says: error {}.", xmp.size(), path,
         static_cast<int>(error));
  }
  return {file.data.bytes, file.data.bytes + file.data.size};
}

uint32_t little_endian(const uint8_t* bytes) {
  return uint32_t{bytes[0]} | uint32_t{bytes[1]} << 8U | uint32_t{bytes[2]} << 16U | uint32_t{bytes[3]} << 24U;
}

}  // namespace

std::vector<uint8_t> encode_webp(const std::string& path, const Image& image, const ImageMetadata& metadata,
                                 const SaveImageOptions& options) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION) {
    fail(ErrorCode::kInvalidArgument,
         "cannot save {}: the picture is {}x{}, WebP holds at most {} pixels a side. Save it as .png.", path,
         image.width, image.height, WEBP_MAX_DIMENSION);
  }
  constexpr int kLosslessEffort = 6;  // 0 to 9: libwebp's own default
  WebPConfig config;
  int ready = WebPConfigInit(&config);
  if (options.lossless) {
    ready = ready != 0 ? WebPConfigLosslessPreset(&config, kLosslessEffort) : 0;
  } else {
    config.quality = static_cast<float>(options.quality);
    config.use_sharp_yuv = 1;  // colour edges survive the halved chroma
  }
  if (ready == 0 || WebPValidateConfig(&config) == 0) {
    fail(ErrorCode::kInternal, "cannot encode {} as WebP: libwebp refuses its own settings.", path);
  }
  Picture encoder;
  encoder.picture.use_argb = 1;
  encoder.picture.width = static_cast<int>(image.width);
  encoder.picture.height = static_cast<int>(image.height);
  if (WebPPictureImportRGB(&encoder.picture, image.rgb.data(), static_cast<int>(image.width * 3)) == 0 ||
      WebPEncode(&config, &encoder.picture) == 0) {
    if (encoder.picture.error_code == VP8_ENC_ERROR_OUT_OF_MEMORY) throw std::bad_alloc();
    fail(ErrorCode::kInternal, "cannot encode {} as WebP, {}x{}: libwebp says: error {}.", path, image.width,
         image.height, static_cast<int>(encoder.picture.error_code));
  }
  if (metadata.empty()) return {encoder.written.mem, encoder.written.mem + encoder.written.size};
  return add_xmp(path, encoder.written, metadata_to_xmp(metadata));
}

Image decode_webp(const std::string& path, std::string_view bytes) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto damaged = [&] {
    fail(ErrorCode::kCorruptFile, "cannot read {}: it is not a whole WebP file. Copy or download the file again.",
         path);
  };
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) damaged();
  if (features.has_animation != 0)
    fail(ErrorCode::kUnsupported, "cannot read {}: it is an animation; give a still picture.", path);
  check_read_size(path, static_cast<uint64_t>(features.width), static_cast<uint64_t>(features.height));
  Image image{.width = features.width, .height = features.height, .rgb = {}};
  image.rgb.resize(static_cast<size_t>(image.width * image.height * 3));
  if (WebPDecodeRGBInto(data, bytes.size(), image.rgb.data(), image.rgb.size(), features.width * 3) == nullptr)
    damaged();
  return image;
}

// Walks the RIFF chunks and reads the one with the metadata. libwebpmux would want the whole file in memory.
ImageMetadata read_webp_metadata(const std::string& path, const OpenFile& file) {
  constexpr size_t kFileHeader = 12;  // "RIFF", size, "WEBP"
  constexpr size_t kChunkHeader = 8;  // name, size
  size_t at = kFileHeader;
  for (int chunks = 0; at < file.bytes; ++chunks) {
    if (chunks == kMaxChunks) {
      fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: it has more than {} chunks.", path, kMaxChunks);
    }
    const std::string chunk = read_at(file, path, at, kChunkHeader);
    const uint32_t size = little_endian(reinterpret_cast<const uint8_t*>(chunk.data()) + 4);
    at += kChunkHeader;
    if (size > file.bytes - at) {
      fail(ErrorCode::kCorruptFile,
           "cannot read the metadata of {}: a chunk at byte {} claims {} bytes, but the file has {} left. It is "
           "truncated; copy or download it again.",
           path, at, size, file.bytes - at);
    }
    if (chunk.starts_with("XMP ")) {
      if (size > kMaxMetadataBytes) {
        fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: it has {} bytes, expected at most {}.", path,
             size, kMaxMetadataBytes);
      }
      return metadata_from_xmp(path, read_at(file, path, at, size));
    }
    at += size_t{size} + (size & 1U);  // chunks have even lengths
  }
  return {};
}

}  // namespace swan::io
