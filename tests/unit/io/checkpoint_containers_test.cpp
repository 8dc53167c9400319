// Networks in the publishers' names, in files of torch.save and of GGUF: what is in them is what diffusers' names get.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/key_tables.h"
#include "io/checkpoint/original_file.h"
#include "io/checkpoint/renamed_file.h"
#include "io/open_tensor_file.h"
#include "io/safetensors.h"
#include "support/close.h"
#include "support/gguf_writer.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/torch_writer.h"

namespace swan::io {
namespace {

using support::TempDir;

struct Network {
  const char* golden;
  const KeyMap& (*keys)();
};
void PrintTo(const Network& network, std::ostream* out) { *out << network.golden; }

class Containers : public testing::TestWithParam<Network> {
 protected:
  support::Golden golden_ = support::Golden::open(GetParam().golden);
  std::shared_ptr<const TensorFile> diffusers_ = SafetensorsFile::open(golden_.weights_path());
  OriginalFile original_{diffusers_, GetParam().keys()};
  Config config_ = Config::read(golden_.config_path());
  TempDir dir_;

  // Every tensor as `expected` makes it of the one in the repository.
  template <typename Expected>
  void expect_weights(const std::string& path, const Expected& expected) {
    const auto checkpoint = open_checkpoint(path, config_);
    EXPECT_EQ(checkpoint->config.class_name(), config_.class_name());
    ASSERT_EQ(checkpoint->weights->entries().size(), diffusers_->entries().size());
    for (const auto& [name, entry] : diffusers_->entries()) {
      ASSERT_TRUE(checkpoint->weights->entries().contains(name)) << name;
      EXPECT_TRUE(support::identical(checkpoint->weights->tensor(name), expected(diffusers_->tensor(name)))) << name;
    }
  }
};

TEST_P(Containers, OfTorch) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [name, entry] : original_.entries()) tensors[name] = original_.tensor(name);
  for (const char* key : {"", "state_dict"})
    expect_weights(dir_.write("x.pth", support::make_torch_file(tensors, key)), [](const Tensor& t) { return t; });
  EXPECT_STREQ(open_tensor_file(dir_.file("x.pth"))->container(), "torch");
}

bool has_blocks(const Tensor& tensor) { return tensor.rank() == 2 && tensor.dim(1) % 32 == 0; }

// As ComfyUI-GGUF writes them: matrices in blocks, the rest in f32, and what has more than four dimensions as a matrix
// that remembers its shape.
TEST_P(Containers, OfGguf) {
  support::GgufWriter writer;
  writer.text("general.architecture", "wan");
  size_t quantised = 0;
  for (const auto& [name, entry] : original_.entries()) {
    const Tensor tensor = original_.tensor(name);
    const auto dims = entry.shape.dims();
    if (has_blocks(tensor)) {
      Tensor values = tensor.clone();
      writer.tensor(name, {dims.begin(), dims.end()}, 8,
                    support::q8_0_blocks(values.data_mut<float>(), values.numel()));
      ++quantised;
      continue;
    }
    std::vector<uint64_t> shape(dims.begin(), dims.end());
    if (dims.size() > 4) {
      writer.numbers("comfy.gguf.orig_shape." + name, {dims.begin(), dims.end()});
      shape = {shape[0], static_cast<uint64_t>(tensor.numel()) / shape[0]};
    }
    writer.tensor(name, shape, 0, {static_cast<const char*>(tensor.raw()), tensor.nbytes()});
  }
  EXPECT_GT(quantised, 0U);
  expect_weights(dir_.write("x.gguf", writer.finish()), [](const Tensor& t) {
    if (!has_blocks(t)) return t;
    Tensor values = t.clone();
    (void)support::q8_0_blocks(values.data_mut<float>(), values.numel());
    const Tensor rounded = values.to(DType::kBF16);
    EXPECT_LT(support::distance(rounded, t).relative_l2, 0.01);
    return rounded;
  });
  const auto file = open_tensor_file(dir_.file("x.gguf"));
  EXPECT_STREQ(file->container(), "GGUF");
  for (const auto& [name, entry] : original_.entries())
    EXPECT_EQ(file->stored_type(name), has_blocks(original_.tensor(name)) ? "q8_0" : "f32") << name;
}

// A tensor that is three of diffusers' has no blocks for them, and no part keeps the bytes of the others.
TEST(QuantisedCheckpoint, PartsOfATensorAreTheirOwn) {
  const TempDir dir;
  std::vector<float> values(size_t{96 + 32} * 32);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 101) - 50;
  const std::string qkv = support::q8_0_blocks(values.data(), 96 * 32);
  const std::string q = support::q8_0_blocks(values.data() + 96 * 32, 32 * 32);
  const std::shared_ptr<const TensorFile> file =
      open_tensor_file(dir.write("x.gguf", support::GgufWriter()
                                               .tensor("blocks.0.attn.qkv.weight", {96, 32}, 8, qkv)
                                               .tensor("blocks.0.cross_attn.q_linear.weight", {32, 32}, 8, q)
                                               .finish()));
  const RenamedFile renamed(file, {.keys = &sana_keys()});
  const auto expected = [&](size_t row) {
    return Tensor::from(std::span<const float>(values).subspan(row * 32, size_t{32} * 32), {32, 32}).to(DType::kBF16);
  };
  size_t row = 0;
  for (const char* part : {"to_q", "to_k", "to_v"}) {
    const std::string name = fmt::format("transformer_blocks.0.attn1.{}.weight", part);
    EXPECT_FALSE(renamed.blocks(name).defined()) << name;
    const Tensor tensor = renamed.tensor(name);
    EXPECT_TRUE(tensor.unique()) << name;
    EXPECT_TRUE(support::identical(tensor, expected(row))) << name;
    row += 32;
  }
  const std::string whole = "transformer_blocks.0.attn2.to_q.weight";
  ASSERT_TRUE(renamed.blocks(whole).defined());
  Tensor wide = Tensor::empty({32, 32}, DType::kF32);
  renamed.blocks(whole).widen(0, 32, wide.data_mut<float>());
  EXPECT_TRUE(support::identical(wide.to(DType::kBF16), expected(row)));
  EXPECT_TRUE(support::identical(renamed.tensor(whole), expected(row)));
}

INSTANTIATE_TEST_SUITE_P(Networks, Containers,
                         testing::Values(Network{"components/wan_transformer", wan_transformer_keys},
                                         Network{"components/sana_transformer", sana_keys},
                                         Network{"components/umt5", gguf_umt5_keys}));

}  // namespace
}  // namespace swan::io
