#pragma once

#include <nlohmann/json_fwd.hpp>

#include "config/value.h"

namespace swan::config {

/// The value as JSON, in the order of its keys; numbers are numbers.
[[nodiscard]] nlohmann::ordered_json to_ordered_json(const Value& value);
/// The same to be validated: validators know signed numbers of 64 bits, so that larger ones are the largest of these.
[[nodiscard]] nlohmann::json to_json(const Value& value);

}  // namespace swan::config
