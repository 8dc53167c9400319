#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "io/weights.h"
#include "nn/lora_names.h"
#include "nn/low_rank.h"
#include "swan/lora.h"

namespace swan::nn {

/// The adapters of one network, by the paths of its modules: layers made in a Scope that has them take theirs. Files
/// are read and checked against the network's weights when the set is made; tensors stay views of the mapped files. Not
/// thread-safe.
class AdapterSet {
 public:
  struct Options {
    bool lenient = false;                        ///< keys that belong to nothing are a warning instead of an error
    bool fuse = false;                           ///< layers merge their updates into a copy of their weight
    const io::KeyMap* original_names = nullptr;  ///< of the network as first published; null: none
  };
  /// What was found in one file.
  struct Summary {
    size_t keys = 0, unused = 0, modules = 0;
  };

  /// @param weights  of the network that the adapters are for; headers alone are looked at
  /// @return         null when there are no LoRAs
  /// @throws Error   kNotFound; kCorruptFile, kShapeMismatch, kUnsupported naming file, key and what was expected;
  ///                 kMissingTensor for keys that belong to nothing, naming some and the nearest module
  [[nodiscard]] static std::shared_ptr<AdapterSet> read(std::span<const Lora> loras, const io::Weights& weights,
                                                        const Options& options);

  /// Takes the updates of module `path`. Those that must be merged (fuse, DoRA) replace the weight by a merged copy,
  /// the others come back.
  [[nodiscard]] LowRank adapt(const std::string& path, Tensor& weight);
  /// A parameter with what the files add to it entry by entry ("diff", "diff_b" and biases of B) merged into a copy.
  [[nodiscard]] Tensor with_deltas(const std::string& name, const Tensor& parameter);
  /// Whether any layer computes its update beside its weight, and so reads what others do not need.
  [[nodiscard]] bool computes_beside() const noexcept { return beside_; }
  /// Once the network is made. @throws Error kUnsupported naming modules that no adapter can change: those that are no
  ///                                linear layers or dense convolutions (unless lenient)
  void finish() const;
  [[nodiscard]] const std::vector<Summary>& summaries() const noexcept { return summaries_; }

 private:
  struct Delta {
    Tensor values;
    float scale;
  };
  class Reader;
  AdapterSet() = default;

  Options options_;
  bool beside_ = false;
  std::vector<Summary> summaries_;                             // a file each
  std::map<std::string, std::vector<LowRankUpdate>> updates_;  // by module
  std::map<std::string, std::vector<Delta>> deltas_;           // by parameter
  std::set<std::string> taken_;                                // modules and parameters
};

}  // namespace swan::nn
