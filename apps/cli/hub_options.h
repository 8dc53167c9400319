#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <vector>

#include "cli/arguments.h"
#include "cli/console.h"
#include "swan/hub.h"
#include "swan/pipeline.h"

namespace swan::cli {

/// Which hub, and how. @throws UsageError
[[nodiscard]] HubOptions hub_options(const HubArguments& arguments);

/// --connections, or what it is without. @throws UsageError
[[nodiscard]] int connections_of(const std::optional<std::string>& given, int otherwise);

/// Patterns as they are. @param option  "--include";  @throws UsageError for an empty one
[[nodiscard]] const std::vector<std::string>& check_patterns(const char* option,
                                                             const std::vector<std::string>& patterns);

/// Progress and news of transfers on the console. @param console, cancelled  live as long
[[nodiscard]] HubCallbacks hub_callbacks(Console& console, const std::atomic<bool>& cancelled);

/// The one place where models of a hub become paths: to be called before a model is opened or looked at. Says on
/// standard error what is downloaded. @throws UsageError when --revision is given for what is no name of a hub; Error
/// as pull_model
void fetch_models(const HubArguments& arguments, Console& console, const std::atomic<bool>& cancelled,
                  std::string& model, LoadOptions& load);

}  // namespace swan::cli
