// Models from tools/make_random_model must load as the published ones do.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/config.h"
#include "io/safetensors.h"
#include "io/weights.h"
#include "make_random_model/manifest.h"
#include "make_random_model/random_weights.h"
#include "make_random_model/repository_writer.h"
#include "make_random_model/weight_writer.h"
#include "support/expect_error.h"
#include "support/paths.h"
#include "support/temp_dir.h"
#include "swan/pipeline.h"
#include "unit/io/raw_file.h"

namespace swan::tools {
namespace {

namespace fs = std::filesystem;
using support::TempDir;

const std::string kManifests = support::source_path("tools/make_random_model/manifests/");

constexpr const char* kTiny = R"({"name": "tiny", "class": "SanaTransformer2DModel", "config": {"num_layers": 1},
  "parameters": 69961, "tied_and_not_stored": ["tied.weight"], "tensors": [
  ["scale_shift_table", [2, 5], "float16"], ["proj.weight", [300, 233], "bfloat16"], ["proj.bias", [7], "float32"],
  ["norm.weight", [13], "float16"], ["conv.weight", [1, 1, 5, 5], "float32"], ["ids", [3, 2], "int64"],
  ["tied.weight", [9, 9], "float32"], ["empty", [0, 4], "float32"]], "more": 1})";

Manifest tiny(const TempDir& dir) { return read_manifest(dir.write("tiny.json", kTiny)); }

// Takes every tensor of the manifest, and expects no other.
std::map<std::string, Tensor> take_all(const Manifest& manifest, const std::string& folder) {
  const auto weights = io::Weights::open(folder, "diffusion_pytorch_model", "");
  std::map<std::string, Tensor> tensors;
  for (const ManifestTensor& tensor : manifest.tensors) tensors[tensor.name] = weights->take(tensor.name, tensor.shape);
  weights->finish();
  return tensors;
}

TEST(RandomModel, ATinyManifestLoadsWhole) {
  const TempDir dir;
  const Manifest manifest = tiny(dir);
  ASSERT_EQ(manifest.tensors.size(), 7U) << "the tied tensor is not stored";
  size_t reported = 0;
  WriteOptions options{.seed = 5, .written = [&](size_t bytes) { reported += bytes; }};
  const auto files = write_random_weights(manifest, dir.file("t/diffusion_pytorch_model.safetensors"), options);
  EXPECT_EQ(files.size(), 1U);
  EXPECT_EQ(reported, weight_bytes(manifest, options));
  auto tensors = take_all(manifest, dir.file("t"));
  for (const ManifestTensor& tensor : manifest.tensors) EXPECT_EQ(tensors[tensor.name].dtype(), tensor.dtype);

  options.dtype = DType::kF32;
  (void)write_random_weights(manifest, dir.file("t/diffusion_pytorch_model.safetensors"), options);
  const auto wide = take_all(manifest, dir.file("t"));
  EXPECT_EQ(wide.at("norm.weight").dtype(), DType::kF32);
  EXPECT_EQ(wide.at("ids").dtype(), DType::kI64);
  const Tensor narrowed = wide.at("proj.weight").to(DType::kBF16);
  EXPECT_EQ(std::memcmp(narrowed.raw(), tensors["proj.weight"].raw(), narrowed.nbytes()), 0)
      << "the same weights in another dtype";
}

TEST(RandomModel, ShardsHoldTheSameWeights) {
  const TempDir dir;
  const Manifest manifest = tiny(dir);
  WriteOptions options{.seed = 5};
  (void)write_random_weights(manifest, dir.file("one/diffusion_pytorch_model.safetensors"), options);
  options.max_shard_bytes = 140000;  // a little more than the matrix
  const auto files = write_random_weights(manifest, dir.file("cut/diffusion_pytorch_model.safetensors"), options);
  EXPECT_EQ(files.size(), plan_shards(manifest, options).size() + 1);
  EXPECT_GE(files.size(), 3U);
  EXPECT_EQ(files.front(), dir.file("cut/diffusion_pytorch_model-00001-of-00002.safetensors"));
  const auto whole = take_all(manifest, dir.file("one")), cut = take_all(manifest, dir.file("cut"));
  for (const auto& [name, tensor] : whole) {
    ASSERT_EQ(tensor.nbytes(), cut.at(name).nbytes());
    if (tensor.nbytes() == 0) continue;
    EXPECT_EQ(std::memcmp(tensor.raw(), cut.at(name).raw(), tensor.nbytes()), 0) << name;
  }
}

