// Convolutions of a doubled picture at the decoders' own shapes, for which cuDNN chooses other kernels than for small
// ones, into memory that holds NaN.
#include <fmt/format.h>

#include <limits>

#include "cpu/kernels.h"
#include "every_op.h"
#include "ops/conv.h"
#include "support/device.h"

namespace swan::ops::testing {
namespace {

struct Doubled {
  int64_t height, width, in, out;
};
class GpuDoubledConv : public ::testing::TestWithParam<Doubled> {};
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(GpuDoubledConv);

std::vector<Doubled> decoder_shapes() {
  if (support::test_gpus() == 0) return {};
  // Wan's decoder at 480 x 832, then DC-AE's at 1024 x 1024.
  return {{60, 104, 384, 192}, {120, 208, 384, 192}, {240, 416, 192, 96},  {32, 32, 1024, 1024},
          {64, 64, 1024, 512}, {128, 128, 512, 512}, {256, 256, 512, 256}, {61, 35, 64, 48}};
}
INSTANTIATE_TEST_SUITE_P(Gpu, GpuDoubledConv, ::testing::ValuesIn(decoder_shapes()), [](const auto& info) {
  const Doubled& c = info.param;
  return fmt::format("{}x{}x{}_o{}", c.height, c.width, c.in, c.out);
});

TEST_P(GpuDoubledConv, WritesEveryPixel) {
  const Doubled& c = GetParam();
  Context gpu = support::gpu_context(DType::kBF16);
  Context cpu(backends::cpu_kernels());
  const auto rounded = [](const Tensor& t) { return t.to(DType::kBF16).to(DType::kF32); };
  const Tensor x = rounded(normal({1, c.height, c.width, c.in}, 1));
  const Tensor weight = rounded(normal({c.out, c.in, 3, 3}, 2));
  const Tensor bias = normal({c.out}, 3);
  const auto conv = [&](Context& ctx) {
    const ConvWeight w = {.weight = weight, .bias = bias, .padding = 1, .upsample = true};
    return conv2d(x.on(ctx.device(), ctx.dtype()), w, Activation::kNone, ctx).on(nullptr, DType::kF32);
  };
  const Tensor expected = conv(cpu);
  { const Tensor dirt = Tensor::full({int64_t{64} << 20}, std::numeric_limits<float>::quiet_NaN()).on(gpu.device()); }
  const double unit = 1.0 / 256;
  EXPECT_TRUE(close(conv(gpu), expected, {.relative = 4 * unit, .absolute = 4 * unit * rms(expected)}));
}

}  // namespace
}  // namespace swan::ops::testing
