#pragma once

#include <cstdint>
#include <string>

namespace swan::server {

/// What a Range header asks for of a file (RFC 9110 14.2).
struct RangeChoice {
  enum class Kind {
    kWhole,  ///< it is none that is understood, or several at once: all is sent, which is always allowed
    kPart,
    kNone  ///< it lies outside
  };
  Kind kind = Kind::kWhole;
  uint64_t offset = 0, length = 0;
};
[[nodiscard]] RangeChoice choose_range(const std::string& range, uint64_t size) noexcept;

/// Whether an If-None-Match header names this tag.
[[nodiscard]] bool names_etag(const std::string& header, const std::string& etag);

}  // namespace swan::server
