#include "server/sd_samplers.h"

#include <algorithm>
#include <array>

#include "server/request_reader.h"

namespace swan::server {

namespace {
constexpr const char* kAutomatic = "Automatic";

struct Alias {
  const char* sampler;
  const char* scheduler;
};
constexpr std::array kAliases = {
    Alias{"Euler", "flow-euler"},
    Alias{"Heun", "flow-heun"},
    Alias{"LCM", "flow-lcm"},
    Alias{"UniPC", "unipc"},
    Alias{"DPM++ 2M", "dpmsolver++"},
    Alias{"DPM++ 2M SDE", "sde-dpmsolver++"},
    Alias{"DPM++ 3M SDE", "sde-dpmsolver++3m"},
};
}  // namespace

std::vector<std::string> sd_sampler_aliases(const std::string& scheduler) {
  std::vector<std::string> names;
  for (const Alias& alias : kAliases) {
    if (scheduler == alias.scheduler) names.emplace_back(alias.sampler);
  }
  return names;
}

std::vector<std::string> sd_sampler_choices() {
  std::vector<std::string> names = scheduler_choices();
  const std::vector<std::string> known = names;
  for (const Alias& alias : kAliases) {
    if (std::find(known.begin(), known.end(), alias.scheduler) != known.end()) names.emplace_back(alias.sampler);
  }
  names.emplace_back(kAutomatic);
  return names;
}

std::string scheduler_of_sampler(const std::string& sampler) {
  if (sampler == kAutomatic) return "";
  for (const Alias& alias : kAliases) {
    if (sampler == alias.sampler) return alias.scheduler;
  }
  return sampler;
}

}  // namespace swan::server
