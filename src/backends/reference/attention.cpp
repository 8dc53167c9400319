#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "reference/functions.h"

namespace swan::backends::reference {

namespace {

// The bias of one query over all keys, or null.
const float* bias_row(const Tensor& bias, int64_t batch, int64_t query, int64_t queries, int64_t keys) {
  if (!bias.defined()) return nullptr;
  return bias.data<float>() + (bias.rank() == 2 ? batch : batch * queries + query) * keys;
}

void softmax(std::vector<double>& row) {
  const double top = *std::max_element(row.begin(), row.end());
  double sum = 0;
  for (double& value : row) sum += value = std::exp(value - top);
  for (double& value : row) value /= sum;
}

// One group of `dim` channels of linear attention; `stride` floats lie between tokens of q, k and v, `out_stride`
// between those of y.
void linear_attention_group(const float* q, const float* k, const float* v, int64_t stride, float* y,
                            int64_t out_stride, int64_t tokens, int64_t dim, float eps) {
  const auto relu = [](float x) { return apply(ops::Activation::kRelu, x); };
  std::vector<double> kv(static_cast<size_t>(dim * dim), 0);
  std::vector<double> key_sum(static_cast<size_t>(dim), 0);
  for (int64_t n = 0; n < tokens; ++n) {
    for (int64_t i = 0; i < dim; ++i) {
      const double key = relu(k[n * stride + i]);
      key_sum[static_cast<size_t>(i)] += key;
      for (int64_t j = 0; j < dim; ++j) kv[static_cast<size_t>(i * dim + j)] += key * v[n * stride + j];
    }
  }
  for (int64_t n = 0; n < tokens; ++n) {
    double weight = eps;
    for (int64_t i = 0; i < dim; ++i) weight += relu(q[n * stride + i]) * key_sum[static_cast<size_t>(i)];
    for (int64_t j = 0; j < dim; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < dim; ++i) sum += relu(q[n * stride + i]) * kv[static_cast<size_t>(i * dim + j)];
      y[n * out_stride + j] = static_cast<float>(sum / weight);
    }
  }
}

}  // namespace

Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& options) {
  const int64_t batches = q.dim(0), queries = q.dim(1), keys = k.dim(1), dim = q.dim(2) / options.heads;
  const int64_t sharing = options.heads / options.kv_heads;  // query heads per key head
  Tensor y = Tensor::empty(q.shape(), DType::kF32);
  const auto* pq = q.data<float>();
  const auto* pk = k.data<float>();
  const auto* pv = v.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(batches * options.heads * queries, [&](int64_t task) {
    const int64_t batch = task / queries / options.heads, head = task / queries % options.heads, query = task % queries;
    const int64_t at_query = (batch * queries + query) * q.dim(2) + head * dim;
    const int64_t at_keys = batch * keys * k.dim(2) + head / sharing * dim;
    const float* bias = bias_row(options.bias, batch, query, queries, keys);
    const float* head_bias = options.head_bias.defined()
                                 ? options.head_bias.data<float>() + head * (queries + keys - 1) + queries - 1 - query
                                 : nullptr;
    std::vector<double> weights(static_cast<size_t>(keys));
    for (int64_t key = 0; key < keys; ++key) {
      double score = 0;
      for (int64_t c = 0; c < dim; ++c)
        score += static_cast<double>(pq[at_query + c]) * pk[at_keys + key * k.dim(2) + c];
      score *= options.scale;
      if (options.logit_softcap != 0) score = std::tanh(score / options.logit_softcap) * options.logit_softcap;
      // Scores are f32 in torch: beside a bias of the smallest finite f32 they vanish in the addition, and a row whose
      // keys are all masked is uniform. Adding in f64 would keep them and give the softmax of the unmasked row.
      auto rounded = static_cast<float>(score);
      if (head_bias != nullptr) rounded += head_bias[key];
      if (bias != nullptr) rounded += bias[key];
      weights[static_cast<size_t>(key)] = rounded;
    }
    softmax(weights);
    for (int64_t c = 0; c < dim; ++c) {
      double sum = 0;
      for (int64_t key = 0; key < keys; ++key)
        sum += weights[static_cast<size_t>(key)] * pv[at_keys + key * k.dim(2) + c];
      py[at_query + c] = static_cast<float>(sum);
    }
  });
  return y;
}

Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps) {
  const int64_t tokens = q.dim(1), channels = q.dim(2), dim = channels / heads;
  Tensor y = Tensor::empty(q.shape(), DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_for(q.dim(0) * heads, [&](int64_t task) {
    const int64_t at = task / heads * tokens * channels + task % heads * dim;
    linear_attention_group(q.data<float>() + at, k.data<float>() + at, v.data<float>() + at, channels, py + at,
                           channels, tokens, dim, eps);
  });
  return y;
}

Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps) {
  const int64_t tokens = qkv.dim(1), channels = qkv.dim(2), groups = channels / (3 * head_dim);
  Tensor y = Tensor::empty({qkv.dim(0), tokens, groups * head_dim}, DType::kF32);
  auto* py = y.data_mut<float>();
  parallel_for(qkv.dim(0) * groups, [&](int64_t task) {
    const int64_t batch = task / groups, group = task % groups;
    const auto* q = qkv.data<float>() + batch * tokens * channels + group * 3 * head_dim;
    linear_attention_group(q, q + head_dim, q + 2 * head_dim, channels,
                           py + (batch * tokens * groups + group) * head_dim, groups * head_dim, tokens, head_dim, eps);
  });
  return y;
}

Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const int64_t tokens = x.dim(1), half = cos.dim(1), heads = x.dim(2) / (2 * half);
  Tensor y = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(x.dim(0) * tokens, [&](int64_t row) {
    for (int64_t head = 0; head < heads; ++head) {
      for (int64_t i = 0; i < half; ++i) {
        const int64_t first = (row * heads + head) * 2 * half + i;
        const double a = px[first], b = px[first + half];
        const double c = cos.data<float>()[row % tokens * half + i], s = sin.data<float>()[row % tokens * half + i];
        py[first] = static_cast<float>(a * c - b * s);
        py[first + half] = static_cast<float>(b * c + a * s);
      }
    }
  });
  return y;
}

Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin) {
  const int64_t tokens = x.dim(1), half = cos.dim(1), pairs = x.dim(2) / 2;
  Tensor y = Tensor::empty(x.shape(), DType::kF32);
  const auto* px = x.data<float>();
  auto* py = y.data_mut<float>();
  parallel_for(x.dim(0) * tokens, [&](int64_t row) {
    for (int64_t pair = 0; pair < pairs; ++pair) {
      const int64_t first = 2 * (row * pairs + pair);
      const double a = px[first], b = px[first + 1];
      const int64_t at = row % tokens * half + pair % half;
      const double c = cos.data<float>()[at], s = sin.data<float>()[at];
      py[first] = static_cast<float>(a * c - b * s);
      py[first + 1] = static_cast<float>(a * s + b * c);
    }
  });
  return y;
}

}  // namespace swan::backends::reference
