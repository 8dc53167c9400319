#include "ops/attention.h"

#include <algorithm>
#include <utility>

#include "core/parallel.h"
#include "cpu/entries.h"
#include "cpu/gemm.h"
#include "cpu/kernels/attention.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {
constexpr int kScoresSlot = 2;
constexpr int kStateSlot = 3;
constexpr int64_t kQueryBlock = 128;  // rows of scores at once: 128 x 300 floats stay in the second-level cache
}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& options) {
  const int64_t batch = q.dim(0), queries = q.dim(1), keys = k.dim(1);
  const int64_t dim = q.dim(2) / options.heads, q_stride = q.dim(2), k_stride = k.dim(2);
  const int64_t group = options.heads / options.kv_heads;
  Tensor out = Tensor::empty(q.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto* pq = q.data<float>();
  const auto* pk = k.data<float>();
  const auto* pv = v.data<float>();
  auto* py = out.data_mut<float>();
  const float* bias = options.bias.defined() ? options.bias.data<float>() : nullptr;
  const float* head_bias = options.head_bias.defined() ? options.head_bias.data<float>() : nullptr;
  const bool bias_per_query = bias != nullptr && options.bias.rank() == 3;
  const int64_t blocks = (queries + kQueryBlock - 1) / kQueryBlock;
  parallel_for(batch * options.heads * blocks, [&](int64_t task) {
    const int64_t b = task / (options.heads * blocks);
    const int64_t head = task / blocks % options.heads;
    const int64_t q0 = task % blocks * kQueryBlock;
    const int64_t rows = std::min(kQueryBlock, queries - q0);
    float* scores = thread_scratch(kScoresSlot, static_cast<size_t>(kQueryBlock * keys));
    const int64_t q_at = (b * queries + q0) * q_stride + head * dim;
    const int64_t k_at = b * keys * k_stride + head / group * dim;
    gemm({.m = rows, .n = keys, .k = dim, .lda = q_stride, .b_row = 1, .b_col = k_stride, .ldc = keys}, pq + q_at,
         pk + k_at, nullptr, scores);
    for (int64_t r = 0; r < rows; ++r) {
      const float* row_bias = bias;
      const float* row_head_bias =
          head_bias != nullptr ? head_bias + head * (queries + keys - 1) + queries - 1 - (q0 + r) : nullptr;
      if (bias != nullptr) row_bias += bias_per_query ? (b * queries + q0 + r) * keys : b * keys;
      kernels::softmax_row(scores + r * keys, row_head_bias, row_bias, keys, options.scale, options.logit_softcap);
    }
    gemm({.m = rows, .n = dim, .k = keys, .lda = keys, .b_row = k_stride, .b_col = 1, .ldc = q_stride}, scores,
         pv + k_at, nullptr, py + q_at);
  });
  return out;
}

namespace {
// Each head of each sample is a task; `in` and `out` give where a head's first token is.
template <typename Offset>
void linear_attention(const float* q, const float* k, const float* v, float* y, int64_t tasks, const Offset& offset,
                      const kernels::LinearAttentionHead& head) {
  parallel_for(tasks, [&](int64_t task) {
    const auto [in, out] = offset(task);
    float* state = thread_scratch(kStateSlot, static_cast<size_t>((head.dim + 1) * head.dim));
    kernels::relu_linear_attention_head(q + in, k + in, v + in, y + out, state, head);
  });
}
}  // namespace

Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps) {
  const int64_t tokens = q.dim(1), channels = q.dim(2), dim = channels / heads;
  Tensor out = Tensor::empty(q.shape(), DType::kF32);
  if (out.numel() == 0) return out;
  const auto offset = [&](int64_t task) {
    const int64_t at = task / heads * tokens * channels + task % heads * dim;
    return std::pair(at, at);
  };
  linear_attention(q.data<float>(), k.data<float>(), v.data<float>(), out.data_mut<float>(), q.dim(0) * heads, offset,
                   {.tokens = tokens, .dim = dim, .in_stride = channels, .out_stride = channels, .eps = eps});
  return out;
}

Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps) {
  const int64_t batch = qkv.dim(0), tokens = qkv.dim(1), groups = qkv.dim(2) / (3 * head_dim);
  Tensor out = Tensor::empty({batch, tokens, groups * head_dim}, DType::kF32);
  if (out.numel() == 0) return out;
  const auto* p = qkv.data<float>();
  const auto offset = [&](int64_t task) {
    const int64_t b = task / groups, group = task % groups;
    return std::pair(b * tokens * qkv.dim(2) + group * 3 * head_dim, b * tokens * groups * head_dim + group * head_dim);
  };
  linear_attention(
      p, p + head_dim, p + 2 * head_dim, out.data_mut<float>(), batch * groups, offset,
      {.tokens = tokens, .dim = head_dim, .in_stride = qkv.dim(2), .out_stride = groups * head_dim, .eps = eps});
  return out;
}

namespace {
using RopeRow = void (*)(const float* x, const float* cos, const float* sin, float* y, int64_t half);

Tensor rope(const Tensor& x, const Tensor& cos, const Tensor& sin, RopeRow row) {
  const int64_t length = x.dim(1), channels = x.dim(2), half = cos.dim(1);
  Tensor out = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  const auto* pc = cos.data<float>();
  const auto* ps = sin.data<float>();
  auto* py = out.data_mut<float>();
  parallel_ranges(x.dim(0) * length, 16, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      for (int64_t c = 0; c < channels; c += 2 * half)
        row(px + t * channels + c, pc + t % length * half, ps + t % length * half, py + t * channels + c, half);
  });
  return out;
}
}  // namespace

Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return rope(x, cos, sin, kernels::rope_rotate_half_row);
}

Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  return rope(x, cos, sin, kernels::rope_interleaved_row);
}

}  // namespace swan::backends
