#pragma once

#include <nlohmann/json.hpp>

#include "server/model_pool.h"
#include "server/settings.h"

namespace swan::server {

/// docs/openapi.json with this server's limits (x-limit) and names (x-choices) filled in.
[[nodiscard]] nlohmann::json openapi_document(const ServerSettings& settings, const ModelPool& models);

}  // namespace swan::server
