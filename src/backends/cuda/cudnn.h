#pragma once

#include <memory>

#include "cuda/conv_kernels.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

/// NVIDIA's cuDNN 9, loaded when the first object is made. Plans are built at the first call of their parameters, which
/// takes about a tenth of a second, and kept. Only cudnn.cpp sees cuDNN's headers: they take long to compile.
class Cudnn {
 public:
  /// @throws Error kUnsupported when the library is missing or does not work with the device
  explicit Cudnn(CudaDevice& device);
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;
  ~Cudnn();

  /// Accumulates in f32, and with f32 pictures multiplies in f32 too. The same call gives the same bits.
  /// @param y  [B, H', W', O] in x's dtype
  /// @return   false, having done nothing: cuDNN has no plan for it
  [[nodiscard]] bool convolution(const ConvCall& call, Tensor& y);

  /// Softmax attention, of f16 or bf16, with f32 scores. GQA when there are fewer kv_heads than heads.
  /// @param q         [B, Lq, heads * D], D a multiple of 8 up to 128;  @param k, v  [B, Lk, kv_heads * D]
  /// @param key_bias  [B, Lk] f32, added to the scores; undefined: none
  /// @param out       as q
  /// @return          false, having done nothing: cuDNN has no plan for it
  [[nodiscard]] bool attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_bias, int64_t heads,
                               int64_t kv_heads, float scale, Tensor& out);

 private:
  struct Plans;
  std::unique_ptr<Plans> plans_;
};

}  // namespace swan::backends::cuda
