#include "pipelines/adapters.h"

#include <filesystem>
#include <utility>

namespace swan::pipelines {

void TransformerAdapters::read(const io::Repository& repository, LoadOptions& options,
                               const io::KeyMap* original_names) {
  std::shared_ptr<nn::AdapterSet> set;
  std::vector<LoraFacts> facts;
  if (!options.lora.empty()) {
    const auto weights = repository.open_weights("transformer", options.variant);
    set = nn::AdapterSet::read(
        options.lora, *weights,
        {.lenient = options.lora_lenient, .fuse = options.fuse_lora, .original_names = original_names});
    for (size_t i = 0; i < options.lora.size(); ++i) {
      std::string& path = options.lora[i].path;
      path = std::filesystem::absolute(path).lexically_normal().string();
      const nn::AdapterSet::Summary& summary = set->summaries().at(i);
      facts.push_back({.lora = options.lora[i], .keys = summary.keys, .unused_keys = summary.unused});
    }
  }
  set_ = std::move(set);
  facts_ = std::move(facts);
}

}  // namespace swan::pipelines
