#pragma once

#include <cstdint>

namespace swan::backends {

/// One matrix product on the calling thread: c = a b (+ bias), f32. Row-major with strides in elements:
///   a [m, k] with row stride lda;  b [k, n] with strides (b_row, b_col), one of which is 1;  c [m, n] with row stride
///   ldc;  bias [n] or null.
struct Gemm {
  int64_t m, n, k;
  int64_t lda;
  int64_t b_row, b_col;
  int64_t ldc;
};
void gemm(const Gemm& shape, const float* a, const float* b, const float* bias, float* c);

}  // namespace swan::backends
