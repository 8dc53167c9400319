#include "cli/generate_job.h"

#include "cli/settings.h"

namespace swan::cli {

std::string settings_to_repeat(const GenerateArguments& a, const std::string& command,
                               std::vector<std::string> replaced) {
  if (a.latents) replaced.emplace_back("initial_latents");
  if (a.positional_prompt || !a.prompt.empty() || a.prompts || a.prompt_embeds) {
    replaced.insert(replaced.end(), {"prompt_embeds", "negative_prompt_embeds"});
  }
  return without_settings(read_settings(*a.from, command), replaced);
}

}  // namespace swan::cli
