#include "server/sd_prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "server/api_error.h"
#include "server/http/text.h"
#include "server/request_reader.h"

namespace swan::server {

namespace {

ApiError refused(const std::string& message) { return {422, "invalid_value", message, "prompt"}; }

// What stands between "<lora:" and ">": NAME, NAME:SCALE. A third part, other weights for the text encoder, has no
// meaning.
LoraChoice read_choice(std::string_view inside, const std::vector<LoraSource>& loras) {
  const size_t colon = inside.find(':');
  LoraChoice choice = {.name = std::string(trimmed(inside.substr(0, colon)))};
  const bool known =
      std::any_of(loras.begin(), loras.end(), [&](const LoraSource& lora) { return lora.name == choice.name; });
  if (!known) {
    throw refused(fmt::format("there is no LoRA '{}' here; see /sdapi/v1/loras", choice.name.substr(0, 60)));
  }
  if (colon == std::string_view::npos) return choice;
  const std::string_view rest = inside.substr(colon + 1);
  const std::string_view scale = trimmed(rest.substr(0, rest.find(':')));
  const auto [end, error] = std::from_chars(scale.data(), scale.data() + scale.size(), choice.scale);
  if (error != std::errc() || end != scale.data() + scale.size() || !(choice.scale >= -10 && choice.scale <= 10)) {
    throw refused(fmt::format("the scale of LoRA '{}' must be a number from -10 to 10", choice.name));
  }
  return choice;
}

}  // namespace

SdPrompt read_sd_prompt(const std::string& prompt, const std::vector<LoraSource>& loras) {
  constexpr std::string_view kBegin = "<lora:";
  SdPrompt result;
  std::string_view rest = prompt;
  while (true) {
    const size_t begin = rest.find(kBegin);
    const size_t end = begin == std::string_view::npos ? begin : rest.find('>', begin);
    if (end == std::string_view::npos) break;
    result.text += rest.substr(0, begin);
    result.loras.push_back(read_choice(rest.substr(begin + kBegin.size(), end - begin - kBegin.size()), loras));
    if (result.loras.size() > kMaxLoras) throw refused(fmt::format("at most {} LoRAs are taken at once", kMaxLoras));
    rest.remove_prefix(end + 1);
  }
  result.text += rest;
  if (!result.loras.empty()) result.text = std::string(trimmed(result.text));
  return result;
}

}  // namespace swan::server
