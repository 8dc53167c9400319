#pragma once

#include <string>
#include <vector>

#include "server/job_request.h"
#include "server/settings.h"

namespace swan::server {

/// A prompt of /sdapi, whose clients name LoRAs in it.
struct SdPrompt {
  std::string text;  ///< without them
  std::vector<LoraChoice> loras;
};
/// Takes each "<lora:NAME>" and "<lora:NAME:SCALE>" out of a prompt; other text, other things in angles too, stays.
/// @throws ApiError 422 for a LoRA that this server has not, a scale that is none from -10 to 10, or too many
[[nodiscard]] SdPrompt read_sd_prompt(const std::string& prompt, const std::vector<LoraSource>& loras);

}  // namespace swan::server
