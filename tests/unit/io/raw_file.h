#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "swan/error.h"

namespace swan::io {

/// The bytes of a safetensors file with exactly this header, whatever it says.
inline std::string raw_safetensors(std::string_view header, std::string_view data) {
  std::string file;
  for (int i = 0; i < 8; ++i) file += static_cast<char>(static_cast<uint64_t>(header.size()) >> (8 * i) & 0xFF);
  return file.append(header).append(data);
}

/// Expects that `action` throws an Error of this code whose message contains every one of `parts`.
template <typename Action>
void expect_error(ErrorCode code, const std::initializer_list<std::string>& parts, const Action& action) {
  try {
    action();
    ADD_FAILURE() << "no error, but " << error_code_name(code) << " was expected";
  } catch (const Error& error) {
    EXPECT_STREQ(error_code_name(error.code()), error_code_name(code)) << error.what();
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
          << "'" << part << "' is not in: " << error.what();
  }
}

}  // namespace swan::io
