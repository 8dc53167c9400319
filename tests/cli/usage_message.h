#pragma once

#include <gtest/gtest.h>

#include <string>

#include "cli/values.h"

namespace swan::cli {

/// What a UsageError of `command` says that `fn` throws; empty when it throws none.
template <typename Fn>
std::string usage_message_of(const char* command, const Fn& fn) {
  try {
    fn();
  } catch (const UsageError& e) {
    EXPECT_EQ(e.command(), command);
    return e.what();
  }
  return "";
}

}  // namespace swan::cli
