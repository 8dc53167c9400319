#include "ops/attention.h"

#include <fmt/format.h>

#include <cmath>

#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct AttentionCase {
  int64_t batch, queries, keys, heads, kv_heads, head_dim;
  float softcap;
  int bias_rank;  // 0: none
  [[nodiscard]] std::string name() const {
    return fmt::format("b{}_q{}_k{}_h{}on{}_d{}_cap{}_bias{}", batch, queries, keys, heads, kv_heads, head_dim,
                       static_cast<int>(softcap), bias_rank);
  }
};
std::ostream& operator<<(std::ostream& out, const AttentionCase& c) { return out << c.name(); }

std::vector<AttentionCase> cases() {
  return {
      {1, 1, 1, 1, 1, 16, 0, 0},    {2, 3, 2, 1, 1, 16, 0, 0},    {1, 7, 5, 2, 2, 32, 0, 0},
      {3, 2, 17, 2, 1, 48, 0, 2},   {1, 31, 33, 3, 3, 72, 0, 2},  {2, 15, 9, 4, 2, 112, 0, 3},
      {1, 65, 67, 4, 1, 32, 0, 0},  {2, 5, 129, 5, 5, 16, 0, 2},  {1, 64, 64, 6, 3, 48, 50, 3},
      {2, 13, 13, 8, 4, 72, 50, 3}, {1, 40, 300, 7, 7, 32, 0, 2}, {1, 257, 63, 2, 2, 112, 5, 2},
      {1, 19, 19, 8, 8, 16, 30, 0}, {1, 11, 8, 8, 2, 112, 0, 3},  {2, 1, 301, 8, 1, 32, 50, 2},
      {1, 3, 4, 2, 2, 1, 0, 0},     {1, 5, 6, 3, 3, 5, 0, 2},     {1, 130, 521, 1, 1, 256, 50, 3},
  };
}

// Scores of RMS 1 and at most 6 carry a few roundings, so weights are known to about 10 epsilon, relative; the result
// is a mean of v with them, of at most rms(v) where one key dominates.
Tolerance tolerance(const Tensor& v) { return {.relative = 4 * kEpsilon, .absolute = 16 * kEpsilon * rms(v)}; }

AttentionOptions options_of(const AttentionCase& c, const Tensor& bias) {
  return {.heads = c.heads,
          .kv_heads = c.kv_heads,
          .scale = 1 / std::sqrt(static_cast<float>(c.head_dim)),
          .logit_softcap = c.softcap,
          .bias = bias};
}

Shape bias_shape(const AttentionCase& c) {
  return c.bias_rank != 3 ? Shape{c.batch, c.keys} : Shape{c.batch, c.queries, c.keys};
}

class AttentionTest : public OracleTest<AttentionCase> {
 protected:
  [[nodiscard]] const AttentionCase& c() const { return param(); }
  Tensor q = normal({c().batch, c().queries, c().heads* c().head_dim}, 1);
  Tensor k = normal({c().batch, c().keys, c().kv_heads* c().head_dim}, 2);
  Tensor v = normal({c().batch, c().keys, c().kv_heads* c().head_dim}, 3);
};
SWAN_FOR_EACH_CASE(AttentionTest, cases());

TEST_P(AttentionTest, MatchesReference) {
  const AttentionOptions options = options_of(c(), c().bias_rank == 0 ? Tensor() : normal(bias_shape(c()), 4));
  EXPECT_TRUE(close(attention(q, k, v, options, ctx), attention(q, k, v, options, oracle), tolerance(v)));
}

TEST_P(AttentionTest, MasksKeys) {
  // Every third key masked, as a padded prompt or a causal mask does it; the others' weights must not feel it.
  for (const float masked : {-FLT_MAX, -1e9F, -10000.0F, -INFINITY}) {
    Tensor bias = Tensor::zeros(bias_shape(c()), DType::kF32);
    for (int64_t i = 1; i < bias.numel(); i += 3)
      if (i % c().keys != 0) bias.data_mut<float>()[i] = masked;
    const AttentionOptions options = options_of(c(), bias);
    EXPECT_TRUE(close(attention(q, k, v, options, ctx), attention(q, k, v, options, oracle), tolerance(v))) << masked;
  }
}

