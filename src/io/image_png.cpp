#include <png.h>

#include <array>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>

#include "core/error.h"
#include "io/image_codecs.h"

// libpng reports errors by longjmp. The functions that call setjmp here hold only trivial objects, and so does every
// frame above them; what has a destructor belongs to their callers.
namespace swan::io {
namespace {

struct ErrorText {
  std::array<char, 200> text{};
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* error = static_cast<ErrorText*>(png_get_error_ptr(png));
  (void)std::snprintf(error->text.data(), error->text.size(), "%s", message);
  png_longjmp(png, 1);
}

void on_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void append_bytes(png_structp png, png_bytep data, size_t length) {
  auto* out = static_cast<std::vector<uint8_t>*>(png_get_io_ptr(png));
  bool stored = true;
  try {
    out->insert(out->end(), data, data + length);
  } catch (const std::exception&) {  // must not pass through libpng, which is C
    stored = false;
  }
  if (!stored) png_error(png, "out of memory");
}

void flush_nothing(png_structp /*png*/) {}

class Writer {
 public:
  Writer() : png_(png_create_write_struct(PNG_LIBPNG_VER_STRING, &error_, on_error, on_warning)) {
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_write_struct(&png_, &info_);
      throw std::bad_alloc();
    }
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { png_destroy_write_struct(&png_, &info_); }

  bool write(const Image& image, const png_text* texts, int count, std::vector<uint8_t>* out) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_write_fn(png_, out, append_bytes, flush_nothing);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(png_, info_, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                 PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (count > 0) png_set_text(png_, info_, texts, count);
    png_write_info(png_, info_);
    for (int64_t y = 0; y < image.height; ++y) {
      png_write_row(png_, image.rgb.data() + static_cast<size_t>(y * image.width * 3));
    }
    png_write_end(png_, nullptr);
    return true;
  }
  [[nodiscard]] const char* error() const { return error_.text.data(); }

 private:
  ErrorText error_;
  png_structp png_;
  png_infop info_ = nullptr;
};

// What one reading may hold at a time. Compressed text grows a thousandfold, in as many chunks as the file likes, and
// libpng's own limits are per chunk. Each block carries its size in front.
struct Budget {
  size_t left = 4 * kMaxMetadataBytes;
};
constexpr size_t kBlockHeader = alignof(std::max_align_t);

png_voidp budget_malloc(png_structp png, png_alloc_size_t size) {
  auto* budget = static_cast<Budget*>(png_get_mem_ptr(png));
  if (size > budget->left) return nullptr;
  void* block = std::malloc(kBlockHeader + size);
  if (block == nullptr) return nullptr;
  budget->left -= size;
  std::memcpy(block, &size, sizeof size);
  return static_cast<char*>(block) + kBlockHeader;
}

void budget_free(png_structp png, png_voidp pointer) {
  if (pointer == nullptr) return;
  void* block = static_cast<char*>(pointer) - kBlockHeader;
  png_alloc_size_t size = 0;
  std::memcpy(&size, block, sizeof size);
  static_cast<Budget*>(png_get_mem_ptr(png))->left += size;
  std::free(block);
}

void read_bytes(png_structp png, png_bytep data, size_t length) {
  auto* input = static_cast<std::string_view*>(png_get_io_ptr(png));
  if (length > input->size()) png_error(png, "the file ends too early");
  std::memcpy(data, input->data(), length);
  input->remove_prefix(length);
}

class Reader {
 public:
  Reader()
      : png_(png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &error_, on_error, on_warning, &budget_, budget_malloc,
                                      budget_free)) {
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      throw std::bad_alloc();
    }
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }

  // Up to the first chunk of pixels.
  bool read(std::string_view* input) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, input, read_bytes);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // no pixel is decoded
    png_set_chunk_malloc_max(png_, kMaxMetadataBytes);
    png_set_chunk_cache_max(png_, 1000);
    png_set_crc_action(png_, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_read_info(png_, info_);
    return true;
  }
  // The header of a whole file, with every kind of pixel turned into 8-bit RGB.
  bool begin_pixels(std::string_view* input) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    png_set_read_fn(png_, input, read_bytes);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // our own check says more
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_set_chunk_malloc_max(png_, kMaxMetadataBytes);
    png_set_chunk_cache_max(png_, 1000);
    png_read_info(png_, info_);
    png_set_expand(png_);
    png_set_strip_16(png_);
    png_set_gray_to_rgb(png_);
    png_set_strip_alpha(png_);
    passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }
  [[nodiscard]] uint32_t width() const { return png_get_image_width(png_, info_); }
  [[nodiscard]] uint32_t height() const { return png_get_image_height(png_, info_); }
  [[nodiscard]] size_t row_bytes() const { return png_get_rowbytes(png_, info_); }
  // All rows, into height() * row_bytes() bytes.
  bool read_pixels(uint8_t* pixels) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    for (int pass = 0; pass < passes_; ++pass) {
      for (uint32_t y = 0; y < height(); ++y) png_read_row(png_, pixels + y * row_bytes(), nullptr);
    }
    png_read_end(png_, nullptr);
    return true;
  }
  [[nodiscard]] const char* error() const { return error_.text.data(); }
  [[nodiscard]] ImageMetadata text() const {
    png_textp texts = nullptr;
    int count = 0;
    png_get_text(png_, info_, &texts, &count);
    ImageMetadata metadata;
    for (int i = 0; i < count; ++i) {
      const png_text& text = texts[i];
      const bool utf8 = text.compression == PNG_ITXT_COMPRESSION_NONE || text.compression == PNG_ITXT_COMPRESSION_zTXt;
      const std::string value(text.text, utf8 ? text.itxt_length : text.text_length);
      metadata[latin1_to_utf8(text.key)] = utf8 ? repair_utf8(value) : latin1_to_utf8(value);
    }
    return metadata;
  }

 private:
  ErrorText error_;
  Budget budget_;
  png_structp png_;
  png_infop info_ = nullptr;
  int passes_ = 1;  // of an interlaced picture several
};

