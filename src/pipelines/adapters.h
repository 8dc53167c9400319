#pragma once

#include <memory>
#include <span>
#include <vector>

#include "io/repository.h"
#include "nn/adapters.h"
#include "pipelines/parameters.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// The LoRAs of a repository's transformer, read and checked before anything else is loaded.
class TransformerAdapters {
 public:
  /// @param options         its LoRAs get paths that can be opened from anywhere
  /// @param original_names  see nn::AdapterSet::Options
  /// @throws Error as nn::AdapterSet::read; nothing has changed then
  void read(const io::Repository& repository, LoadOptions& options, std::span<const nn::NamePair> original_names);

  /// Null: none.
  [[nodiscard]] const std::shared_ptr<nn::AdapterSet>& set() const noexcept { return set_; }
  /// Once the network is made. @throws Error as nn::AdapterSet::finish
  void finish() const {
    if (set_) set_->finish();
  }
  /// For the settings.
  [[nodiscard]] const std::vector<LoraFacts>& facts() const noexcept { return facts_; }

 private:
  std::shared_ptr<nn::AdapterSet> set_;
  std::vector<LoraFacts> facts_;
};

}  // namespace swan::pipelines
