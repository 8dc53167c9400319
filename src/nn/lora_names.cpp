#include "nn/lora_names.h"

#include <algorithm>
#include <array>

namespace swan::nn {

namespace {

struct Ending {
  std::string_view text;
  LoraPart part;
};
constexpr std::array kEndings = {
    // PEFT and diffusers
    Ending{".lora_A.weight", LoraPart::kDown},
    Ending{".lora_B.weight", LoraPart::kUp},
    Ending{".lora_B.bias", LoraPart::kUpBias},
    Ending{".lora_A.default.weight", LoraPart::kDown},
    Ending{".lora_B.default.weight", LoraPart::kUp},
    Ending{".lora_magnitude_vector", LoraPart::kMagnitude},
    Ending{".lora_magnitude_vector.weight", LoraPart::kMagnitude},
    // diffusers before PEFT
    Ending{".lora.down.weight", LoraPart::kDown},
    Ending{".lora.up.weight", LoraPart::kUp},
    // kohya, ComfyUI
    Ending{".lora_down.weight", LoraPart::kDown},
    Ending{".lora_up.weight", LoraPart::kUp},
    Ending{".alpha", LoraPart::kAlpha},
    Ending{".dora_scale", LoraPart::kMagnitude},
    Ending{".diff", LoraPart::kWeightDelta},
    Ending{".diff_b", LoraPart::kBiasDelta},
};

// How a format writes a module's name.
struct Format {
  const char* prefix;
  char separator;  // between components
  bool original;   // in the names of the network as first published, rather than diffusers'
};
constexpr std::array kFormats = {
    Format{"transformer.", '.', false},      // diffusers
    Format{"", '.', false},                  // the same, as some save the transformer's part alone
    Format{"diffusion_model.", '.', false},  // ComfyUI
    Format{"diffusion_model.", '.', true},   //
    Format{"", '.', true},                   //
    Format{"lora_unet_", '_', false},        // kohya and what descends from it
    Format{"lora_unet_", '_', true},         //
    Format{"lora_transformer_", '_', false},
};

}  // namespace

std::optional<std::pair<std::string_view, LoraPart>> split_lora_key(std::string_view key) {
  for (const Ending& ending : kEndings)
    if (key.ends_with(ending.text)) return std::pair(key.substr(0, key.size() - ending.text.size()), ending.part);
  return std::nullopt;
}

std::string original_name(const std::string& module, const io::KeyMap& names) {
  constexpr std::string_view kWeight = ".weight";
  const auto place = names.to_original(module + std::string(kWeight));
  if (!place || place->parts > 1 || !place->name.ends_with(kWeight)) return module;
  return place->name.substr(0, place->name.size() - kWeight.size());
}

LoraNames::LoraNames(std::span<const std::string> modules, const io::KeyMap* original) {
  for (const std::string& module : modules)
    for (const Format& format : kFormats) {
      if (format.original && original == nullptr) continue;
      std::string name = format.original ? original_name(module, *original) : module;
      std::replace(name.begin(), name.end(), '.', format.separator);
      modules_.emplace(format.prefix + name, module);
    }
}

const std::string* LoraNames::find(std::string_view stem) const {
  const auto found = modules_.find(stem);
  return found == modules_.end() ? nullptr : &found->second;
}

std::string LoraNames::nearest(std::string_view stem) const {
  size_t most = 0;
  std::string best;
  for (const auto& [name, module] : modules_) {
    const size_t least = std::min(name.size(), stem.size());
    size_t shared = 0, end = 0;
    while (shared < least && name[shared] == stem[shared]) ++shared;
    while (shared + end < least && name[name.size() - 1 - end] == stem[stem.size() - 1 - end]) ++end;
    if (best.empty() || shared + end > most) {
      most = shared + end;
      best = name;
    }
  }
  return best;
}

}  // namespace swan::nn
