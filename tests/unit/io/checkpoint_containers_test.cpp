// Networks in the publishers' names, in files of torch.save and of GGUF: what is in them is what diffusers' names get.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "core/convert.h"
#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/key_tables.h"
#include "io/checkpoint/original_file.h"
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

// Rows of blocks of 32 as Q8_0, and what they then stand for. Ref: ggml-quants.c, quantize_row_q8_0
bool has_blocks(const Tensor& tensor) { return tensor.rank() == 2 && tensor.dim(1) % 32 == 0; }
std::string blocks_of(const Tensor& tensor, std::vector<float>& values) {
  std::string bytes;
  const auto* x = tensor.data<float>();
  for (int64_t begin = 0; begin < tensor.numel(); begin += 32) {
    float largest = 0;
    for (int64_t i = begin; i < begin + 32; ++i) largest = std::max(largest, std::abs(x[i]));
    const uint16_t scale = f32_to_f16(largest / 127);
    bytes += support::little_endian(scale);
    for (int64_t i = begin; i < begin + 32; ++i) {
      const float q = largest > 0 ? std::round(x[i] / (largest / 127)) : 0.0F;
      bytes += static_cast<char>(static_cast<int8_t>(q));
      values.push_back(f16_to_f32(scale) * q);
    }
  }
  return bytes;
}

// As ComfyUI-GGUF writes them: matrices in blocks, the rest in f32, and what has more than four dimensions as a matrix
// that remembers its shape.
TEST_P(Containers, OfGguf) {
  support::GgufWriter writer;
  writer.text("general.architecture", "wan");
  size_t quantised = 0;
  for (const auto& [name, entry] : original_.entries()) {
    const Tensor tensor = original_.tensor(name);
    const auto dims = entry.shape.dims();
    std::vector<float> values;
    if (has_blocks(tensor)) {
      writer.tensor(name, {dims.begin(), dims.end()}, 8, blocks_of(tensor, values));
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
    std::vector<float> values;
    (void)blocks_of(t, values);
    const Tensor rounded = Tensor::from(std::span<const float>(values), t.shape()).to(DType::kBF16);
    EXPECT_LT(support::distance(rounded, t).relative_l2, 0.01);
    return rounded;
  });
  const auto file = open_tensor_file(dir_.file("x.gguf"));
  EXPECT_STREQ(file->container(), "GGUF");
  for (const auto& [name, entry] : original_.entries())
    EXPECT_EQ(file->stored_type(name), has_blocks(original_.tensor(name)) ? "q8_0" : "f32") << name;
}

INSTANTIATE_TEST_SUITE_P(Networks, Containers,
                         testing::Values(Network{"components/wan_transformer", wan_transformer_keys},
                                         Network{"components/sana_transformer", sana_keys},
                                         Network{"components/umt5", gguf_umt5_keys}));

}  // namespace
}  // namespace swan::io
