#include "support/golden.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "support/close.h"

namespace swan::support {
namespace {

namespace fs = std::filesystem;

TEST(Golden, OpensAComponent) {
  const Golden golden = Golden::open("components/sana_transformer");
  EXPECT_EQ(golden.config().at("_class_name"), "SanaTransformer2DModel");
  EXPECT_TRUE(fs::exists(golden.weights_path()));
  const GoldenCase& c = golden.at("case_00");
  EXPECT_EQ(c.input("hidden_states").shape(), Shape({2, 8, 4, 6}));
  EXPECT_EQ(c.output("sample").shape(), Shape({2, 8, 4, 6}));
  EXPECT_FALSE(c.input("guidance").defined());
  EXPECT_TRUE(c.with_prefix("mid.").contains("transformer_blocks.0.attn1"));
}

TEST(Golden, EveryComponentCaseHasInputsAndSomethingToCompare) {
  for (const char* name :
       {"gemma2", "sana_transformer", "sana_transformer_p2_pos", "sana_transformer_sprint", "sana_controlnet",
        "sana_pag_cfg", "sana_pag_nocfg", "dcae_f32", "dcae_shuffle", "umt5", "wan_transformer", "wan_vae"}) {
    const Golden golden = Golden::open(std::string("components/") + name);
    for (const GoldenCase& c : golden.cases()) {
      EXPECT_FALSE(c.with_prefix("input.").empty()) << name << " " << c.name;
      EXPECT_FALSE(c.with_prefix("output.").empty() && c.with_prefix("mid.").empty()) << name << " " << c.name;
    }
  }
}

TEST(Golden, EveryPipelineCaseIsWhole) {
  std::set<std::string> names;
  for (const GoldenPipeline& p : golden_pipelines()) {
    names.insert(p.name);
    EXPECT_TRUE(fs::exists(p.repository + "/model_index.json")) << p.repository;
    EXPECT_TRUE(fs::exists(p.repository + "/tokenizer/tokenizer.json")) << p.repository;
    EXPECT_TRUE(p.has("initial_latents")) << p.name;
    EXPECT_TRUE(p.has("latents_after_step_00")) << p.name;
    if (p.json.at("pipeline") == "WanPipeline") {
      EXPECT_TRUE(p.has("frames_uint8")) << p.name;
    } else {
      ASSERT_FALSE(p.images.empty()) << p.name;
      EXPECT_TRUE(fs::exists(p.images[0])) << p.images[0];
    }
  }
  EXPECT_TRUE(names.contains("sana_basic"));
  EXPECT_EQ(golden_pipeline("sana_generator_list").seeds, (std::vector<uint64_t>{11, 2147483647}));
}

TEST(Golden, FilesAreThoseOfTheManifest) {
  const nlohmann::json manifest = read_json(golden_path("MANIFEST.json"));
  uint64_t total = 0, wan = 0, loras = 0;  // with the budgets of tools/golden/select_fixtures.py
  for (const auto& [name, entry] : manifest.at("files").items()) {
    ASSERT_TRUE(fs::exists(golden_path(name))) << name;
    EXPECT_EQ(fs::file_size(golden_path(name)), entry.at("bytes").get<uint64_t>()) << name;
    const std::string part = name.substr(name.find('/') + 1);
    const bool video = part.starts_with("unipc_") || part.starts_with("wan") || part.starts_with("umt5");
    (video ? wan : part.starts_with("lora_") ? loras : total) += entry.at("bytes").get<uint64_t>();
  }
  EXPECT_LE(total, 12'000'000U);
  EXPECT_LE(wan, 7'500'000U);
  EXPECT_LE(loras, 350'000U);
  for (const auto& [name, target] : manifest.at("links").items()) {
    EXPECT_TRUE(fs::is_symlink(golden_path(name))) << name;
    EXPECT_EQ(fs::read_symlink(golden_path(name)), target.get<std::string>()) << name;
    EXPECT_TRUE(fs::exists(golden_path(name))) << name << " leads nowhere";
  }
}

}  // namespace
}  // namespace swan::support
