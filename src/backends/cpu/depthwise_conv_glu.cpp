#include <memory>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/kernels/depthwise.h"
#include "ops/conv.h"

namespace swan::backends {

namespace {
// [2C, taps] to [taps, 2C], so that a vector of channels has its weights side by side.
struct PackedDepthwise final : ops::Prepacked {
  explicit PackedDepthwise(const ops::ConvWeight& w) {
    const int64_t channels = w.out_channels(), taps = w.kernel() * w.kernel();
    const Tensor plain = w.weight.to(DType::kF32);
    weights = Tensor::empty({taps, channels}, DType::kF32);
    const auto* from = plain.data<float>();
    auto* to = weights.data_mut<float>();
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) to[t * channels + c] = from[c * taps + t];
  }
  Tensor weights;
};
}  // namespace

Tensor depthwise_conv_glu(const Tensor& x, const ops::ConvWeight& w) {
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  if (dynamic_cast<PackedDepthwise*>(w.prepacked.get()) == nullptr) w.prepacked = std::make_shared<PackedDepthwise>(w);
  const Tensor& packed = static_cast<const PackedDepthwise*>(w.prepacked.get())->weights;
  Tensor out = Tensor::empty({batch, height, width, channels / 2}, DType::kF32);
  const auto* px = x.data<float>();
  const float* bias = w.bias.defined() ? w.bias.data<float>() : nullptr;
  auto* py = out.data_mut<float>();
  parallel_for(batch * height, [&](int64_t task) {
    const int64_t b = task / height, row = task % height;
    kernels::depthwise_glu_row(
        px + b * height * width * channels, packed.data<float>(), bias, py + task * width * (channels / 2),
        {.height = height, .width = width, .channels = channels / 2, .kernel = w.kernel(), .row = row});
  });
  return out;
}

}  // namespace swan::backends