TEST(RandomModel, ShardsAreCutBetweenTensors) {
  const TempDir dir;
  const Manifest manifest = tiny(dir);
  for (const size_t limit : {size_t{1}, size_t{30}, size_t{1000}, size_t{1} << 40}) {
    const auto shards = plan_shards(manifest, {.max_shard_bytes = limit});
    EXPECT_EQ(shards.front().begin, 0U);
    EXPECT_EQ(shards.back().end, manifest.tensors.size());
    for (size_t i = 1; i < shards.size(); ++i) EXPECT_EQ(shards[i].begin, shards[i - 1].end);
  }
  EXPECT_EQ(plan_shards(manifest, {.max_shard_bytes = size_t{1} << 40}).size(), 1U);
}

TEST(RandomModel, ValuesHaveTheStatedDistribution) {
  std::vector<float> values(200000);
  const RandomStream stream(3, "x");
  stream.fill(0, values, {.mean = 1.0F, .stddev = 0.5F});
  double sum = 0, squares = 0, most = 0;
  for (const float v : values) {
    sum += v - 1.0;
    squares += (v - 1.0) * (v - 1.0);
    most = std::max(most, std::abs(v - 1.0));
  }
  const auto n = static_cast<double>(values.size());
  EXPECT_NEAR(sum / n, 0.0, 0.005);
  EXPECT_NEAR(std::sqrt(squares / n), 0.5, 0.005);
  EXPECT_GT(most, 1.4);
  EXPECT_LT(most, 1.75);
  std::vector<float> part(10), other(10);
  stream.fill(777, part, {.mean = 1.0F, .stddev = 0.5F});
  EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + 777)) << "value i depends on i alone";
  RandomStream(3, "y").fill(777, other, {.mean = 1.0F, .stddev = 0.5F});
  EXPECT_NE(part, other);
  RandomStream(4, "x").fill(777, other, {.mean = 1.0F, .stddev = 0.5F});
  EXPECT_NE(part, other);
}

TEST(RandomModel, ScalesKeepActivationsNearOne) {
  const auto of = [](const std::string& name, const Shape& shape, const std::string& class_name) {
    return distribution_of({name, shape, DType::kF32}, class_name);
  };
  EXPECT_NEAR(of("a.to_q.weight", {10, 400}, "X").stddev, 0.8 / 20, 1e-6);
  EXPECT_NEAR(of("conv.weight", {8, 4, 5, 5}, "X").stddev, 0.8 / 10, 1e-6);
  EXPECT_EQ(of("norm_q.weight", {64}, "SanaTransformer2DModel").mean, 1.0F);
  EXPECT_EQ(of("input_layernorm.weight", {64}, "Gemma2Model").mean, 0.0F);
  EXPECT_EQ(of("norm.gamma", {64, 1, 1}, "AutoencoderKLWan").mean, 1.0F);
  EXPECT_NEAR(of("embed_tokens.weight", {1000, 64}, "Gemma2Model").stddev, 1.0 / 8, 1e-6);
  EXPECT_LT(of("a.bias", {64}, "X").stddev, 0.1F);
  EXPECT_LT(of("scale_shift_table", {6, 64}, "X").stddev, 0.1F);
}

TEST(RandomModel, PublishedManifestsAreRead) {
  for (const Preset& preset : presets()) {
    const Manifest manifest = read_manifest(kManifests + std::string(preset.transformer) + ".json.gz");
    EXPECT_EQ(manifest.class_name,
              preset.pipeline == "WanPipeline" ? "WanTransformer3DModel" : "SanaTransformer2DModel");
    EXPECT_GT(read_manifest(kManifests + std::string(preset.family->vae) + ".json.gz").tensors.size(), 100U);
    EXPECT_GT(read_manifest(kManifests + std::string(preset.family->text_encoder) + ".json.gz").tensors.size(), 100U);
    EXPECT_GT(manifest.tensors.size(), 300U);
  }
  const WriteOptions f16{.dtype = DType::kF16};
  EXPECT_EQ(repository_bytes(find_preset("sana-1.6b"), {.manifests = kManifests, .tokenizer = ""}, f16),
            2 * (size_t{1604462752} + 312250275 + 2614341888));
  expect_error(ErrorCode::kInvalidArgument, {"'sdxl'", "sana-0.6b"}, [] { (void)find_preset("sdxl"); });
}

