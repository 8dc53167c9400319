#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <string_view>
// Apart from the others: it needs FILE and size_t before it.
#include <jpeglib.h>

#include "core/error.h"
#include "io/image_codecs.h"

// libjpeg reports errors through a handler that must not return; ours jumps. As with libpng, no frame that is jumped
// over holds an object with a destructor.
namespace swan::io {
namespace {

constexpr size_t kMaxCommentBytes = 65533;  // a marker's length is 16 bits and counts itself
// Markers before the pixels: Exif, colour profiles, comments.
constexpr size_t kMaxHeaderBytes = 2 * kMaxMetadataBytes;

struct ErrorManager {
  jpeg_error_mgr base{};
  std::jmp_buf jump{};
  std::array<char, JMSG_LENGTH_MAX> text{};
};

// The handlers get a pointer to `base`, the first member of a standard-layout struct.
[[noreturn]] void on_error(j_common_ptr info) {
  auto* errors = reinterpret_cast<ErrorManager*>(info->err);
  (*info->err->format_message)(info, errors->text.data());
  std::longjmp(errors->jump, 1);
}

// Below 0: damage that libjpeg goes on after. Only the first is kept: the others follow from it.
void on_message(j_common_ptr info, int level) {
  if (level >= 0 || info->err->num_warnings++ > 0) return;
  (*info->err->format_message)(info, reinterpret_cast<ErrorManager*>(info->err)->text.data());
}

jpeg_error_mgr* prepare(ErrorManager* errors) {
  jpeg_std_error(&errors->base);
  errors->base.error_exit = on_error;
  errors->base.emit_message = on_message;
  return &errors->base;
}

// A destination that appends to a vector. libjpeg's own memory destination loses its buffer when it jumps.
struct Destination {
  jpeg_destination_mgr base{};
  std::vector<uint8_t>* out = nullptr;
  std::array<uint8_t, 65536> buffer{};
};

void store(j_compress_ptr info, size_t length) {
  auto* destination = reinterpret_cast<Destination*>(info->dest);
  bool stored = true;
  try {
    destination->out->insert(destination->out->end(), destination->buffer.data(), destination->buffer.data() + length);
  } catch (const std::exception&) {  // must not pass through libjpeg, which is C
    stored = false;
  }
  if (!stored) {
    info->err->msg_code = 0;  // "Bogus message code" without further words: the vector could not grow
    (*info->err->error_exit)(reinterpret_cast<j_common_ptr>(info));
  }
  destination->base.next_output_byte = destination->buffer.data();
  destination->base.free_in_buffer = destination->buffer.size();
}

void start_output(j_compress_ptr info) { store(info, 0); }
boolean full_output(j_compress_ptr info) {
  store(info, reinterpret_cast<Destination*>(info->dest)->buffer.size());
  return TRUE;
}
void end_output(j_compress_ptr info) { store(info, sizeof(Destination::buffer) - info->dest->free_in_buffer); }

class Writer {
 public:
  explicit Writer(std::vector<uint8_t>* out) {
    destination_.out = out;
    destination_.base.init_destination = start_output;
    destination_.base.empty_output_buffer = full_output;
    destination_.base.term_destination = end_output;
    info_.err = prepare(&errors_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { jpeg_destroy_compress(&info_); }

  bool write(const Image& image, const std::vector<std::string>& comments, int quality) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_compress(&info_);
    info_.dest = &destination_.base;
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = 3;
    info_.in_color_space = JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    for (int i = 0; i < info_.num_components; ++i) {  // 4:4:4
      info_.comp_info[i].h_samp_factor = 1;
      info_.comp_info[i].v_samp_factor = 1;
    }
    info_.optimize_coding = TRUE;
    info_.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&info_, TRUE);
    for (size_t i = 0; i < comments.size(); ++i) {
      jpeg_write_marker(&info_, JPEG_COM, reinterpret_cast<const JOCTET*>(comments[i].data()),
                        static_cast<unsigned>(comments[i].size()));
    }
    while (info_.next_scanline < info_.image_height) {
      const size_t offset = size_t{info_.next_scanline} * info_.image_width * 3;
      JSAMPROW row = const_cast<JSAMPROW>(image.rgb.data() + offset);  // libjpeg only reads it
      jpeg_write_scanlines(&info_, &row, 1);
    }
    jpeg_finish_compress(&info_);
    return true;
  }
  [[nodiscard]] const char* error() const { return errors_.text.data(); }

