#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

namespace swan::io {

/// The config.json of the published model of a class, for files that have none beside them; null for a class that no
/// CheckpointFormat is of.
[[nodiscard]] nlohmann::json default_model_config(std::string_view class_name);
/// The scheduler_config.json of a pipeline's published repositories; null for other pipelines.
[[nodiscard]] nlohmann::json default_scheduler_config(std::string_view pipeline);
/// Its text: JSON as Python writes it, with -Infinity; "" for other pipelines.
[[nodiscard]] std::string_view default_scheduler_text(std::string_view pipeline);

}  // namespace swan::io