// The whole layout, with manifests of the published names and tiny tensors.
TEST(RandomModel, ARepositoryIsComplete) {
  const TempDir dir;
  const std::string tensors = R"(, "config": {"vocab_size": 4, "torch_dtype": "bfloat16"},
                                  "tensors": [["a.weight", [4, 3], "bfloat16"], ["a.bias", [4], "bfloat16"]]})";
  dir.write("m/sana_600m_1024px_transformer.json.gz", R"({"name": "t", "class": "SanaTransformer2DModel")" + tensors);
  dir.write("m/dcae_f32c32_sana_vae.json.gz", R"({"name": "v", "class": "AutoencoderDC")" + tensors);
  dir.write("m/gemma2_2b_text_encoder.json.gz", R"({"name": "g", "class": "Gemma2Model")" + tensors);
  fs::copy(fs::path(kManifests) / "dpmsolver_scheduler_config.json", dir.file("m"));
  dir.write("tok/tokenizer.json", R"({"model": {"vocab": {"a": 0, "b": 1}}})");
  const RepositorySources sources{.manifests = dir.file("m"), .tokenizer = dir.file("tok")};
  write_random_repository(find_preset("sana-0.6b"), sources, dir.file("repo"), {.dtype = DType::kF32});

  const ModelInfo info = inspect_model(dir.file("repo"));
  EXPECT_TRUE(info.complete());
  EXPECT_EQ(info.class_name, "SanaPipeline");
  ASSERT_EQ(info.components.size(), 5U);
  for (const ComponentInfo& component : info.components)
    EXPECT_TRUE(component.parameters == 0 || component.parameters == 16) << component.name;
  EXPECT_EQ(io::Config::read(dir.file("repo/text_encoder/config.json")).require<std::string>("torch_dtype"), "float32");

  dir.write("tok/tokenizer.json", R"({"model": {"vocab": {"a": 0, "b": 1, "c": 2, "d": 3, "e": 4}}})");
  expect_error(ErrorCode::kInvalidArgument, {dir.file("tok"), "5 tokens", "4 rows"}, [&] {
    write_random_repository(find_preset("sana-0.6b"), sources, dir.file("other"), {.dtype = DType::kF32});
  });
  EXPECT_FALSE(fs::exists(dir.file("other")));
}

TEST(RandomModel, DamagedManifestsNameTheFile) {
  const TempDir dir;
  const auto fails = [&](const std::string& text, const std::string& part) {
    SCOPED_TRACE(text);
    const std::string path = dir.write("m.json", text);
    expect_error(ErrorCode::kCorruptFile, {path, part}, [&] { (void)read_manifest(path); });
  };
  fails("{}", "'name'");
  fails(R"({"name": "x", "class": "y"})", "tensors");
  fails(R"({"name": "x", "class": "y", "tensors": [["a", [1]]]})", "[name, shape, dtype]");
  fails(R"({"name": "x", "class": "y", "tensors": [["a", [1], "float31"]]})", "float31");
  fails(R"({"name": "x", "class": "y", "tensors": [["a", [-1], "float32"]]})", "negative");
  fails(R"({"name": "x", "class": "y", "tensors": [["a", [1], "float32"], ["a", [1], "float32"]]})", "twice");
  fails(R"({"name": "x", "class": "y", "parameters": 2, "tensors": [["a", [1], "float32"]]})", "states 2");
  fails("\x1f\x8b not gzip", "damaged");
  expect_error(ErrorCode::kInvalidArgument, {"x.bin"},
               [&] { (void)write_random_weights(tiny(dir), dir.file("x.bin"), {}); });
}

}  // namespace
}  // namespace swan::tools
