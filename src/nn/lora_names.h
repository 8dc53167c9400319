#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// A part of a module's name in diffusers and in the network as first published, whole components of dotted paths.
struct NamePair {
  const char* diffusers;
  const char* original;
};
/// Of Wan's transformer, of which ComfyUI's, kohya's and the distilled LoRAs are. Ref: Wan2.1 wan/modules/model.py
[[nodiscard]] std::span<const NamePair> wan_original_names();
/// A module's original name: every pair that occurs in it is replaced.
[[nodiscard]] std::string original_name(std::string_view module, std::span<const NamePair> names);

/// The names under which LoRA files of all formats know a network's modules.
class LoraNames {
 public:
  /// @param modules   diffusers' names, "blocks.0.attn1.to_q"
  /// @param original  empty: the network has no other names
  LoraNames(std::span<const std::string> modules, std::span<const NamePair> original);

  /// The module in diffusers' naming; null: none. @param stem  a key without its ending
  [[nodiscard]] const std::string* find(std::string_view stem) const;
  /// The known name that shares most of its beginning and end with the stem.
  [[nodiscard]] std::string nearest(std::string_view stem) const;
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& all() const noexcept { return modules_; }

 private:
  std::map<std::string, std::string, std::less<>> modules_;  // by name in a file
};

}  // namespace swan::nn
