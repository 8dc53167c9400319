#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/checkpoint/key_map.h"

namespace swan::nn {

/// What a tensor of a LoRA file is of its module.
enum class LoraPart {
  kDown,         ///< A, [r, K]
  kUp,           ///< B, [N, r]
  kUpBias,       ///< [N], added to B's output
  kAlpha,        ///< one number; the update is multiplied by alpha / r
  kMagnitude,    ///< DoRA's norm of each row of the weight, [N]
  kWeightDelta,  ///< added to the weight, of its shape
  kBiasDelta,    ///< added to the bias, [N]
};

/// A key without its ending, and what the ending says; nothing where no ending is known. Endings are a table:
/// ".lora_A.weight", ".lora_down.weight", ".alpha", ".diff_b", ...
[[nodiscard]] std::optional<std::pair<std::string_view, LoraPart>> split_lora_key(std::string_view key);

/// What a network's publisher calls a module; its name itself where the names agree, or the publisher has no module for
/// it alone. @param module  diffusers' name
[[nodiscard]] std::string original_name(const std::string& module, const io::KeyMap& names);

/// The names under which LoRA files of all formats know a network's modules.
class LoraNames {
 public:
  /// @param modules   diffusers' names, "blocks.0.attn1.to_q"
  /// @param original  those of the network as first published, which ComfyUI, kohya and distilled LoRAs use; null: it
  ///                  has no others
  LoraNames(std::span<const std::string> modules, const io::KeyMap* original);

  /// The module in diffusers' naming; null: none. @param stem  a key without its ending
  [[nodiscard]] const std::string* find(std::string_view stem) const;
  /// The known name that shares most of its beginning and end with the stem.
  [[nodiscard]] std::string nearest(std::string_view stem) const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const noexcept { return modules_; }

 private:
  std::map<std::string, std::string, std::less<>> modules_;  // by name in a file
};

}  // namespace swan::nn
