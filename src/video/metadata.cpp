#include "video/metadata.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "io/image_codecs.h"

namespace swan::video {
namespace {

[[noreturn]] void truncated(const std::string& path, const char* what, size_t at, uint64_t claimed, size_t left) {
  fail(ErrorCode::kCorruptFile,
       "cannot read the metadata of {}: {} at byte {} claims {} bytes, but {} are left. It is truncated; copy or "
       "download it again.",
       path, what, at, claimed, left);
}

[[noreturn]] void too_many(const std::string& path, const char* what) {
  fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: it has more than {} {}.", path, io::kMaxChunks, what);
}

uint64_t big_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8U | static_cast<uint8_t>(byte);
  return value;
}

// Small reads at growing offsets, as one of many bytes.
class Window {
 public:
  Window(const std::string& path, const io::OpenFile& file) : path_(path), file_(file) {}
  [[nodiscard]] size_t size() const { return file_.bytes; }
  [[nodiscard]] const std::string& path() const { return path_; }
  // Valid until the next call. @throws Error kCorruptFile when the file ends before
  std::string_view read(size_t at, size_t bytes) {
    if (at < start_ || bytes > held_.size() || at - start_ > held_.size() - bytes) {
      constexpr size_t kBytes = 4096;
      const size_t left = at < file_.bytes ? file_.bytes - at : 0;
      held_ = io::read_at(file_, path_, at, std::max(bytes, std::min(kBytes, left)));
      start_ = at;
    }
    return std::string_view(held_).substr(at - start_, bytes);
  }
  // A text as long as the file says. @throws Error kCorruptFile when that is too long
  std::string read_text(size_t at, size_t bytes) {
    if (bytes > io::kMaxMetadataBytes) {
      fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: it has {} bytes, expected at most {}.", path_,
           bytes, io::kMaxMetadataBytes);
    }
    return io::read_at(file_, path_, at, bytes);
  }

 private:
  const std::string& path_;
  const io::OpenFile& file_;
  std::string held_;
  size_t start_ = 0;
};

// A part of the file: what one box or element holds.
struct Span {
  size_t begin = 0, end = 0;
};

// --- MP4 (ISO/IEC 14496-12): boxes of a size, a name and a content.

// The content of the first box called `name` in `parent`.
std::optional<Span> find_box(Window& file, Span parent, std::string_view name) {
  size_t at = parent.begin;
  for (int boxes = 0; at < parent.end; ++boxes) {
    if (boxes == io::kMaxChunks) too_many(file.path(), "boxes");
    const size_t left = parent.end - at;
    if (left < 8) return std::nullopt;  // QuickTime ends a list with four zero bytes
    const std::string head(file.read(at, 8));
    uint64_t size = big_endian(head.substr(0, 4));
    size_t header = 8;
    if (size == 1) {  // the size has 64 bits and follows
      header = 16;
      if (left < header) truncated(file.path(), "a box", at, header, left);
      size = big_endian(file.read(at + 8, 8));
    } else if (size == 0) {  // up to the end
      size = left;
    }
    if (size < header || size > left) truncated(file.path(), "a box", at, size, left);
    if (head.substr(4) == name) return Span{at + header, at + static_cast<size_t>(size)};
    at += static_cast<size_t>(size);
  }
  return std::nullopt;
}

// --- WebM (Matroska, RFC 9559 in RFC 8794's EBML): elements of an identifier, a size and a content.

constexpr uint64_t kSegment = 0x18538067, kTags = 0x1254C367, kTag = 0x7373, kSimpleTag = 0x67C8, kTagName = 0x45A3,
                   kTagString = 0x4487;

struct Element {
  uint64_t id = 0;
  Span content;
  bool endless = false;  // of unknown size: a live stream's
};

// A number whose first byte says by its leading zero bits how many bytes it has. Moves `at`.
uint64_t read_vint(Window& file, size_t& at, size_t end, int max_bytes, bool keep_marker) {
  if (at >= end) truncated(file.path(), "an element", at, 1, 0);
  const auto first = static_cast<uint8_t>(file.read(at, 1)[0]);
  const int bytes = std::countl_zero(first) + 1;
  if (bytes > max_bytes) {
    fail(ErrorCode::kCorruptFile,
         "cannot read the metadata of {}: no element begins at byte {}, where one is expected. It is damaged; copy or "
         "download it again.",
         file.path(), at);
  }
  if (static_cast<size_t>(bytes) > end - at)
    truncated(file.path(), "an element", at, static_cast<uint64_t>(bytes), end - at);
  uint64_t value = big_endian(file.read(at, static_cast<size_t>(bytes)));
  if (!keep_marker) value &= (uint64_t{1} << (7 * bytes)) - 1;
  at += static_cast<size_t>(bytes);
  // All ones: unknown.
  if (!keep_marker && value == (uint64_t{1} << (7 * bytes)) - 1) return UINT64_MAX;
  return value;
}

Element read_element(Window& file, size_t at, size_t end) {
  const size_t start = at;
  Element element;
  element.id = read_vint(file, at, end, 4, true);
  const uint64_t size = read_vint(file, at, end, 8, false);
  element.endless = size == UINT64_MAX;
  if (!element.endless && size > end - at) truncated(file.path(), "an element", start, size, end - at);
  element.content = {at, element.endless ? end : at + static_cast<size_t>(size)};
  return element;
}

// Calls `visit` for each child of `parent` until it returns true. @return whether it did
template <typename Visit>
bool find_element(Window& file, Span parent, const Visit& visit) {
  size_t at = parent.begin;
  for (int elements = 0; at < parent.end; ++elements) {
    if (elements == io::kMaxChunks) too_many(file.path(), "elements");
    const Element element = read_element(file, at, parent.end);
    if (visit(element)) return true;
    at = element.content.end;
  }
  return false;
}

