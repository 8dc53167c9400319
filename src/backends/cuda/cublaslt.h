#pragma once

#include <cstdint>
#include <memory>

#include "cuda/runtime.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::backends::cuda {

/// The most rows of A in one product: some kernels' grids end at 65535 tiles of rows.
inline constexpr int64_t kMostRows = int64_t{1} << 22;

/// D = activation(alpha A B^T + bias), or A B: `batch` products of row-major matrices, accumulated in f32 (never TF32).
/// Leading dimensions and strides count elements. Strides lie between the matrices of neighbouring products; those of a
/// head's channels among its neighbours' are such (stride: the head's channels, leading dimension: all heads').
struct Matmul {
  int64_t m = 0, n = 0, k = 0;
  DType dtype = DType::kF32;      ///< of A and B: f32, f16, bf16 or f8_e4m3
  DType out_dtype = DType::kF32;  ///< of D: that of A and B, or f32; of f8_e4m3: f16, bf16 or f32
  bool b_transposed = true;       ///< B is [n, k], as a linear layer's weight; else [k, n]
  int64_t lda = 0, ldb = 0, ldd = 0;
  int64_t batch = 1, stride_a = 0, stride_b = 0, stride_d = 0;
  float alpha = 1;
  const void* bias = nullptr;                           ///< [n] in out_dtype, the only one cuBLASLt takes; null: none
  ops::Activation activation = ops::Activation::kNone;  ///< or kRelu, kGeluTanh: cuBLASLt's GELU is the tanh form
  /// Of f8_e4m3 alone: B is transposed, and there is one product. Scales on the device, [m] of A's rows and [n] of B's:
  /// D = activation(scales_a scales_b A B^T + bias). Both or neither.
  const float* scales_a = nullptr;
  const float* scales_b = nullptr;
  bool fast_accumulation = false;  ///< sums stay in the tensor cores, with fewer bits than f32
};

/// NVIDIA's matrix products. An algorithm is chosen by the library's heuristic once for each kind of product, so that
/// results repeat; with SWAN_CUDA_AUTOTUNE=1 the first few candidates are timed instead, except while recording.
class CublasLt {
 public:
  /// @throws Error kUnsupported when the library is missing, kOutOfMemory for its workspace
  explicit CublasLt(CudaDevice& device);
  CublasLt(const CublasLt&) = delete;
  CublasLt& operator=(const CublasLt&) = delete;
  ~CublasLt();

  /// Operands are on the device. Nothing is read or written when m, n or the batch is 0.
  /// @return  false: the library cannot fuse this bias or activation here, or has no such product of f8_e4m3; D is
  ///          undefined. Never for a plain product of other dtypes
  /// @throws Error kInternal when the library fails
  [[nodiscard]] bool matmul(const Matmul& product, const void* a, const void* b, void* d);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace swan::backends::cuda
