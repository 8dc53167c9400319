#pragma once

#include <string>
#include <utility>

#include "core/error.h"

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

}  // namespace swan::io
