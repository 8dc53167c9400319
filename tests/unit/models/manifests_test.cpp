// Every published model whose layout tools/make_random_model knows: its config.json gives a network that takes each
// tensor of the files and no other, from shards. The files are sparse: nothing of their weights is ever there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "core/memory.h"
#include "io/config.h"
#include "io/weights.h"
#include "make_random_model/manifest.h"
#include "models/autoencoder_dc.h"
#include "models/autoencoder_kl_wan.h"
#include "models/gemma2.h"
#include "models/sana_transformer.h"
#include "models/umt5.h"
#include "models/wan_transformer.h"
#include "support/expect_error.h"
#include "support/paths.h"
#include "support/temp_dir.h"

namespace swan::models {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

const std::string kManifests = support::source_path("tools/make_random_model/manifests");

const char* name_of(DType dtype) {
  switch (dtype) {
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kI64:
      return "I64";
    default:
      return "F32";
  }
}

// A safetensors file with a header and a hole.
void write_hole(const std::string& path, std::span<const tools::ManifestTensor> tensors) {
  Json header;
  int64_t at = 0;
  for (const tools::ManifestTensor& t : tensors) {
    const int64_t bytes = t.shape.numel() * static_cast<int64_t>(size_of(t.dtype));
    header[t.name] = {{"dtype", name_of(t.dtype)},
                      {"shape", std::vector<int64_t>(t.shape.dims().begin(), t.shape.dims().end())},
                      {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const auto length = static_cast<uint64_t>(text.size());
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(&length), sizeof(length)).write(text.data(), static_cast<int64_t>(length));
  file.close();
  fs::resize_file(path, sizeof(length) + length + static_cast<uint64_t>(at));
}

// Three shards and their index.
void write_shards(const support::TempDir& dir, const tools::Manifest& manifest) {
  Json map;
  const size_t count = manifest.tensors.size();
  for (size_t shard = 0; shard < 3; ++shard) {
    const std::string name = "w-0000" + std::to_string(shard + 1) + "-of-00003.safetensors";
    const size_t begin = shard * count / 3, end = (shard + 1) * count / 3;
    const std::span<const tools::ManifestTensor> part(manifest.tensors.data() + begin, end - begin);
    write_hole(dir.file(name), part);
    for (const tools::ManifestTensor& t : part) map[t.name] = name;
  }
  (void)dir.write("w.safetensors.index.json", Json{{"weight_map", map}}.dump());
}

// Makes the network of a class, which claims what its configuration implies.
void make(const std::string& class_name, const io::Config& config, const std::shared_ptr<io::Weights>& weights) {
  const nn::Scope scope(weights);
  if (class_name == "SanaTransformer2DModel") {
    (void)SanaTransformer2DModel(SanaConfig::parse(config), scope);
  } else if (class_name == "WanTransformer3DModel") {
    (void)WanTransformer3DModel(WanConfig::parse(config), scope);
  } else if (class_name == "AutoencoderDC") {
    (void)AutoencoderDC(AutoencoderDCConfig::parse(config), weights, {}, AutoencoderDC::Halves::kBoth);
  } else if (class_name == "AutoencoderKLWan") {
    (void)AutoencoderKLWan(AutoencoderKLWanConfig::parse(config), weights, {}, AutoencoderKLWan::Halves::kBoth);
  } else if (class_name == "Gemma2Model") {
    (void)Gemma2Model(Gemma2Config::parse(config), scope);
  } else if (class_name == "UMT5EncoderModel") {
    (void)UMT5EncoderModel(UMT5Config::parse(config), scope);
  } else {
    FAIL() << class_name;
  }
}

std::vector<std::string> manifest_names() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kManifests)) {
    const std::string name = entry.path().filename().string();
    if (const size_t at = name.find(".json.gz"); at != std::string::npos) names.push_back(name.substr(0, at));
  }
  std::ranges::sort(names);
  return names;
}

tools::Manifest manifest_of(const std::string& name) {
  return tools::read_manifest(std::string(kManifests) + "/" + name + ".json.gz");
}

class PublishedModels : public testing::TestWithParam<std::string> {};

TEST_P(PublishedModels, ClaimEveryTensorOfTheirShards) {
  const tools::Manifest manifest = manifest_of(GetParam());
  const support::TempDir dir;
  write_shards(dir, manifest);
  const auto weights = io::Weights::open(dir.path(), "w", "");
  EXPECT_EQ(weights->files().size(), 3U);
  const size_t before = resident_bytes();
  make(manifest.class_name, io::Config(manifest.config, "config.json"), weights);
  weights->finish();
  // Vectors are widened to f32, and the autoencoders' small kernels rearranged; matrices stay in the files.
  EXPECT_LT(resident_bytes(), before + (size_t{256} << 20));
}

INSTANTIATE_TEST_SUITE_P(Manifests, PublishedModels, testing::ValuesIn(manifest_names()),
                         [](const auto& info) { return info.param; });

TEST(PublishedModels, AreThoseOfTheFamily) {
  const std::vector<std::string> names = manifest_names();
  for (const char* name : {"sana_1600m_4kpx_transformer", "sana_1600m_2kpx_transformer",
                           "sana15_4800m_1024px_transformer", "wan21_t2v_14b_transformer", "dcae_lite_f32c32_sana_vae"})
    EXPECT_TRUE(std::ranges::binary_search(names, name)) << name;
}

// What tells the large layouts from those that fixtures run.
TEST(PublishedModels, ConfigurationsOfTheLargeOnesAreRead) {
  const auto sana = [](const char* name) { return SanaConfig::parse(io::Config(manifest_of(name).config, name)); };
  const SanaConfig k4 = sana("sana_1600m_4kpx_transformer"), k2 = sana("sana_1600m_2kpx_transformer");
  EXPECT_EQ(k4.sample_size, 128);
  EXPECT_EQ(k4.interpolation_scale, 2.0);
  EXPECT_EQ(k2.sample_size, 64);
  EXPECT_EQ(k2.interpolation_scale, 1.0);
  const SanaConfig large = sana("sana15_4800m_1024px_transformer");
  EXPECT_EQ(large.num_layers, 60);
  EXPECT_TRUE(large.qk_norm);
  EXPECT_FALSE(large.interpolation_scale.has_value());
  const WanConfig wan = WanConfig::parse(io::Config(manifest_of("wan21_t2v_14b_transformer").config, "wan"));
  EXPECT_EQ(wan.num_layers, 40);
  EXPECT_EQ(wan.inner_dim(), 5120);
}

// A file of another revision is refused by name, and so is what the configuration knows nothing of.
TEST(PublishedModels, AnotherLayoutIsRefused) {
  tools::Manifest manifest = manifest_of("wan21_t2v_14b_transformer");
  const io::Config config(manifest.config, "config.json");
  const support::TempDir dir;
  const auto open = [&] {
    write_shards(dir, manifest);
    const auto weights = io::Weights::open(dir.path(), "w", "");
    make(manifest.class_name, config, weights);
    weights->finish();
  };
  tools::ManifestTensor& last = manifest.tensors.back();
  const tools::ManifestTensor kept = last;
  last.name = "blocks.40.norm.weight";
  expect_error(ErrorCode::kMissingTensor, {kept.name, "blocks.40.norm.weight", "3 shards"}, open);
  last = kept;
  last.shape = Shape{7};
  expect_error(ErrorCode::kShapeMismatch, {kept.name, "[7]"}, open);
}

}  // namespace
}  // namespace swan::models
