#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "swan/error.h"

namespace swan {

/// Expects that `fn` throws an Error of this code whose message has each of the parts.
template <typename Fn>
void expect_error(ErrorCode code, const std::vector<std::string>& parts, const Fn& fn) {
  try {
    fn();
    ADD_FAILURE() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    for (const std::string& part : parts)
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << "no '" << part << "' in: " << error.what();
  }
}

}  // namespace swan
