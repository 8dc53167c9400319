#include "ops/linear.h"

#include <algorithm>
#include <vector>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/gemm.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {
constexpr int64_t kColumnUnit = 64;
constexpr int kWeightSlot = 1;

struct Cut {
  int64_t rows, columns;  // of one task
};

// Columns first: a task then reads its slice of the weights once for many rows. Rows are cut too when that gives too
// few tasks to keep several threads busy. From the shape alone, so that results do not depend on the number of threads.
Cut cut(int64_t m, int64_t n) {
  constexpr int64_t kMaxRows = 1024;
  constexpr int64_t kWantedTasks = 16;
  Cut c{};
  c.columns = std::clamp<int64_t>((n / kWantedTasks + kColumnUnit - 1) / kColumnUnit * kColumnUnit, kColumnUnit, 256);
  const int64_t slices = (n + c.columns - 1) / c.columns;
  const int64_t chunks = std::max<int64_t>(1, (kWantedTasks + slices - 1) / slices);
  c.rows = std::clamp<int64_t>(((m + chunks - 1) / chunks + 31) / 32 * 32, 32, kMaxRows);
  return c;
}
}  // namespace

// The weights stay in torch's layout where they are mapped. Packing them once into oneDNN's blocked layout was measured
// and gained less than 3 % (it packs a slice at a time inside the product anyway) for twice the memory.
Tensor linear(const Tensor& x, const ops::LinearWeight& w, ops::Activation activation) {
  const int64_t k = w.in_features();
  const int64_t n = w.out_features();
  const int64_t m = x.numel() / std::max<int64_t>(k, 1);
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = n;
  Tensor out = Tensor::empty(Shape(std::span<const int64_t>(dims)), DType::kF32);
  if (out.numel() == 0) return out;

  const Cut c = cut(m, n);
  const int64_t slices = (n + c.columns - 1) / c.columns;
  const int64_t chunks = (m + c.rows - 1) / c.rows;
  const auto* px = x.data<float>();
  const float* bias = w.bias.defined() ? w.bias.data<float>() : nullptr;
  auto* py = out.data_mut<float>();
  parallel_for(slices * chunks, [&](int64_t task) {
    const int64_t n0 = task / chunks * c.columns;
    const int64_t m0 = task % chunks * c.rows;
    const int64_t columns = std::min(c.columns, n - n0);
    const int64_t rows = std::min(c.rows, m - m0);
    const float* weight = nullptr;
    if (w.blocks.defined()) {
      float* widened = thread_scratch(kWeightSlot, static_cast<size_t>(columns * k));
      w.blocks.widen(n0, n0 + columns, widened);
      weight = widened;
    } else if (w.weight.dtype() == DType::kF32) {
      weight = w.weight.data<float>() + n0 * k;
    } else {
      float* converted = thread_scratch(kWeightSlot, static_cast<size_t>(columns * k));
      const auto* bits = static_cast<const uint16_t*>(w.weight.raw()) + n0 * k;
      kernels::widen(bits, w.weight.dtype(), converted, columns * k);
      weight = converted;
    }
    float* y = py + m0 * n + n0;
    gemm({.m = rows, .n = columns, .k = k, .lda = k, .b_row = 1, .b_col = k, .ldc = n}, px + m0 * k, weight,
         bias != nullptr ? bias + n0 : nullptr, y);
    if (activation != ops::Activation::kNone)
      for (int64_t r = 0; r < rows; ++r) kernels::activate(y + r * n, y + r * n, columns, activation);
  });
  return out;
}

}  // namespace swan::backends
