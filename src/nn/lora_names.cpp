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

constexpr std::array kWanNames = {
    NamePair{"condition_embedder.time_embedder.linear_1", "time_embedding.0"},
    NamePair{"condition_embedder.time_embedder.linear_2", "time_embedding.2"},
    NamePair{"condition_embedder.time_proj", "time_projection.1"},
    NamePair{"condition_embedder.text_embedder.linear_1", "text_embedding.0"},
    NamePair{"condition_embedder.text_embedder.linear_2", "text_embedding.2"},
    NamePair{"attn1", "self_attn"},
    NamePair{"attn2", "cross_attn"},
    NamePair{"to_q", "q"},
    NamePair{"to_k", "k"},
    NamePair{"to_v", "v"},
    NamePair{"to_out.0", "o"},
    NamePair{"norm2", "norm3"},
    NamePair{"ffn.net.0.proj", "ffn.0"},
    NamePair{"ffn.net.2", "ffn.2"},
    NamePair{"proj_out", "head.head"},
};

}  // namespace

std::optional<std::pair<std::string_view, LoraPart>> split_lora_key(std::string_view key) {
  for (const Ending& ending : kEndings)
    if (key.ends_with(ending.text)) return std::pair(key.substr(0, key.size() - ending.text.size()), ending.part);
  return std::nullopt;
}

std::span<const NamePair> wan_original_names() { return kWanNames; }

std::string original_name(std::string_view module, std::span<const NamePair> names) {
  std::string name = "." + std::string(module) + ".";  // so that components are whole
  for (const NamePair& pair : names) {
    const std::string part = "." + std::string(pair.diffusers) + ".";
    if (const size_t at = name.find(part); at != std::string::npos)
      name.replace(at, part.size(), "." + std::string(pair.original) + ".");
  }
  return name.substr(1, name.size() - 2);
}

LoraNames::LoraNames(std::span<const std::string> modules, std::span<const NamePair> original) {
  for (const std::string& module : modules)
    for (const Format& format : kFormats) {
      if (format.original && original.empty()) continue;
      std::string name = format.original ? original_name(module, original) : module;
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
