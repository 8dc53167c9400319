#pragma once

#include <string>

#include "swan/pipeline.h"

namespace swan::cli {

/// `swan info` on one line of JSON, without the newline.
[[nodiscard]] std::string info_json(const ModelInfo& info);
/// A table, and below it what is missing.
[[nodiscard]] std::string info_text(const ModelInfo& info);

/// "11.25 M", "1.6 B", "417"
[[nodiscard]] std::string format_count(int64_t count);

}  // namespace swan::cli
