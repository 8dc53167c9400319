#pragma once

#include <functional>
#include <string>

#include "swan/export.h"

namespace swan {

enum class LogLevel { kDebug, kInfo, kWarning, kError, kOff };

/// What the library says goes to standard error through spdlog; the default level is kWarning.
SWAN_API void set_log_level(LogLevel level);
/// Sends messages to `sink` instead; an empty function restores standard error. Called under a lock, on any thread.
SWAN_API void set_log_sink(std::function<void(LogLevel, const std::string&)> sink);

}  // namespace swan
