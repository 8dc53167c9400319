// Every operation in bf16 and f16 on the GPU, against the oracle in f64 on the same rounded inputs.
#include "every_op.h"
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

}  // namespace
}  // namespace swan::ops::testing
