#pragma once

#include <string>
#include <vector>

namespace swan::server {

/// Names of samplers as /sdapi's clients know them: Swan's own, and for each the usual names of the same method.
[[nodiscard]] std::vector<std::string> sd_sampler_aliases(const std::string& scheduler);
/// All names, Swan's own first.
[[nodiscard]] std::vector<std::string> sd_sampler_choices();
/// Swan's name for one of sd_sampler_choices(); empty for "Automatic", the model's own.
[[nodiscard]] std::string scheduler_of_sampler(const std::string& sampler);

}  // namespace swan::server
