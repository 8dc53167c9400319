#pragma once

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>

#include "swan/log.h"

namespace swan::server {

/// Writes what happens as JSON, an object a line: time, level, event, and what belongs to it. Prompts, keys and tokens
/// never get here. Thread-safe; a line is one write.
class Log {
 public:
  /// @param descriptor  of a file, usually standard error
  Log(int descriptor, LogLevel least) : descriptor_(descriptor), least_(least) {}
  void write(LogLevel level, const std::string& event, nlohmann::ordered_json fields = {}) noexcept;

 private:
  const int descriptor_;
  const LogLevel least_;
};

}  // namespace swan::server
