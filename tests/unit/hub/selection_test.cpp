#include "hub/selection.h"

#include <gtest/gtest.h>

#include <string>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace swan::hub {
namespace {

using Paths = std::set<std::string>;

class HubSelection : public ::testing::Test {
 protected:
  // A repository with these files, empty but for indexes.
  Shelf shelf(Paths files, const std::string& index = kSana) {
    for (const std::string& path : files) folder_.write(path, path == "model_index.json" ? index : "{}");
    return {.model = "org/name", .files = std::move(files), .fetch = [this](const std::string& path) {
              return folder_.file(path);
            }};
  }

  static constexpr const char* kSana = R"({"_class_name": "SanaPipeline",
    "transformer": ["diffusers", "SanaTransformer2DModel"], "vae": ["diffusers", "AutoencoderDC"],
    "image_encoder": ["transformers", "CLIPVisionModel"]})";
  support::TempDir folder_;
  const Paths whole_ = {"model_index.json",
                        "transformer/config.json",
                        "transformer/diffusion_pytorch_model.safetensors",
                        "vae/config.json",
                        "vae/diffusion_pytorch_model.safetensors",
                        "image_encoder/config.json",
                        "image_encoder/model.safetensors"};
};

TEST_F(HubSelection, ComponentsThatSwanReads) {
  Paths expected = whole_;
  expected.erase("image_encoder/config.json");
  expected.erase("image_encoder/model.safetensors");
  EXPECT_EQ(needed_files(shelf(whole_), "", {}), expected);
  EXPECT_EQ(needed_files(shelf(whole_), "", {.components = {"vae"}}),
            (Paths{"model_index.json", "vae/config.json", "vae/diffusion_pytorch_model.safetensors"}));
  expected.erase("transformer/diffusion_pytorch_model.safetensors");
  EXPECT_EQ(needed_files(shelf(whole_), "", {.weightless = {"transformer"}}), expected);
  expect_error(ErrorCode::kNotFound, {"org/name", "controlnet"},
               [&] { (void)needed_files(shelf(whole_), "", {.components = {"controlnet"}}); });
}

TEST_F(HubSelection, WhatIsMissingIsNamed) {
  Paths files = whole_;
  files.erase("vae/config.json");
  expect_error(ErrorCode::kNotFound, {"org/name", "vae/config.json"},
               [&] { (void)needed_files(shelf(files), "", {}); });
  files = whole_;
  files.erase("vae/diffusion_pytorch_model.safetensors");
  files.insert("vae/diffusion_pytorch_model.fp16.safetensors");
  expect_error(ErrorCode::kNotFound, {"vae/", "diffusion_pytorch_model.fp16.safetensors; choose with --variant fp16."},
               [&] { (void)needed_files(shelf(files), "", {}); });
  files.insert("vae/diffusion_pytorch_model.bf16-00001-of-00002.safetensors");
  expect_error(ErrorCode::kNotFound, {"; choose with --variant bf16 or fp16."},
               [&] { (void)needed_files(shelf(files), "", {}); });
  expect_error(ErrorCode::kInvalidArgument, {"'../x' is not a variant"},
               [&] { (void)needed_files(shelf(whole_), "", {.variant = "../x"}); });
}

TEST_F(HubSelection, IndexesThatLeadElsewhereAreRefused) {
  const Shelf s = shelf({"config.json", "model.safetensors.index.json"});
  folder_.write("model.safetensors.index.json", R"({"weight_map": {"a": "../../x.safetensors"}})");
  expect_error(ErrorCode::kCorruptFile, {"../../x.safetensors"}, [&] { (void)needed_files(s, "", {}); });
  folder_.write("model.safetensors.index.json", R"({"weight_map": {"a": "absent.safetensors"}})");
  expect_error(ErrorCode::kNotFound, {"absent.safetensors"}, [&] { (void)needed_files(s, "", {}); });
}

TEST_F(HubSelection, FoldersThatAreNoPipeline) {
  EXPECT_EQ(
      needed_files(shelf({"config.json", "model.safetensors", "pytorch_model.bin", "a/b.json", "LICENSE", "x.png"}), "",
                   {}),
      (Paths{"config.json", "model.safetensors", "LICENSE"}));
  EXPECT_EQ(needed_files(shelf({"pytorch_lora_weights.safetensors", "demo.png", "Readme.md"}), "", {}),
            (Paths{"pytorch_lora_weights.safetensors", "Readme.md"}));
  EXPECT_EQ(needed_files(shelf({"spiece.model", "tokenizer_config.json", "x.txt"}), "", {}),
            (Paths{"spiece.model", "tokenizer_config.json", "x.txt"}));
  EXPECT_EQ(needed_files(shelf({"t/config.json", "t/diffusion_pytorch_model.safetensors", "t.gguf"}), "t", {}),
            (Paths{"t/config.json", "t/diffusion_pytorch_model.safetensors"}));
}

TEST_F(HubSelection, SingleFilesAreNamed) {
  const Paths files = {"a.gguf", "sub/config.json", "sub/b.safetensors", "README.md"};
  EXPECT_EQ(needed_files(shelf(files), "a.gguf", {}), (Paths{"a.gguf", "README.md"}));
  EXPECT_EQ(needed_files(shelf(files), "sub/b.safetensors", {}),
            (Paths{"sub/b.safetensors", "sub/config.json", "README.md"}));
  expect_error(ErrorCode::kNotFound, {"name one of its files", "org/name/a.gguf, org/name/sub/b.safetensors"},
               [&] { (void)needed_files(shelf(files), "", {}); });
  expect_error(ErrorCode::kNotFound, {"neither model_index.json nor weights"},
               [&] { (void)needed_files(shelf({"data.csv"}), "", {}); });
  expect_error(ErrorCode::kNotFound, {"no file or folder 'su'"}, [&] { (void)needed_files(shelf(files), "su", {}); });
}

TEST_F(HubSelection, Patterns) {
  const Paths files = {"a.json", "b/c.json", "b/d.bin"};
  EXPECT_EQ(filtered(files, {}, {}), files);
  EXPECT_EQ(filtered(files, {"*.json"}, {"b/*"}), Paths{"a.json"});
  EXPECT_EQ(filtered(files, {}, {"*.json"}), Paths{"b/d.bin"});
  EXPECT_EQ(needed_files(shelf(files), "", {.include = {"b/"}}), (Paths{"b/c.json", "b/d.bin"}));
}

}  // namespace
}  // namespace swan::hub
