#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "server/settings.h"
#include "swan/log.h"

namespace swan::server {

/// Serves until `stop` is set: then takes no more jobs, lets those that run finish, answers those that wait, and
/// returns. @param ready  called once requests are taken, with the address: "http://127.0.0.1:7860"
/// @throws Error where it cannot begin: a model that is damaged, a port or folder in use
void serve(const ServerSettings& settings, const std::atomic<bool>& stop, LogLevel log_level,
           const std::function<void(const std::string& url)>& ready);

/// "127.0.0.1", "::1", "localhost" and the like
[[nodiscard]] bool is_loopback(const std::string& host);

}  // namespace swan::server
