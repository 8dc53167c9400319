#pragma once

#include <functional>
#include <string>

#include "cli/arguments.h"
#include "server/settings.h"
#include "swan/log.h"

namespace swan::cli {

struct ServeJob {
  server::ServerSettings settings;
  int threads = 0;  ///< 0: all
  LogLevel log_level = LogLevel::kInfo;
};

/// Converts and checks what was typed. Reads the file of API keys, and $SWAN_API_KEYS.
/// @throws UsageError naming the option; Error kNotFound, kIo, kInvalidArgument for the file
/// @param fetch  makes a path of the name of a hub's model, and leaves others as they are
[[nodiscard]] ServeJob make_serve_job(const ServeArguments& arguments,
                                      const std::function<void(std::string& model, LoadOptions& load)>& fetch);

}  // namespace swan::cli
