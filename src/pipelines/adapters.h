#pragma once

#include <memory>
#include <span>
#include <vector>

#include "io/repository.h"
#include "nn/adapters.h"
#include "nn/scope.h"
#include "pipelines/compute.h"
#include "pipelines/parameters.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// The LoRAs of a repository's transformer, read and checked before anything else is loaded.
class TransformerAdapters {
 public:
  /// @param options         its LoRAs get paths that can be opened from anywhere
  /// @param original_names  see nn::AdapterSet::Options
  /// @throws Error as nn::AdapterSet::read; nothing has changed then
  void read(const io::Repository& repository, LoadOptions& options, const io::KeyMap* original_names);

  /// The transformer with them. @throws Error as Weights::finish and nn::AdapterSet::finish
  template <typename Network, typename Config>
  [[nodiscard]] std::unique_ptr<Network> make(const Config& config, const std::shared_ptr<io::Weights>& weights,
                                              const Compute& compute) const {
    auto network =
        std::make_unique<Network>(config, nn::Scope(weights, compute.storage(), set_).with_blocks(compute.on_host()));
    weights->finish();  // first: what is absent has taken no adapter
    if (set_) set_->finish();
    return network;
  }
  /// For the settings.
  [[nodiscard]] const std::vector<LoraFacts>& facts() const noexcept { return facts_; }

 private:
  std::shared_ptr<nn::AdapterSet> set_;  // null: none
  std::vector<LoraFacts> facts_;
};

}  // namespace swan::pipelines
