#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "swan/tensor.h"

namespace swan::io {

/// A file is not what it claims to be. @throws Error kCorruptFile "cannot read PATH: ...; download or export ..."
template <typename... Args>
[[noreturn]] void corrupt(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
  fail(ErrorCode::kCorruptFile, "cannot read {}: {}; download or export the file again.", path,
       fmt::format(format, std::forward<Args>(args)...));
}

/// A name that comes from a file, shortened before it goes into a message.
[[nodiscard]] inline std::string shown(std::string_view name) {
  constexpr size_t kLongest = 120;
  return name.size() <= kLongest ? std::string(name) : std::string(name.substr(0, kLongest)) + "...";
}

/// The shape that a file gives a tensor. @param name  of the tensor, for messages
/// @throws Error kUnsupported for more dimensions than Swan's; kCorruptFile for negative or overflowing ones
[[nodiscard]] Shape shape_in_file(const std::string& path, std::string_view name, std::span<const int64_t> dims);

}  // namespace swan::io
