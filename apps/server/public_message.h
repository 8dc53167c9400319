#pragma once

#include <string>

#include "server/settings.h"

namespace swan::server {

/// A message of the engine as a client may read it: paths of this machine are replaced, those of models and LoRAs (and
/// what is below them) by the names that requests know them by, other absolute ones by their last part.
[[nodiscard]] std::string public_message(const std::string& message, const ServerSettings& settings);

}  // namespace swan::server