 private:
  ErrorManager errors_;
  Destination destination_;
  jpeg_compress_struct info_{};
};

class Reader {
 public:
  Reader() { info_.err = prepare(&errors_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { jpeg_destroy_decompress(&info_); }

  bool read(const std::string& bytes) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_save_markers(&info_, JPEG_COM, 0xFFFF);
    jpeg_mem_src(&info_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    jpeg_read_header(&info_, TRUE);
    return true;
  }
  // The header of a whole file, and RGB as what its pixels are to become.
  bool begin_pixels(std::string_view bytes) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    jpeg_read_header(&info_, TRUE);
    info_.out_color_space = JCS_RGB;
    return true;
  }
  [[nodiscard]] uint32_t width() const { return info_.image_width; }
  [[nodiscard]] uint32_t height() const { return info_.image_height; }
  [[nodiscard]] bool four_inks() const { return info_.num_components > 3; }
  // All rows, into width() * height() * 3 bytes.
  bool read_pixels(uint8_t* pixels) {
    if (setjmp(errors_.jump) != 0) return false;
    jpeg_start_decompress(&info_);
    while (info_.output_scanline < info_.output_height) {
      JSAMPROW row = pixels + size_t{info_.output_scanline} * info_.output_width * 3;
      jpeg_read_scanlines(&info_, &row, 1);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }
  // What libjpeg went on after: a file that ends early is filled with grey.
  [[nodiscard]] bool warned() const { return errors_.base.num_warnings > 0; }
  [[nodiscard]] const char* error() const { return errors_.text.data(); }
  [[nodiscard]] std::vector<std::string> comments() const {
    std::vector<std::string> found;
    for (const jpeg_marker_struct* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      if (marker->marker != JPEG_COM) continue;
      found.emplace_back(reinterpret_cast<const char*>(marker->data), marker->data_length);
    }
    return found;
  }

 private:
  ErrorManager errors_;
  jpeg_decompress_struct info_{};
};

}  // namespace

std::vector<uint8_t> encode_jpeg(const std::string& path, const Image& image, const ImageMetadata& metadata,
                                 int quality) {
  if (image.width > JPEG_MAX_DIMENSION || image.height > JPEG_MAX_DIMENSION) {
    fail(ErrorCode::kInvalidArgument,
         "cannot save {}: the picture is {}x{}, JPEG holds at most {} pixels a side. Save it as .png.", path,
         image.width, image.height, JPEG_MAX_DIMENSION);
  }
  std::vector<std::string> comments;
  if (!metadata.empty()) {
    const std::string json = metadata_to_json(metadata);
    const size_t step = kMaxCommentBytes - kCommentSignature.size();
    for (size_t at = 0; at < json.size(); at += step) {
      comments.push_back(std::string(kCommentSignature) + json.substr(at, step));
    }
  }
  std::vector<uint8_t> bytes;
  const auto writer = std::make_unique<Writer>(&bytes);  // 64 KiB of buffer are too much for a small stack
  if (!writer->write(image, comments, quality)) {
    fail(ErrorCode::kInternal, "cannot encode {} as JPEG, {}x{}: libjpeg says: {}.", path, image.width, image.height,
         writer->error());
  }
  return bytes;
}

Image decode_jpeg(const std::string& path, std::string_view bytes) {
  Reader reader;
  const auto damaged = [&] {
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: it is not a whole JPEG file; libjpeg says: {}. Copy or download the file again.", path,
         reader.error());
  };
  if (!reader.begin_pixels(bytes)) damaged();
  check_read_size(path, reader.width(), reader.height());
  if (reader.four_inks())
    fail(ErrorCode::kUnsupported, "cannot read {}: its colours are CMYK, for printing; save it as RGB.", path);
  Image image{.width = reader.width(), .height = reader.height(), .rgb = {}};
  image.rgb.resize(static_cast<size_t>(image.width * image.height * 3));
  if (!reader.read_pixels(image.rgb.data()) || reader.warned()) damaged();
  return image;
}

ImageMetadata read_jpeg_metadata(const std::string& path, const OpenFile& file) {
  const std::string bytes = read_at(file, path, 0, std::min(file.bytes, kMaxHeaderBytes));
  Reader reader;
  if (!reader.read(bytes)) {
    fail(ErrorCode::kCorruptFile,
         "cannot read the metadata of {}: no whole JPEG header in its first {} bytes; libjpeg says: {}. "
         "Copy or download the file again.",
         path, bytes.size(), reader.error());
  }
  std::string json;
  std::string foreign;
  for (const std::string& comment : reader.comments()) {
    if (comment.starts_with(kCommentSignature)) {
      json.append(comment, kCommentSignature.size());
    } else {
      foreign += (foreign.empty() ? "" : "\n") + comment;
    }
  }
  ImageMetadata metadata;
  if (!json.empty()) metadata = metadata_from_json(path, json);
  if (!foreign.empty()) metadata.emplace("Comment", repair_utf8(foreign));
  return metadata;
}

}  // namespace swan::io
