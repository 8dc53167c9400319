#pragma once

#include <string>
#include <vector>

namespace swan::pipelines {

/// The instruction that goes before a prompt for models trained with one, when the request does not say.
[[nodiscard]] const std::vector<std::string>& default_complex_human_instruction();

}  // namespace swan::pipelines
