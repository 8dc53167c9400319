// The tables of names: every linear layer of Wan and Sana is found under each format's name for it.
#include "nn/lora_names.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "io/checkpoint/key_tables.h"
#include "lora_files.h"
#include "support/golden.h"

namespace swan {
namespace {

struct Network {
  const char* folder;
  bool wan;
};

std::vector<std::string> modules_of(const Network& network) {
  const auto weights = io::Weights::open(support::golden_path(network.folder), "diffusion_pytorch_model", "");
  std::vector<std::string> modules;
  for (const auto& [module, shape] : support::adaptable_modules(*weights)) modules.push_back(module);
  return modules;
}
std::string underscored(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

class LoraNamesOf : public testing::TestWithParam<Network> {};

TEST_P(LoraNamesOf, EveryFormatsNamesLeadBackToTheModule) {
  const std::vector<std::string> modules = modules_of(GetParam());
  ASSERT_GT(modules.size(), 20U);
  const io::KeyMap* original = GetParam().wan ? &io::wan_transformer_keys() : nullptr;
  const nn::LoraNames names(modules, original);
  std::set<std::string> seen;
  for (const std::string& module : modules) {
    std::set<std::string> written = {module, "transformer." + module, "diffusion_model." + module,
                                     "lora_unet_" + underscored(module), "lora_transformer_" + underscored(module)};
    const std::string first = original != nullptr ? nn::original_name(module, *original) : module;
    EXPECT_EQ(first == module, !GetParam().wan || module == "patch_embedding") << module;
    if (GetParam().wan) written.insert({first, "diffusion_model." + first, "lora_unet_" + underscored(first)});
    for (const std::string& name : written) {
      const std::string* found = names.find(name);
      ASSERT_NE(found, nullptr) << name;
      EXPECT_EQ(*found, module) << name;
      EXPECT_TRUE(seen.insert(name).second) << name << " stands for two modules";
    }
  }
  EXPECT_EQ(names.all().size(), seen.size());  // no further names
}

INSTANTIATE_TEST_SUITE_P(Networks, LoraNamesOf,
                         testing::Values(Network{"components/wan_transformer", true},
                                         Network{"components/sana_transformer", false},
                                         Network{"components/sana_transformer_sprint", false}),
                         [](const auto& info) {
                           std::string name = info.param.folder;
                           return name.substr(name.find('/') + 1);
                         });

// As Wan2.1's model.py has them; Ref: diffusers loaders/lora_conversion_utils.py.
TEST(LoraNames, KnowTheOriginalNamesOfWan) {
  const std::map<std::string, std::string> original = {
      {"blocks.0.attn1.to_q", "blocks.0.self_attn.q"},
      {"blocks.11.attn1.to_k", "blocks.11.self_attn.k"},
      {"blocks.0.attn1.to_v", "blocks.0.self_attn.v"},
      {"blocks.0.attn1.to_out.0", "blocks.0.self_attn.o"},
      {"blocks.0.attn1.norm_q", "blocks.0.self_attn.norm_q"},
      {"blocks.2.attn2.to_q", "blocks.2.cross_attn.q"},
      {"blocks.2.attn2.to_out.0", "blocks.2.cross_attn.o"},
      {"blocks.2.norm2", "blocks.2.norm3"},
      {"blocks.29.ffn.net.0.proj", "blocks.29.ffn.0"},
      {"blocks.29.ffn.net.2", "blocks.29.ffn.2"},
      {"condition_embedder.time_embedder.linear_1", "time_embedding.0"},
      {"condition_embedder.time_embedder.linear_2", "time_embedding.2"},
      {"condition_embedder.time_proj", "time_projection.1"},
      {"condition_embedder.text_embedder.linear_1", "text_embedding.0"},
      {"condition_embedder.text_embedder.linear_2", "text_embedding.2"},
      {"patch_embedding", "patch_embedding"},
      {"proj_out", "head.head"},
  };
  for (const auto& [module, name] : original) EXPECT_EQ(nn::original_name(module, io::wan_transformer_keys()), name);
}

TEST(LoraNames, EndingsSayWhatATensorIs) {
  using nn::LoraPart;
  for (const auto& [key, part] :
       std::initializer_list<std::pair<const char*, LoraPart>>{{"a.b.lora_A.weight", LoraPart::kDown},
                                                               {"a.b.lora_down.weight", LoraPart::kDown},
                                                               {"a.b.lora.down.weight", LoraPart::kDown},
                                                               {"a.b.lora_A.default.weight", LoraPart::kDown},
                                                               {"a.b.lora_B.weight", LoraPart::kUp},
                                                               {"a.b.lora_up.weight", LoraPart::kUp},
                                                               {"a.b.lora_B.bias", LoraPart::kUpBias},
                                                               {"a.b.alpha", LoraPart::kAlpha},
                                                               {"a.b.diff", LoraPart::kWeightDelta},
                                                               {"a.b.diff_b", LoraPart::kBiasDelta},
                                                               {"a.b.dora_scale", LoraPart::kMagnitude},
                                                               {"a.b.lora_magnitude_vector", LoraPart::kMagnitude}}) {
    const auto split = nn::split_lora_key(key);
    ASSERT_TRUE(split) << key;
    EXPECT_EQ(split->first, "a.b") << key;
    EXPECT_EQ(split->second, part) << key;
  }
  for (const char* key : {"", "alpha", "a.weight", "a.lora_A", "a.lora_C.weight", "a.hada_w1_a"})
    EXPECT_FALSE(nn::split_lora_key(key)) << key;
}

TEST(LoraNames, NameTheNearest) {
  const std::vector<std::string> modules = {"blocks.0.attn1.to_q", "blocks.1.attn1.to_q", "blocks.1.attn2.to_k"};
  const nn::LoraNames names(modules, &io::wan_transformer_keys());
  EXPECT_EQ(names.nearest("transformer.blocks.1.attn1.to_x"), "transformer.blocks.1.attn1.to_q");
  EXPECT_EQ(names.nearest("lora_unet_blocks_1_cross_attn_kk"), "lora_unet_blocks_1_cross_attn_k");
  EXPECT_EQ(names.find("transformer.blocks.1.attn1.to_x"), nullptr);
}

}  // namespace
}  // namespace swan
