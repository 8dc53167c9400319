#include "ops/attention.h"

#include "ops/dispatch.h"

namespace swan::ops {

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options, Context& ctx) {
  for (const Tensor* t : {&q, &k, &v}) {
    check_floating("attention", "q, k or v", *t, ctx);
    check_rank("attention", "q, k or v", *t, 3);
  }
  const int64_t heads = options.heads;
  const int64_t kv_heads = options.kv_heads;
  const bool heads_fit = heads > 0 && kv_heads > 0 && heads % kv_heads == 0 && q.dim(2) % heads == 0;
  if (!heads_fit || k.shape() != v.shape() || k.dim(0) != q.dim(0) || k.dim(2) != q.dim(2) / heads * kv_heads)
    fail(ErrorCode::kShapeMismatch, "attention: q {}, k {} and v {} do not fit {} heads on {} key heads.", q.shape(),
         k.shape(), v.shape(), heads, kv_heads);
  const Tensor& bias = options.bias;
  if (bias.defined()) {
    check_floating("attention", "bias", bias, ctx);
    if (bias.shape() != Shape{q.dim(0), k.dim(1)} && bias.shape() != Shape{q.dim(0), q.dim(1), k.dim(1)})
      fail(ErrorCode::kShapeMismatch,
           "attention: bias {} fits neither [batch, keys] nor [batch, queries, keys] of q {} "
           "and k {}.",
           bias.shape(), q.shape(), k.shape());
  }
  if (options.head_bias.defined()) {
    check_floating("attention", "head_bias", options.head_bias, ctx);
    check_same_shape("attention", "head_bias", options.head_bias.shape(), {heads, q.dim(1), k.dim(1)});
  }
  return entry(&KernelTable::attention, "attention", ctx)(q, k, v, options);
}

Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps,
                             Context& ctx) {
  for (const Tensor* t : {&q, &k, &v}) check_floating("relu_linear_attention", "q, k or v", *t, ctx);
  check_rank("relu_linear_attention", "q", q, 3);
  check_same_shape("relu_linear_attention", "k", k.shape(), q.shape());
  check_same_shape("relu_linear_attention", "v", v.shape(), q.shape());
  if (heads <= 0 || q.dim(2) % heads != 0)
    fail(ErrorCode::kShapeMismatch, "relu_linear_attention: {} channels do not divide into {} heads.", q.dim(2), heads);
  return entry(&KernelTable::relu_linear_attention, "relu_linear_attention", ctx)(q, k, v, heads, eps);
}

Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps, Context& ctx) {
  check_floating("relu_linear_attention_packed", "qkv", qkv, ctx);
  check_rank("relu_linear_attention_packed", "qkv", qkv, 3);
  if (head_dim <= 0 || qkv.dim(2) % (3 * head_dim) != 0)
    fail(ErrorCode::kShapeMismatch, "relu_linear_attention_packed: {} channels do not divide into groups of 3 x {}.",
         qkv.dim(2), head_dim);
  return entry(&KernelTable::relu_linear_attention_packed, "relu_linear_attention_packed", ctx)(qkv, head_dim, eps);
}

namespace {
void check_rope(const char* operation, const Tensor& x, const Tensor& cos, const Tensor& sin, const Context& ctx) {
  check_floating(operation, "x", x, ctx);
  check_rank(operation, "x", x, 3);
  check_rank(operation, "cos", cos, 2);
  check_same_shape(operation, "sin", sin.shape(), cos.shape());
  if (cos.dim(0) != x.dim(1) || cos.dim(1) == 0 || x.dim(2) % (2 * cos.dim(1)) != 0)
    fail(ErrorCode::kShapeMismatch, "{}: x {} does not fit a table of {}.", operation, x.shape(), cos.shape());
}
}  // namespace

Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx) {
  check_rope("rope_rotate_half", x, cos, sin, ctx);
  return entry(&KernelTable::rope_rotate_half, "rope_rotate_half", ctx)(x, cos, sin);
}

Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin, Context& ctx) {
  check_rope("rope_interleaved", x, cos, sin, ctx);
  return entry(&KernelTable::rope_interleaved, "rope_interleaved", ctx)(x, cos, sin);
}

}  // namespace swan::ops
