#pragma once

#include <string>

namespace swan {

/// A low-rank adapter of a transformer, in diffusers' (PEFT), kohya's or the original network's naming.
struct Lora {
  std::string path;    ///< a safetensors file, or a folder with pytorch_lora_weights.safetensors
  double scale = 1.0;  ///< what its change of the weights is multiplied by; negative: the opposite
  [[nodiscard]] bool operator==(const Lora&) const = default;
};

}  // namespace swan
