#include "ops/attention.h"

#include <algorithm>

#include "cuda/attention_kernels.h"
#include "cuda/cublaslt.h"
#include "cuda/cudnn.h"
#include "cuda/entries.h"
#include "cuda/flash_attention.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
// Scores of a part of the work: small enough to stay in the second-level cache between the three kernels, but of at
// least kFewestRows rows of one head, lest the products become too thin, and never beyond kMostScores.
constexpr int64_t kCachedScores = int64_t{16} << 20 >> 2;
constexpr int64_t kMostScores = int64_t{256} << 20 >> 2;
constexpr int64_t kFewestRows = 1024;

const void* at(const Tensor& t, int64_t element) {
  return static_cast<const char*>(t.raw()) + element * static_cast<int64_t>(size_of(t.dtype()));
}
void* at(Tensor& t, int64_t element) {
  return static_cast<char*>(t.raw_mut()) + element * static_cast<int64_t>(size_of(t.dtype()));
}

// Softmax attention through a buffer of scores, a few heads or rows at a time.
class ScoredAttention {
 public:
  ScoredAttention(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& options,
                  const Tensor& bias, const Tensor& head_bias, Tensor& y)
      : q_(q),
        k_(k),
        v_(v),
        options_(options),
        bias_(bias),
        head_bias_(head_bias),
        y_(y),
        queries_(q.dim(1)),
        keys_(k.dim(1)),
        dim_(q.dim(2) / options.heads),
        sharing_(options.heads / options.kv_heads),
        pitch_(std::max<int64_t>(keys_ + 7, 8) / 8 * 8) {  // rows of weights that start at multiples of 16 bytes
    const int64_t rows_that_fit = std::max(std::max(kCachedScores / (pitch_ * sharing_), int64_t{1}),
                                           std::min(kFewestRows, kMostScores / (pitch_ * sharing_)));
    rows_ = std::min(queries_, rows_that_fit);
    groups_ =
        rows_ < queries_ ? 1 : std::clamp<int64_t>(kCachedScores / (pitch_ * sharing_ * rows_), 1, options.kv_heads);
    const Shape shape = {groups_ * sharing_, rows_, pitch_};
    scores_ = empty(shape, DType::kF32);
    weights_ = q.dtype() == DType::kF32 ? scores_ : empty(shape, q.dtype());
  }

  void run() {
    for (int64_t sample = 0; sample < q_.dim(0); ++sample)
      for (int64_t group = 0; group < options_.kv_heads; group += groups_)
        for (int64_t row = 0; row < queries_; row += rows_)
          part(sample, group, std::min(groups_, options_.kv_heads - group), row, std::min(rows_, queries_ - row));
  }

 private:
  // All query heads of `groups` key heads, `rows` queries of one sample.
  void part(int64_t sample, int64_t group, int64_t groups, int64_t row, int64_t rows) {
    const int64_t q_channels = q_.dim(2), k_channels = k_.dim(2);
    const int64_t at_q = (sample * queries_ + row) * q_channels + group * sharing_ * dim_;
    const int64_t at_k = sample * keys_ * k_channels + group * dim_;
    const int64_t head = rows * pitch_;  // scores of a head
    // Query heads that share keys are sharing_ products, each over the groups, whose heads then lie evenly.
    const Matmul scores = {.m = rows,
                           .n = keys_,
                           .k = dim_,
                           .dtype = q_.dtype(),
                           .out_dtype = DType::kF32,
                           .lda = q_channels,
                           .ldb = k_channels,
                           .ldd = pitch_,
                           .batch = groups,
                           .stride_a = sharing_ * dim_,
                           .stride_b = dim_,
                           .stride_d = sharing_ * head};
    for (int64_t i = 0; i < sharing_; ++i)
      multiply(scores, at(q_, at_q + i * dim_), at(k_, at_k), at(scores_, i * head));

    const bool per_query = bias_.defined() && bias_.rank() == 3;
    const auto* bias = static_cast<const float*>(bias_.raw());
    if (bias != nullptr) bias += sample * (per_query ? queries_ * keys_ : keys_);
    softmax_rows(static_cast<float*>(scores_.raw_mut()), weights_.raw_mut(), weights_.dtype(),
                 {.heads = groups * sharing_,
                  .rows = rows,
                  .keys = keys_,
                  .pitch = pitch_,
                  .first_head = group * sharing_,
                  .first_row = row,
                  .queries = queries_,
                  .scale = options_.scale,
                  .softcap = options_.logit_softcap,
                  .head_bias = static_cast<const float*>(head_bias_.raw()),
                  .bias = bias,
                  .bias_per_query = per_query,
                  .unit = unit()});

    const Matmul values = {.m = rows,
                           .n = dim_,
                           .k = keys_,
                           .dtype = q_.dtype(),
                           .out_dtype = q_.dtype(),
                           .b_transposed = false,
                           .lda = pitch_,
                           .ldb = k_channels,
                           .ldd = q_channels,
                           .batch = groups,
                           .stride_a = sharing_ * head,
                           .stride_b = dim_,
                           .stride_d = sharing_ * dim_,
                           .alpha = 1 / unit()};
    for (int64_t i = 0; i < sharing_; ++i)
      multiply(values, at(weights_, i * head), at(v_, at_k), at(y_, at_q + i * dim_));
  }

  static void multiply(const Matmul& product, const void* a, const void* b, void* d) {
    (void)current().cublaslt().matmul(product, a, b, d);  // plain products are always there
  }

  // Weights of 1 / keys would be denormal in f16 among thousands of keys.
  [[nodiscard]] float unit() const { return q_.dtype() == DType::kF16 ? 1024.0F : 1.0F; }

  const Tensor &q_, &k_, &v_;
  const ops::AttentionOptions& options_;
  const Tensor &bias_, &head_bias_;
  Tensor& y_;
  int64_t queries_, keys_, dim_, sharing_, pitch_;
  int64_t rows_ = 0, groups_ = 0;  // of a part: queries and key heads
  Tensor scores_, weights_;
};
}  // namespace

Tensor attention(const Tensor& given, const Tensor& keys, const Tensor& values, const ops::AttentionOptions& options) {
  const Tensor q = on_device(given);
  const Tensor k = on_device(keys, q.dtype()), v = on_device(values, q.dtype());
  const Tensor bias = on_device(options.bias, DType::kF32), head_bias = on_device(options.head_bias, DType::kF32);
  Tensor y = empty(q.shape(), q.dtype());
  if (y.numel() == 0) return y;
  const int64_t dim = q.dim(2) / options.heads;
  const bool fusible = q.dtype() != DType::kF32 && options.logit_softcap == 0 && !head_bias.defined() &&
                       (!bias.defined() || bias.rank() == 2) && dim <= 128 && dim % 8 == 0;
  if (fusible && !bias.defined() && flash_attention(q, k, v, options.heads, options.kv_heads, options.scale, y))
    return y;
  if (fusible && current().cudnn().attention(q, k, v, bias, options.heads, options.kv_heads, options.scale, y))
    return y;
  ScoredAttention(q, k, v, options, bias, head_bias, y).run();
  return y;
}

}  // namespace swan::backends::cuda