// The file without all that is not needed: its header and text chunks, wherever they stand, and the start of an empty
// chunk of pixels, where libpng stops. So the pixels of a large file are not even read.
std::string reduce(const std::string& path, const OpenFile& file) {
  constexpr size_t kSignature = 8;
  constexpr size_t kFrame = 12;  // length, name, checksum
  std::string reduced = read_at(file, path, 0, kSignature);
  size_t at = kSignature;
  for (int chunks = 0; chunks < kMaxChunks; ++chunks) {
    const std::string head = read_at(file, path, at, 8);
    const size_t length = png_get_uint_32(reinterpret_cast<png_const_bytep>(head.data()));
    const std::string_view name = std::string_view(head).substr(4);
    if (length > file.bytes - at || kFrame > file.bytes - at - length) {
      fail(ErrorCode::kCorruptFile,
           "cannot read the metadata of {}: a chunk at byte {} claims {} bytes, but the file has {} left. It is "
           "truncated; copy or download it again.",
           path, at, length, file.bytes - at);
    }
    if (name == "IHDR" || name == "tEXt" || name == "zTXt" || name == "iTXt") {
      if (length > kMaxMetadataBytes || reduced.size() + length > 2 * kMaxMetadataBytes) {
        fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: a text chunk has {} bytes, expected at most {}.",
             path, length, kMaxMetadataBytes);
      }
      reduced += read_at(file, path, at, kFrame + length);
    } else if (name == "IEND") {
      return reduced.append(4, '\0') + "IDAT";
    }
    at += kFrame + length;
  }
  fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: it has more than {} chunks.", path, kMaxChunks);
}

}  // namespace

std::vector<uint8_t> encode_png(const std::string& path, const Image& image, const ImageMetadata& metadata) {
  std::vector<std::string> keys;
  std::vector<std::string> values;
  for (const auto& [key, value] : metadata) {
    keys.push_back(keyword_to_latin1(key));
    values.push_back(value);  // png_text wants pointers that are not const
  }
  char none[] = "";
  std::vector<png_text> texts(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    texts[i].compression = PNG_ITXT_COMPRESSION_NONE;
    texts[i].key = keys[i].data();
    texts[i].text = values[i].data();
    texts[i].itxt_length = values[i].size();
    texts[i].lang = none;
    texts[i].lang_key = none;
  }
  std::vector<uint8_t> bytes;
  Writer writer;
  if (!writer.write(image, texts.data(), static_cast<int>(texts.size()), &bytes)) {
    fail(ErrorCode::kInternal, "cannot encode {} as PNG, {}x{}: libpng says: {}.", path, image.width, image.height,
         writer.error());
  }
  return bytes;
}

Image decode_png(const std::string& path, std::string_view bytes) {
  Reader reader;
  const auto damaged = [&] {
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: it is not a whole PNG file; libpng says: {}. Copy or download the file again.", path,
         reader.error());
  };
  if (!reader.begin_pixels(&bytes)) damaged();
  check_read_size(path, reader.width(), reader.height());
  SWAN_ASSERT(reader.row_bytes() == size_t{reader.width()} * 3);
  Image image{.width = reader.width(), .height = reader.height(), .rgb = {}};
  image.rgb.resize(reader.row_bytes() * reader.height());
  if (!reader.read_pixels(image.rgb.data())) damaged();
  return image;
}

ImageMetadata read_png_metadata(const std::string& path, const OpenFile& file) {
  const std::string reduced = reduce(path, file);
  std::string_view input = reduced;
  Reader reader;
  if (!reader.read(&input)) {
    fail(ErrorCode::kCorruptFile,
         "cannot read the metadata of {}: it is not a whole PNG file; libpng says: {}. "
         "Copy or download the file again.",
         path, reader.error());
  }
  return reader.text();
}

}  // namespace swan::io
