#include "nn/low_rank.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "ops/elementwise.h"

namespace swan::nn {

LowRank LowRank::of(std::span<const LowRankUpdate> updates) {
  if (updates.empty()) return {};
  const int64_t in = updates.front().down.dim(1), out = updates.front().up.dim(0);
  int64_t ranks = 0;
  for (const LowRankUpdate& u : updates) ranks += u.down.dim(0);
  Tensor down = Tensor::empty({ranks, in}, DType::kF32), up = Tensor::empty({out, ranks}, DType::kF32);
  int64_t first = 0;
  for (const LowRankUpdate& u : updates) {
    SWAN_ASSERT(!u.magnitude.defined());
    const int64_t rank = u.down.dim(0);
    const Tensor a = u.down.to(DType::kF32), b = u.up.to(DType::kF32);
    std::copy_n(a.data<float>(), rank * in, down.data_mut<float>() + first * in);
    for (int64_t n = 0; n < out; ++n)
      for (int64_t r = 0; r < rank; ++r)
        up.data_mut<float>()[n * ranks + first + r] = u.scale * b.data<float>()[n * rank + r];
    first += rank;
  }
  return {.down = {.weight = down.constant()}, .up = {.weight = up.constant()}};
}

Tensor LowRank::add_to(const Tensor& y, const Tensor& h, ops::Activation activation, Context& ctx) const {
  const Tensor sum = ops::add(y, ops::linear(h, up, ops::Activation::kNone, ctx), ctx);
  return activation == ops::Activation::kNone ? sum : ops::activate(sum, activation, ctx);
}

namespace {
// One row of an update: delta = sum over r of b[r] A[r], then the row of the result.
void add_row(const LowRankUpdate& u, const float* a, const float* b, int64_t n, std::span<const float> weight,
             std::span<float> sum) {
  const auto in = static_cast<int64_t>(weight.size());
  std::vector<float> delta(weight.size(), 0.0F);
  for (int64_t r = 0; r < u.down.dim(0); ++r)
    for (int64_t k = 0; k < in; ++k) delta[static_cast<size_t>(k)] += b[r] * a[r * in + k];
  if (!u.magnitude.defined()) {
    for (size_t k = 0; k < delta.size(); ++k) sum[k] += u.scale * delta[k];
    return;
  }
  // The row of W + s B A is given the norm m: it becomes g (W + s B A) with g = m / |W + s B A|.
  double square = 0;
  for (size_t k = 0; k < delta.size(); ++k) square += std::pow(static_cast<double>(weight[k] + u.scale * delta[k]), 2);
  const float gain = square > 0 ? u.magnitude.data<float>()[n] / static_cast<float>(std::sqrt(square)) : 0.0F;
  for (size_t k = 0; k < delta.size(); ++k) sum[k] += (gain - 1) * weight[k] + gain * u.scale * delta[k];
}
}  // namespace

Tensor merge(const Tensor& weight, std::span<const LowRankUpdate> updates) {
  if (updates.empty()) return weight;
  const int64_t out = weight.dim(0), in = weight.numel() / out;
  const Tensor base = weight.to(DType::kF32);
  Tensor sum = base.clone();
  for (LowRankUpdate u : updates) {
    const Tensor a = u.down.to(DType::kF32), b = u.up.to(DType::kF32);
    if (u.magnitude.defined()) u.magnitude = u.magnitude.to(DType::kF32);
    auto* sums = sum.data_mut<float>();
    parallel_ranges(out, 16, [&](int64_t begin, int64_t end) {
      for (int64_t n = begin; n < end; ++n)
        add_row(u, a.data<float>(), b.data<float>() + n * u.down.dim(0), n,
                {base.data<float>() + n * in, static_cast<size_t>(in)}, {sums + n * in, static_cast<size_t>(in)});
    });
  }
  return sum.to(weight.dtype()).constant();
}

Tensor merge(const Tensor& parameter, const Tensor& delta, float scale) {
  Tensor sum = parameter.to(DType::kF32).clone();
  const Tensor d = delta.to(DType::kF32);
  for (int64_t i = 0; i < sum.numel(); ++i) sum.data_mut<float>()[i] += scale * d.data<float>()[i];
  return sum.to(parameter.dtype()).constant();
}

}  // namespace swan::nn
