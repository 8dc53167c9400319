// Single files in every format: recognised, read under diffusers' names to the bit, and hostile ones refused.
#include "io/checkpoint/checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/convert.h"
#include "io/checkpoint/key_tables.h"
#include "io/checkpoint/original_file.h"
#include "io/checkpoint/scaled_f8_file.h"
#include "io/safetensors.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/memory_file.h"
#include "support/temp_dir.h"

namespace swan::io {
namespace {

using support::golden_path;
using support::MemoryFile;
using support::TempDir;
using Tensors = std::map<std::string, Tensor>;

Tensors all_of(const TensorFile& file) {
  Tensors tensors;
  for (const auto& [name, entry] : file.entries()) tensors[name] = file.tensor(name);
  return tensors;
}

Tensors with_prefix(const std::string& prefix, const Tensors& tensors) {
  Tensors renamed;
  for (const auto& [name, tensor] : tensors) renamed[prefix + name] = tensor;
  return renamed;
}

// Tensors of these shapes, all zeros.
Tensors zeros(const std::vector<std::pair<std::string, Shape>>& shapes, DType dtype = DType::kF32) {
  Tensors tensors;
  for (const auto& [name, shape] : shapes) tensors[name] = Tensor::zeros(shape, dtype);
  return tensors;
}

std::string write(const TempDir& dir, const Tensors& tensors, const std::map<std::string, std::string>& metadata = {}) {
  const std::string path = dir.file("checkpoint.safetensors");
  write_safetensors(path, tensors, metadata);
  return path;
}

void expect_same(const Tensor& a, const Tensor& b, const std::string& name) {
  ASSERT_EQ(a.dtype(), b.dtype()) << name;
  ASSERT_EQ(a.shape(), b.shape()) << name;
  EXPECT_EQ(std::memcmp(a.raw(), b.raw(), a.nbytes()), 0) << name;
}

std::vector<float> floats(const Tensor& t) {
  const Tensor f = t.to(DType::kF32);
  return {f.data<float>(), f.data<float>() + f.numel()};
}

struct Tiny {
  const char* golden;
  const KeyMap& (*keys)();
  const char* prefix;
  const char* component;
};

class CheckpointOf : public testing::TestWithParam<Tiny> {};

TEST_P(CheckpointOf, TheModelInThePublishersNamesHasTheSameWeightsAndConfiguration) {
  const support::Golden golden = support::Golden::open(GetParam().golden);
  const auto diffusers = SafetensorsFile::open(golden.weights_path());
  const OriginalFile original(diffusers, GetParam().keys());
  const TempDir dir;
  const Config config = Config::read(golden.config_path());
  const auto checkpoint = open_checkpoint(write(dir, with_prefix(GetParam().prefix, all_of(original))), config);
  EXPECT_STREQ(checkpoint->format->component, GetParam().component);
  EXPECT_EQ(checkpoint->prefix, GetParam().prefix);
  EXPECT_EQ(checkpoint->config.class_name(), config.class_name());
  ASSERT_EQ(checkpoint->weights->entries().size(), diffusers->entries().size());
  for (const auto& [name, entry] : diffusers->entries()) {
    ASSERT_TRUE(checkpoint->weights->entries().contains(name)) << name;
    const Tensor tensor = checkpoint->weights->tensor(name);
    expect_same(tensor, diffusers->tensor(name), name);
    EXPECT_EQ(tensor.raw(), checkpoint->weights->tensor(name).raw()) << name << " is a copy, not a view of the file";
  }
  // What shapes tell must be what the configuration says.
  for (const auto& [key, value] : config.json().items()) {
    if (!key.starts_with('_')) {
      EXPECT_EQ(checkpoint->config.json().value(key, nlohmann::json()), value) << key;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Golden, CheckpointOf,
    testing::Values(Tiny{"components/wan_transformer", wan_transformer_keys, "model.diffusion_model.", "transformer"},
                    Tiny{"components/wan_transformer", wan_transformer_keys, "", "transformer"},
                    Tiny{"components/sana_transformer", sana_keys, "", "transformer"},
                    Tiny{"components/sana_transformer_sprint", sana_sprint_keys, "", "transformer"},
                    Tiny{"components/umt5", wan_umt5_keys, "", "text_encoder"},
                    Tiny{"components/umt5", gguf_umt5_keys, "", "text_encoder"},
                    Tiny{"components/wan_vae", wan_vae_keys, "", "vae"},
                    Tiny{"components/dcae_f32", dc_ae_keys, "", "vae"}));

// ---- Configuration

Tensors wan_tensors() {
  const auto file = SafetensorsFile::open(support::Golden::open("components/wan_transformer").weights_path());
  return all_of(OriginalFile(file, wan_transformer_keys()));
}

TEST(Checkpoint, TheConfigurationBesideOrInTheFileTellsWhatShapesDoNot) {
  const Config config = Config::read(golden_path("components/wan_transformer/config.json"));
  const int64_t head_dim = config.json().at("attention_head_dim");
  const Tensors tensors = wan_tensors();
  const TempDir dir;
  // Nothing but the file: the published model's heads of 128, which the tiny one has not.
  expect_error(ErrorCode::kUnsupported, {"128", "config.json", "--model"},
               [&] { (void)open_checkpoint(write(dir, tensors)); });
  const auto heads = [](const auto& checkpoint) { return checkpoint->config.json().at("attention_head_dim"); };
  EXPECT_EQ(heads(open_checkpoint(write(dir, tensors, {{"config", config.json().dump()}}))), head_dim);
  dir.write("config.json", config.json().dump());
  EXPECT_EQ(heads(open_checkpoint(write(dir, tensors))), head_dim);
  // One of another class, or none at all, is as if it were not there.
  for (const char* other : {R"({"_class_name": "UNet"})", "[]", "{"}) {
    dir.write("config.json", other);
    EXPECT_EQ(heads(open_checkpoint(write(dir, tensors), config)), head_dim) << other;
  }
}

TEST(Checkpoint, UnusedPositionsTellTheSizeThatSanaWasTrainedOn) {
  const auto file = SafetensorsFile::open(support::Golden::open("components/sana_transformer").weights_path());
  Tensors tensors = all_of(OriginalFile(file, sana_keys()));
  const Config config = Config::read(golden_path("components/sana_transformer/config.json"));
  const TempDir dir;
  for (const auto& [side, scale] :
       {std::pair(16, nlohmann::json()), std::pair(64, nlohmann::json(1.0)), std::pair(128, nlohmann::json(2.0))}) {
    tensors["pos_embed"] = Tensor::zeros({1, side * side, 2}, DType::kF32);
    tensors["y_embedder.y_embedding"] = Tensor::zeros({3, 4}, DType::kF32);
    const auto checkpoint = open_checkpoint(write(dir, tensors), config);
    EXPECT_EQ(checkpoint->config.json().at("sample_size"), side);
    EXPECT_EQ(checkpoint->config.json().at("interpolation_scale"), scale);
    EXPECT_FALSE(checkpoint->weights->entries().contains("pos_embed"));
  }
}

// ---- Weights in 8 bits

Tensor f8(const std::vector<uint8_t>& bits, const Shape& shape, DType dtype = DType::kF8E4M3) {
  Tensor t = Tensor::empty(shape, dtype);
  if (!bits.empty()) std::memcpy(t.raw_mut(), bits.data(), bits.size());  // of none, data() is null
  return t;
}

constexpr uint8_t kOne = 0x38, kMinusThree = 0xC4, kNan = 0x7F;  // e4m3

TEST(ScaledF8, BecomesBf16TimesItsScales) {
  const auto file = std::make_shared<MemoryFile>(Tensors{
      {"scaled_fp8", f8({0, 0}, {2})},
      {"a.weight", f8({kOne, kMinusThree, kOne, kOne}, {2, 2})},
      {"a.scale_weight", Tensor::full({}, 0.5F)},
      {"a.scale_input", Tensor::full({}, 9.0F)},
      {"a.bias", Tensor::full({2}, 7.0F)},
      {"rows.weight", f8({kOne, kOne, kMinusThree, kMinusThree}, {2, 2})},
      {"rows.weight_scale", Tensor::from(std::vector<float>{2, 4}, {2, 1})},
      {"rows.comfy_quant", [] {
         const std::string text = R"({"format": "float8_e4m3fn"})";
         Tensor t = Tensor::empty({static_cast<int64_t>(text.size())}, DType::kU8);
         std::memcpy(t.raw_mut(), text.data(), text.size());
         return t;
       }()},
      {"plain.weight", f8({kOne, kMinusThree, kNan}, {3})},
      {"e5m2.weight", f8({0x3C, 0xC0}, {2}, DType::kF8E5M2)},
      {"empty.weight", f8({}, {0, 4})}});
  const auto made = with_f8_as_bf16(file);
  EXPECT_EQ(made->entries().size(), 6U) << "scales and markers are no weights";
  for (const auto& [name, entry] : made->entries())
    EXPECT_EQ(entry.dtype, name == "a.bias" ? DType::kF32 : DType::kBF16) << name;
  EXPECT_EQ(made->tensor("a.weight").dtype(), DType::kBF16);
  EXPECT_EQ(floats(made->tensor("a.weight")), (std::vector<float>{0.5F, -1.5F, 0.5F, 0.5F}));
  EXPECT_EQ(floats(made->tensor("rows.weight")), (std::vector<float>{2, 2, -12, -12}));
  EXPECT_EQ(floats(made->tensor("e5m2.weight")), (std::vector<float>{1, -2}));
  EXPECT_EQ(floats(made->tensor("a.bias")), (std::vector<float>{7, 7}));
  const std::vector<float> plain = floats(made->tensor("plain.weight"));
  EXPECT_EQ(plain[1], -3);
  EXPECT_TRUE(std::isnan(plain[2]));
  EXPECT_EQ(made->tensor("empty.weight").shape(), Shape({0, 4}));
}

TEST(ScaledF8, LongRowsAreTheScalarConversionsValues) {
  constexpr int64_t kRow = 300'000;  // more than a block
  std::vector<uint8_t> bits(2 * kRow);
  for (size_t i = 0; i < bits.size(); ++i) bits[i] = static_cast<uint8_t>((i * 7 + i / 251) % 127);
  const auto file = std::make_shared<MemoryFile>(Tensors{
      {"w.weight", f8(bits, {2, kRow})}, {"w.scale_weight", Tensor::from(std::vector<float>{0.37F, 1.91F}, {2})}});
  const Tensor made = with_f8_as_bf16(file)->tensor("w.weight");
  const auto* values = static_cast<const uint16_t*>(made.raw());
  for (size_t i = 0; i < bits.size(); ++i)
    ASSERT_EQ(values[i], f32_to_bf16(f8_e4m3_to_f32(bits[i]) * (i < kRow ? 0.37F : 1.91F))) << i;
}

TEST(ScaledF8, AFileWithoutAnyIsItself) {
  const auto file = std::make_shared<const MemoryFile>(Tensors{{"a.weight", Tensor::full({2}, 1.0F)}});
  EXPECT_EQ(with_f8_as_bf16(file), file);
}

TEST(ScaledF8, ScalesThatFitNothingAreRefused) {
  const auto refuse = [](ErrorCode code, const std::vector<std::string>& parts, Tensors tensors) {
    tensors["x.weight"] = f8({kOne, kOne}, {2, 1});
    const auto file = std::make_shared<MemoryFile>(std::move(tensors));
    expect_error(code, parts, [&] { (void)with_f8_as_bf16(file)->tensor("x.weight"); });
  };
  refuse(ErrorCode::kCorruptFile, {"'y.scale_weight'", "not there"}, {{"y.scale_weight", Tensor::full({}, 1)}});
  refuse(ErrorCode::kCorruptFile, {"'x.scale_weight'", "[3]"}, {{"x.scale_weight", Tensor::full({3}, 1)}});
  refuse(ErrorCode::kCorruptFile, {"'x.weight_scale'", "finite"},
         {{"x.weight_scale", Tensor::full({}, std::numeric_limits<float>::infinity())}});
  refuse(ErrorCode::kUnsupported, {"'y.weight_scale'", "i8"},
         {{"y.weight_scale", Tensor::full({}, 1)}, {"y.weight", Tensor::zeros({2}, DType::kI8)}});
  refuse(ErrorCode::kCorruptFile, {"comfy_quant"}, {{"x.comfy_quant", Tensor::zeros({5}, DType::kU8)}});
  refuse(ErrorCode::kUnsupported, {"x.comfy_quant"}, {{"x.comfy_quant", Tensor::full({5}, 1)}});
  Tensor nvfp4 = Tensor::empty({19}, DType::kU8);
  std::memcpy(nvfp4.raw_mut(), R"({"format": "nvfp4"})", 19);
  refuse(ErrorCode::kUnsupported, {"nvfp4", "GGUF"}, {{"x.comfy_quant", nvfp4}});
}

// ---- Tokenizers

TEST(Checkpoint, ATextEncoderMayHoldItsTokenizer) {
  const support::Golden golden = support::Golden::open("components/umt5");
  Tensors tensors = all_of(*SafetensorsFile::open(golden.weights_path()));
  Tensor model = Tensor::empty({5}, DType::kU8);
  std::memcpy(model.raw_mut(), "bytes", 5);
  tensors["spiece_model"] = model;
  const Config config = Config::read(golden.config_path());
  const TempDir dir;
  const auto checkpoint = open_checkpoint(write(dir, tensors), config);
  EXPECT_EQ(checkpoint->tokenizer, "bytes");
  EXPECT_FALSE(checkpoint->weights->entries().contains("spiece_model"));
  tensors["spiece_model"] = Tensor::full({5}, 1.0F);
  expect_error(ErrorCode::kCorruptFile, {"spiece_model"}, [&] { (void)open_checkpoint(write(dir, tensors), config); });
}

// ---- Files that are something else

void refuse(ErrorCode code, const std::vector<std::string>& parts, const Tensors& tensors) {
  const TempDir dir;
  const std::string path = write(dir, tensors);
  const Config config = Config::read(golden_path("components/wan_transformer/config.json"));
  expect_error(code, parts, [&] { (void)open_checkpoint(path, config); });
}

TEST(Checkpoint, OtherNetworksAreNamed) {
  refuse(ErrorCode::kUnsupported, {"no network that Swan runs", "'down_blocks.0.weight'", "swan info"},
         zeros({{"down_blocks.0.weight", {1}}}));
  refuse(ErrorCode::kUnsupported, {"LoRA", "--lora"}, zeros({{"diffusion_model.blocks.0.q.lora_A.weight", {1}}}));
  Tensors tensors = wan_tensors();
  for (const auto& [name, what] :
       {std::pair("img_emb.proj.0.weight", "image-to-video"), std::pair("vace_blocks.0.after_proj.bias", "VACE"),
        std::pair("blocks.0.cross_attn.k_img.weight", "image-to-video")}) {
    tensors[name] = Tensor::full({1}, 0);
    refuse(ErrorCode::kUnsupported, {name, what, "T2V"}, tensors);
    tensors.erase(name);
  }
  tensors["blocks.0.new_part.weight"] = Tensor::full({1}, 0);
  refuse(ErrorCode::kUnsupported, {"'blocks.0.new_part.weight'", "variant"}, tensors);
}

TEST(Checkpoint, HostileShapesAreRefused) {
  // Every tensor of the recognised ones with shapes that are none of its own.
  for (const Shape& shape :
       {Shape(), Shape({0}), Shape({7}), Shape({0, 3}), Shape({1, 1, 1, 1, 1}), Shape({5, 0, 1, 1})}) {
    refuse(ErrorCode::kCorruptFile, {"patch_embedding.weight"}, [&] {
      Tensors tensors = wan_tensors();
      tensors["patch_embedding.weight"] = Tensor::zeros(shape, DType::kF32);
      if (shape.rank() == 5) tensors["patch_embedding.weight"] = Tensor::zeros({0, 1, 1, 1, 1}, DType::kF32);
      return tensors;
    }());
  }
  refuse(ErrorCode::kCorruptFile, {"blocks.0.attn.qkv.weight", "[5, 1]"},
         zeros({{"blocks.0.attn.qkv.weight", {5, 1}},
                {"blocks.0.cross_attn.kv_linear.weight", {2, 1}},
                {"x_embedder.proj.weight", {1, 1, 1, 1}}}));
  refuse(ErrorCode::kCorruptFile, {"it has no"},
         zeros({{"blocks.0.self_attn.q.weight", {5, 1}},
                {"patch_embedding.weight", {1, 1, 1, 1, 1}},
                {"head.modulation", {1, 1, 1}}}));
  refuse(ErrorCode::kCorruptFile, {"encoder.conv_in.weight"}, [] {
    Tensors tensors = zeros({{"encoder.project_in.conv.weight", {1}},
                             {"decoder.project_in.main.conv.weight", {1}},
                             {"decoder.project_out.op_list.2.conv.weight", {1}}});
    return tensors;
  }());
}

}  // namespace
}  // namespace swan::io