TEST_P(AttentionTest, FullyMaskedRowsAreUniform) {
  // The scores vanish beside the bias, so that every key weighs the same: the result is the mean of v.
  for (const float masked : {-FLT_MAX, -1e9F}) {
    Tensor bias = Tensor::zeros(bias_shape(c()), DType::kF32);
    for (int64_t i = 0; i < bias.numel() / c().batch; ++i) bias.data_mut<float>()[i] = masked;  // the first sample
    const AttentionOptions options = options_of(c(), bias);
    const Tensor y = attention(q, k, v, options, ctx).cpu();
    EXPECT_TRUE(close(y, attention(q, k, v, options, oracle), tolerance(v))) << masked;
    for (int64_t channel = 0; channel < c().head_dim; ++channel) {  // of the first head, in the last query
      double mean = 0;
      for (int64_t key = 0; key < c().keys; ++key) mean += v.data<float>()[key * v.dim(2) + channel];
      mean /= static_cast<double>(c().keys);
      EXPECT_NEAR(y.data<float>()[(c().queries - 1) * y.dim(2) + channel], mean, 16 * kEpsilon * rms(v));
    }
  }
}

TEST_P(AttentionTest, SurvivesLargeScores) {
  // Scores far beyond exp's range: small integers times a power of two, so that they are exact in f32.
  Tensor large_q = q.clone(), integer_k = k.clone();
  for (int64_t i = 0; i < q.numel(); ++i) large_q.data_mut<float>()[i] = 64 * std::round(q.data<float>()[i]);
  for (int64_t i = 0; i < k.numel(); ++i) integer_k.data_mut<float>()[i] = std::round(k.data<float>()[i]);
  AttentionOptions options = options_of(c(), {});
  options.scale = 0.5F;
  options.logit_softcap = 0;
  EXPECT_TRUE(close(attention(large_q, integer_k, v, options, ctx), attention(large_q, integer_k, v, options, oracle),
                    tolerance(v)));
}

TEST_P(AttentionTest, AddsTheBiasOfAHead) {
  const auto& c = param();
  const Tensor q = normal({c.batch, c.queries, c.heads * c.head_dim}, 1);
  const Tensor k = normal({c.batch, c.keys, c.kv_heads * c.head_dim}, 2);
  const Tensor v = normal(k.shape(), 3);
  for (const Tensor& bias : {Tensor(), normal({c.batch, c.keys}, 4)}) {
    const AttentionOptions options = {.heads = c.heads,
                                      .kv_heads = c.kv_heads,
                                      .scale = 1 / std::sqrt(static_cast<float>(c.head_dim)),
                                      .bias = bias,
                                      .head_bias = normal({c.heads, c.queries + c.keys - 1}, 5)};
    const Tensor y = attention(q, k, v, options, ctx);
    EXPECT_TRUE(close(y, attention(q, k, v, options, oracle), tolerance(v)));
  }
}

struct LinearAttentionCase {
  int64_t batch, tokens, heads, head_dim;
  [[nodiscard]] std::string name() const { return fmt::format("b{}_n{}_h{}_d{}", batch, tokens, heads, head_dim); }
};
std::ostream& operator<<(std::ostream& out, const LinearAttentionCase& c) { return out << c.name(); }

std::vector<LinearAttentionCase> linear_cases() {
  return {{1, 1, 1, 1},     {2, 3, 2, 2},    {1, 2, 3, 3},    {2, 17, 1, 8},    {1, 63, 4, 16},
          {3, 5, 2, 15},    {1, 65, 3, 17},  {2, 31, 8, 32},  {1, 257, 5, 33},  {1, 40, 2, 48},
          {1, 1024, 2, 32}, {1, 129, 3, 72}, {2, 33, 7, 112}, {1, 4099, 2, 32}, {1, 10007, 1, 16}};
}

