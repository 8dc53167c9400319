#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "io/corrupt_file.h"

namespace swan::io {

static_assert(std::endian::native == std::endian::little, "files are read as they lie");

/// Reads little-endian numbers and pieces of bytes in their order, never beyond the end.
class ByteReader {
 public:
  /// @param bytes, path  outlive the reader;  @param what  the part of the file that they are, for messages: "its
  ///        pickle"
  ByteReader(std::string_view bytes, const std::string& path, const char* what)
      : bytes_(bytes), path_(path), what_(what) {}

  [[nodiscard]] size_t position() const noexcept { return position_; }
  [[nodiscard]] size_t left() const noexcept { return bytes_.size() - position_; }

  /// The next `count` bytes. @throws Error kCorruptFile when there are fewer
  std::string_view take(uint64_t count) {
    if (count > left())
      corrupt(path_, "{} ends after {} bytes, and {} more were expected at byte {}", what_, bytes_.size(), count,
              position_);
    const std::string_view piece = bytes_.substr(position_, static_cast<size_t>(count));
    position_ += piece.size();
    return piece;
  }
  /// The bytes before the next end of line, which is skipped. @throws Error kCorruptFile when there is none
  std::string_view line() {
    const size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) corrupt(path_, "{} ends in the middle of a line", what_);
    const std::string_view piece = bytes_.substr(position_, end - position_);
    position_ = end + 1;
    return piece;
  }
  /// @throws Error kCorruptFile when it is not there
  template <typename T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  std::string_view bytes_;
  const std::string& path_;
  const char* what_;
  size_t position_ = 0;
};

}  // namespace swan::io