// The text of a SimpleTag called COMMENT.
std::optional<std::string> comment_of(Window& file, Span simple_tag) {
  std::string name;
  Span text;
  find_element(file, simple_tag, [&](const Element& element) {
    if (element.id == kTagName && element.content.end - element.content.begin <= 64)
      name = file.read_text(element.content.begin, element.content.end - element.content.begin);
    if (element.id == kTagString) text = element.content;
    return false;
  });
  if (name != "COMMENT" && name != "comment") return std::nullopt;
  std::string comment = file.read_text(text.begin, text.end - text.begin);
  if (const size_t zero = comment.find('\0'); zero != std::string::npos) comment.resize(zero);  // padding
  return comment;
}

// --- GIF89a: blocks; the data in each is cut into pieces of up to 255 bytes, and an empty one ends it.

void skip(Window& file, size_t& at, size_t bytes) {
  if (bytes > file.size() - at) truncated(file.path(), "a block", at, bytes, file.size() - at);
  at += bytes;
}

uint8_t take_byte(Window& file, size_t& at) {
  const auto byte = static_cast<uint8_t>(file.read(at, 1)[0]);
  ++at;
  return byte;
}

// Passes the pieces of a block; adds them to `text` when there is one.
void pass_pieces(Window& file, size_t& at, std::string* text) {
  while (const size_t bytes = take_byte(file, at)) {
    if (text != nullptr) {
      *text += file.read(at, bytes);
      if (text->size() > io::kMaxMetadataBytes) {
        fail(ErrorCode::kCorruptFile, "cannot read the metadata of {}: its comment has more than {} bytes.",
             file.path(), io::kMaxMetadataBytes);
      }
    }
    skip(file, at, bytes);
  }
}

size_t palette_bytes(uint8_t flags) { return (flags & 0x80U) != 0 ? size_t{3} << ((flags & 7U) + 1) : 0; }

}  // namespace

ImageMetadata read_mp4_metadata(const std::string& path, const io::OpenFile& file) {
  Window window(path, file);
  std::optional<Span> box = Span{0, file.bytes};
  for (const std::string_view name : {"moov", "udta", "meta"}) {
    box = find_box(window, *box, name);
    if (!box) return {};
  }
  // MP4's meta begins with a version and flags, QuickTime's does not.
  if (box->end - box->begin >= 8 && window.read(box->begin + 4, 4) != "hdlr") box->begin += 4;
  for (const std::string_view name : {"ilst",
                                      "\xA9"
                                      "cmt",
                                      "data"}) {
    box = find_box(window, *box, name);
    if (!box) return {};
  }
  constexpr size_t kTypeAndLocale = 8;
  if (box->end - box->begin < kTypeAndLocale) return {};
  box->begin += kTypeAndLocale;
  return io::metadata_from_comment(path, window.read_text(box->begin, box->end - box->begin));
}

ImageMetadata read_webm_metadata(const std::string& path, const io::OpenFile& file) {
  Window window(path, file);
  std::optional<std::string> comment;
  const auto visit_tag = [&](const Element& element) {
    if (element.id == kSimpleTag) comment = comment_of(window, element.content);
    return comment.has_value();
  };
  const auto visit_tags = [&](const Element& element) {
    return element.id == kTag && find_element(window, element.content, visit_tag);
  };
  const auto visit_segment = [&](const Element& element) {
    if (element.id == kTags) return find_element(window, element.content, visit_tags);
    return element.endless;  // its end is not known without its children
  };
  find_element(window, {0, file.bytes}, [&](const Element& element) {
    return element.id == kSegment && find_element(window, element.content, visit_segment);
  });
  if (!comment) return {};
  return io::metadata_from_comment(path, *comment);
}

ImageMetadata read_gif_metadata(const std::string& path, const io::OpenFile& file) {
  constexpr size_t kHeader = 13, kImage = 9;
  constexpr uint8_t kTrailer = 0x3B, kExtension = 0x21, kPicture = 0x2C, kComment = 0xFE;
  Window window(path, file);
  size_t at = 0;
  const auto flags = static_cast<uint8_t>(window.read(0, kHeader)[10]);
  skip(window, at, kHeader);
  skip(window, at, palette_bytes(flags));
  std::string foreign;
  for (int blocks = 0; blocks < io::kMaxChunks; ++blocks) {
    const size_t start = at;
    switch (take_byte(window, at)) {
      case kTrailer:
        if (foreign.empty()) return {};
        return io::metadata_from_comment(path, foreign);
      case kExtension:
        if (take_byte(window, at) == kComment) {
          std::string text;
          pass_pieces(window, at, &text);
          if (text.starts_with(io::kCommentSignature)) return io::metadata_from_comment(path, text);
          if (foreign.empty()) foreign = std::move(text);
        } else {
          pass_pieces(window, at, nullptr);
        }
        break;
      case kPicture: {
        const auto picture_flags = static_cast<uint8_t>(window.read(at, kImage)[8]);
        skip(window, at, kImage);
        skip(window, at, palette_bytes(picture_flags));
        skip(window, at, 1);  // size of the codes
        pass_pieces(window, at, nullptr);
        break;
      }
      default:
        fail(
            ErrorCode::kCorruptFile,
            "cannot read the metadata of {}: no block begins at byte {}, where one is expected. It is damaged; copy or "
            "download it again.",
            path, start);
    }
  }
  too_many(path, "blocks");
}

}  // namespace swan::video
