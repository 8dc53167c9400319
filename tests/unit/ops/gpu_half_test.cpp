// Every operation in bf16 and f16 on the GPU, against the oracle in f64 on the same rounded inputs.
#include <fmt/format.h>

#include "every_op.h"
#include "ops/attention.h"
#include "support/device.h"

namespace swan::ops::testing {
namespace {

class GpuHalf : public ::testing::TestWithParam<std::tuple<DType, OpRun>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuHalf);

std::vector<DType> half_types() {
  return support::test_gpus() > 0 ? std::vector<DType>{DType::kBF16, DType::kF16} : std::vector<DType>();
}
INSTANTIATE_TEST_SUITE_P(Gpu, GpuHalf,
                         ::testing::Combine(::testing::ValuesIn(half_types()), ::testing::ValuesIn(every_op())),
                         [](const auto& info) {
                           return std::string(dtype_name(std::get<0>(info.param))) + "_" + std::get<1>(info.param).name;
                         });

TEST_P(GpuHalf, MatchesTheOracle) {
  const auto& [dtype, op] = GetParam();
  Context gpu = support::gpu_context(dtype);
  Context oracle(oracle_kernels());
  std::vector<Tensor> halves, wide;
  for (const Tensor& input : op.inputs) {
    const bool floating = is_floating(input.dtype());
    halves.push_back(floating ? input.on(gpu.device(), dtype) : input);
    wide.push_back(floating ? input.to(dtype).to(DType::kF32) : input);
  }
  const Tensor found = op.run(halves, gpu).on(nullptr, DType::kF32);
  const Tensor expected = op.run(wide, oracle);
  // Stored results are rounded once or, where an operation has a step of its own in between (probabilities, a product
  // before its activation), a few times.
  const double unit = dtype == DType::kBF16 ? 1.0 / 256 : 1.0 / 2048;
  EXPECT_TRUE(close(found, expected, {.relative = 4 * unit, .absolute = 4 * unit * rms(expected)}));
}

TEST_P(GpuHalf, IsTheSameEveryTime) {
  const auto& [dtype, op] = GetParam();
  Context gpu = support::gpu_context(dtype);
  std::vector<Tensor> halves;
  for (const Tensor& input : op.inputs)
    halves.push_back(is_floating(input.dtype()) ? input.on(gpu.device(), dtype) : input);
  const Tensor first = op.run(halves, gpu);
  EXPECT_TRUE(identical(op.run(halves, gpu), first));
}

// Heads of 128 channels have a kernel of their own on Hopper: lengths around its tiles of 128 queries and 176 keys, and
// scores so large that most weights vanish.
struct LongHeads {
  int64_t queries, keys;
  float magnitude;
};
class GpuAttention : public ::testing::TestWithParam<std::tuple<DType, LongHeads>> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuAttention);
std::vector<LongHeads> long_heads() {
  return {{1, 1, 1}, {64, 176, 1}, {128, 177, 1}, {129, 352, 1}, {257, 40, 3}, {300, 1001, 1}, {700, 513, 10}};
}
std::string long_heads_name(const ::testing::TestParamInfo<std::tuple<DType, LongHeads>>& info) {
  const auto& [dtype, c] = info.param;
  return fmt::format("{}_q{}_k{}_times{}", dtype_name(dtype), c.queries, c.keys, c.magnitude);
}
INSTANTIATE_TEST_SUITE_P(Gpu, GpuAttention,
                         ::testing::Combine(::testing::ValuesIn(half_types()), ::testing::ValuesIn(long_heads())),
                         long_heads_name);

TEST_P(GpuAttention, OfLongHeadsMatchesTheOracle) {
  const auto& [dtype, c] = GetParam();
  constexpr int64_t kBatch = 2, kHeads = 3, kDim = 128;
  Context gpu = support::gpu_context(dtype);
  Context oracle(oracle_kernels());
  std::vector<Tensor> inputs = {normal({kBatch, c.queries, kHeads * kDim}, 1),
                                normal({kBatch, c.keys, kHeads * kDim}, 2), normal({kBatch, c.keys, kHeads * kDim}, 3)};
  for (int64_t i = 0; i < inputs[0].numel(); ++i) inputs[0].data_mut<float>()[i] *= c.magnitude;
  std::vector<Tensor> halves, wide;
  for (const Tensor& input : inputs) {
    halves.push_back(input.on(gpu.device(), dtype));
    wide.push_back(input.to(dtype).to(DType::kF32));
  }
  const AttentionOptions options = {.heads = kHeads, .kv_heads = kHeads, .scale = 0.088F};
  const Tensor y = attention(halves[0], halves[1], halves[2], options, gpu);
  const Tensor expected = attention(wide[0], wide[1], wide[2], options, oracle);
  const double unit = dtype == DType::kBF16 ? 1.0 / 256 : 1.0 / 2048;
  EXPECT_TRUE(
      close(y.on(nullptr, DType::kF32), expected, {.relative = 4 * unit, .absolute = 4 * unit * rms(expected)}));
  EXPECT_TRUE(identical(attention(halves[0], halves[1], halves[2], options, gpu), y));
}

}  // namespace
}  // namespace swan::ops::testing
