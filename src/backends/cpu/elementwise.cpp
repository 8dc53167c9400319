#include "ops/elementwise.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/kernels/elementwise.h"

namespace swan::backends {

namespace {
constexpr int64_t kGrain = 16384;  // values of one task
}

Tensor add(const Tensor& a, const Tensor& b) {
  Tensor out = Tensor::empty(a.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* pa = a.data<float>();
  const auto* pb = b.data<float>();
  auto* py = out.data_mut<float>();
  const int64_t period = b.numel();
  parallel_ranges(a.numel(), kGrain, [&](int64_t begin, int64_t end) {
    // Runs up to the next wrap of b, the shorter operand.
    for (int64_t i = begin; i < end;) {
      const int64_t n = std::min(end - i, period - i % period);
      kernels::add(pa + i, pb + i % period, py + i, n);
      i += n;
    }
  });
  return out;
}

Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y) {
  const int64_t tokens = x.dim(1), channels = x.dim(2);
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  const auto* pg = gate.data<float>();
  const auto* py = y.data<float>();
  auto* po = out.data_mut<float>();
  const int64_t rows = std::max<int64_t>(1, kGrain / std::max<int64_t>(channels, 1));
  parallel_ranges(x.dim(0) * tokens, rows, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r)
      kernels::multiply_add(pg + r / tokens * channels, py + r * channels, px + r * channels, po + r * channels,
                            channels);
  });
  return out;
}

Tensor activate(const Tensor& x, ops::Activation activation) {
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::activate(px + begin, py + begin, end - begin, activation);
  });
  return out;
}

Tensor gated_activation(const Tensor& gate, const Tensor& up, ops::Activation activation) {
  Tensor out = Tensor::empty(gate.shape(), DType::kF32);
  const auto* pg = gate.data<float>();
  const auto* pu = up.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(gate.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::gated_activation(pg + begin, pu + begin, py + begin, end - begin, activation);
  });
  return out;
}

Tensor clamp(const Tensor& x, float least, float most) {
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.numel(), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) py[i] = px[i] < least ? least : (px[i] > most ? most : px[i]);
  });
  return out;
}

Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors) {
  Tensor out = Tensor::empty(tensors[0].shape(), DType::kF32);
  auto* py = out.data_mut<float>();
  parallel_ranges(out.numel(), kGrain, [&](int64_t begin, int64_t end) {
    kernels::scale(tensors[0].data<float>() + begin, coefficients[0], py + begin, end - begin);
    for (size_t i = 1; i < tensors.size(); ++i)
      kernels::accumulate(tensors[i].data<float>() + begin, coefficients[i], py + begin, end - begin);
  });
  return out;
}

Tensor count_nonfinite(const Tensor& x) {
  const auto* px = x.data<float>();
  std::atomic<int64_t> total{0};
  parallel_ranges(x.numel(), kGrain,
                  [&](int64_t begin, int64_t end) { total += kernels::count_nonfinite(px + begin, end - begin); });
  const auto most = static_cast<int64_t>(std::numeric_limits<int32_t>::max());
  const std::array count = {static_cast<int32_t>(std::min<int64_t>(total, most))};
  return Tensor::from(std::span<const int32_t>(count), {1});
}

}  // namespace swan::backends
