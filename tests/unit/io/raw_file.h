#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/expect_error.h"

namespace swan::io {

/// The bytes of a safetensors file with exactly this header, whatever it says.
inline std::string raw_safetensors(std::string_view header, std::string_view data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i) & 0xFF);
  return file.append(header).append(data);
}

}  // namespace swan::io
