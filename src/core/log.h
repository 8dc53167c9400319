#pragma once

#include <fmt/format.h>

#include "swan/log.h"

namespace swan {

void log_message(LogLevel level, const std::string& message);
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

template <typename... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(level)) log_message(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace swan