class ReluLinearAttentionTest : public OracleTest<LinearAttentionCase> {
 protected:
  // Terms of the key sums are of one sign, so they keep a relative error of a few roundings however long they are, if
  // they are added in blocks or lanes; one running f32 sum would drift by epsilon sqrt(N) / 4. The sums with v cancel
  // to 1 / sqrt(N) of their terms' size, and their error is a walk over the partial sums: a few roundings of rms(v)
  // after the division. Where a token's q is nearly all negative the result is a quotient of tiny sums: relative.
  [[nodiscard]] Tolerance tolerance(const Tensor& v) const {
    const double drift = 0.25 * std::sqrt(static_cast<double>(param().tokens));
    return {.relative = (8 + drift) * kEpsilon, .absolute = 16 * kEpsilon * rms(v)};
  }
};
SWAN_FOR_EACH_CASE(ReluLinearAttentionTest, linear_cases());

TEST_P(ReluLinearAttentionTest, MatchesReference) {
  const auto& [batch, tokens, heads, head_dim] = param();
  const Shape shape = {batch, tokens, heads * head_dim};
  const Tensor q = normal(shape, 1), k = normal(shape, 2), v = normal(shape, 3, 1, 0.5);
  for (const float eps : {1e-15F, 1e-3F, 10.0F})
    EXPECT_TRUE(close(relu_linear_attention(q, k, v, heads, eps, ctx),
                      relu_linear_attention(q, k, v, heads, eps, oracle), tolerance(v)))
        << eps;
}

TEST_P(ReluLinearAttentionTest, PackedMatchesReference) {
  const auto& [batch, tokens, heads, head_dim] = param();
  const Tensor qkv = normal({batch, tokens, heads * 3 * head_dim}, 1, 1, 0.25);
  EXPECT_TRUE(close(relu_linear_attention_packed(qkv, head_dim, 1e-15F, ctx),
                    relu_linear_attention_packed(qkv, head_dim, 1e-15F, oracle), tolerance(qkv)));
}

TEST_P(ReluLinearAttentionTest, NoPositiveQueryGivesZero) {
  const auto& [batch, tokens, heads, head_dim] = param();
  const Shape shape = {batch, tokens, heads * head_dim};
  const Tensor y =
      relu_linear_attention(Tensor::full(shape, -1), normal(shape, 2), normal(shape, 3), heads, 1e-15F, ctx);
  EXPECT_TRUE(close(y, Tensor::zeros(shape, DType::kF32), {}));
}

struct RopeCase {
  int64_t batch, tokens, heads, head_dim;
  [[nodiscard]] std::string name() const { return fmt::format("b{}_n{}_h{}_d{}", batch, tokens, heads, head_dim); }
};
std::ostream& operator<<(std::ostream& out, const RopeCase& c) { return out << c.name(); }

std::vector<RopeCase> rope_cases() {
  return {{1, 1, 1, 2},  {2, 3, 1, 4},   {1, 5, 3, 6},   {2, 7, 2, 16},   {1, 17, 5, 30},  {3, 2, 1, 32},
          {1, 9, 4, 34}, {2, 11, 8, 48}, {1, 31, 3, 72}, {1, 13, 7, 112}, {2, 300, 2, 256}};
}

using RopeTest = OracleTest<RopeCase>;
SWAN_FOR_EACH_CASE(RopeTest, rope_cases());

TEST_P(RopeTest, MatchesReference) {
  const auto& [batch, tokens, heads, head_dim] = param();
  const Tensor x = normal({batch, tokens, heads * head_dim}, 1);
  Tensor cos = Tensor::empty({tokens, head_dim / 2}, DType::kF32), sin = cos.clone();
  for (int64_t i = 0; i < cos.numel(); ++i) {
    cos.data_mut<float>()[i] = std::cos(0.3F * static_cast<float>(i));
    sin.data_mut<float>()[i] = std::sin(0.3F * static_cast<float>(i));
  }
  // Two products of at most |x| and their sum, which may cancel.
  EXPECT_TRUE(close(rope_rotate_half(x, cos, sin, ctx), rope_rotate_half(x, cos, sin, oracle),
                    {.absolute = 1.5 * 5 * kEpsilon}));
  EXPECT_TRUE(close(rope_interleaved(x, cos, sin, ctx), rope_interleaved(x, cos, sin, oracle),
                    {.absolute = 1.5 * 5 * kEpsilon}));
}

}  // namespace
}  // namespace swan::ops::testing
