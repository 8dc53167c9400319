// Every backend, the reference too, against values computed by torch (known_values.py) or by hand.
#include "known_values.h"

#include <cstddef>
#include <cstring>
#include <span>

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layout.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

// The cases have values near 1 and at most 50 terms, so a few roundings of 1.
constexpr Tolerance kFewRoundings = {.relative = 4 * kEpsilon, .absolute = 4 * kEpsilon};

using KnownValues = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, KnownValues, ::testing::ValuesIn(all_backends()), name_of_backend);

TEST_P(KnownValues, TableHasEveryEntry) {
  // The table is a name and function pointers only, so an empty entry is a null word.
  const KernelTable& table = ctx.kernels();
  // The CPU has nothing of quantized.h, whose entries come last.
  const size_t end = std::string(GetParam().name) == "cpu" ? offsetof(KernelTable, quantize_rows) : sizeof(KernelTable);
  for (size_t offset = 0; offset < end; offset += sizeof(void*)) {
    void* word = nullptr;
    std::memcpy(&word, reinterpret_cast<const char*>(&table) + offset, sizeof(word));
    EXPECT_NE(word, nullptr) << "entry " << offset / sizeof(void*) << " of ops::KernelTable";
  }
}

TEST_P(KnownValues, Linear) {
  const Tensor x = wave({2, 2, 3}, 0.1), bias = wave({4}, 0.3);
  const Shape shape = {2, 2, 4};
  const LinearWeight w = {wave({4, 3}, 0.2), bias};
  EXPECT_TRUE(close(linear(x, w, Activation::kNone, ctx), Tensor::from(known::kLinear, shape), kFewRoundings));
  EXPECT_TRUE(close(linear(x, w, Activation::kRelu, ctx), Tensor::from(known::kLinearRelu, shape), kFewRoundings));
  EXPECT_TRUE(close(linear(x, w, Activation::kSilu, ctx), Tensor::from(known::kLinearSilu, shape), kFewRoundings));
  EXPECT_TRUE(close(linear(x, w, Activation::kGeluTanh, ctx), Tensor::from(known::kLinearGelu, shape), kFewRoundings));
  const LinearWeight no_bias = {w.weight, {}};
  EXPECT_TRUE(
      close(linear(x, no_bias, Activation::kNone, ctx), Tensor::from(known::kLinearNoBias, shape), kFewRoundings));
  const LinearWeight bf16 = {w.weight.to(DType::kBF16), bias};
  EXPECT_TRUE(close(linear(x, bf16, Activation::kNone, ctx), Tensor::from(known::kLinearBf16, shape), kFewRoundings));
  const LinearWeight f16 = {w.weight.to(DType::kF16), bias};
  EXPECT_TRUE(close(linear(x, f16, Activation::kNone, ctx), Tensor::from(known::kLinearF16, shape), kFewRoundings));
}

TEST_P(KnownValues, Conv2d) {
  const ConvWeight strided = {
      .weight = wave({6, 2, 3, 3}, 0.2), .bias = wave({6}, 0.3), .stride = 2, .padding = 1, .groups = 2};
  EXPECT_TRUE(close(conv2d(wave({2, 4, 3, 4}, 0.1), strided, Activation::kNone, ctx),
                    Tensor::from(known::kConvGroupsStride, {2, 2, 2, 6}), kFewRoundings));
  const ConvWeight wide = {.weight = wave({2, 2, 5, 5}, 0.2), .padding = 2};
  EXPECT_TRUE(close(conv2d(wave({1, 3, 2, 2}, 0.1), wide, Activation::kSilu, ctx),
                    Tensor::from(known::kConv5Silu, {1, 3, 2, 2}), kFewRoundings));
}

TEST_P(KnownValues, DepthwiseConvGlu) {
  const ConvWeight w = {.weight = wave({6, 1, 3, 3}, 0.2), .bias = wave({6}, 0.3), .padding = 1, .groups = 6};
  EXPECT_TRUE(close(depthwise_conv_glu(wave({1, 3, 2, 6}, 0.1), w, ctx),
                    Tensor::from(known::kDepthwiseGlu, {1, 3, 2, 3}), kFewRoundings));
}

TEST_P(KnownValues, RmsNorm) {
  const Tensor x = wave({2, 5}, 0.1), weight = wave({5}, 0.2), bias = wave({5}, 0.3);
  const float eps = 0.1F;
  const Shape shape = {2, 5};
  EXPECT_TRUE(close(rms_norm(x, {}, eps, {}, ctx), Tensor::from(known::kRmsNorm, shape), kFewRoundings));
  EXPECT_TRUE(close(rms_norm(x, weight, eps, {}, ctx), Tensor::from(known::kRmsNormWeight, shape), kFewRoundings));
  EXPECT_TRUE(close(rms_norm(x, weight, eps, {.weight_plus_one = true}, ctx),
                    Tensor::from(known::kRmsNormPlusOne, shape), kFewRoundings));
  EXPECT_TRUE(close(
      rms_norm(x, weight, eps, {.bias = bias, .activation = Activation::kRelu, .residual = wave({2, 5}, 0.4)}, ctx),
      Tensor::from(known::kRmsNormAll, shape), kFewRoundings));
}

TEST_P(KnownValues, LayerNormModulate) {
  EXPECT_TRUE(close(layer_norm_modulate(wave({2, 2, 5}, 0.1), wave({2, 5}, 0.2), wave({2, 5}, 0.3), 0.1F, ctx),
                    Tensor::from(known::kLayerNormModulate, {2, 2, 5}), kFewRoundings));
}

TEST_P(KnownValues, Attention) {
  const Tensor q = wave({2, 2, 4}, 0.1), k = wave({2, 3, 2}, 0.2), v = wave({2, 3, 2}, 0.3);
  const AttentionOptions plain = {.heads = 2, .kv_heads = 1, .scale = 0.5F};
  EXPECT_TRUE(close(attention(q, k, v, plain, ctx), Tensor::from(known::kAttention, q.shape()), kFewRoundings));
  const AttentionOptions keys = {.heads = 2, .kv_heads = 1, .scale = 0.5F, .bias = wave({2, 3}, 0.4)};
  EXPECT_TRUE(close(attention(q, k, v, keys, ctx), Tensor::from(known::kAttentionKeyBias, q.shape()), kFewRoundings));
  const AttentionOptions capped = {
      .heads = 2, .kv_heads = 1, .scale = 3, .logit_softcap = 2, .bias = wave({2, 2, 3}, 0.4)};
  EXPECT_TRUE(close(attention(q, k, v, capped, ctx), Tensor::from(known::kAttentionCapBias, q.shape()), kFewRoundings));
}

TEST_P(KnownValues, AttentionOfEqualScoresIsTheMean) {
  // q = 0: each of two queries sees both values alike; a bias of ln 3 weighs the second three times.
  const Tensor q = Tensor::zeros({1, 2, 1}, DType::kF32), k = iota({1, 2, 1}, 1);
  const Tensor v = Tensor::from(std::vector<float>{8, 4}, {1, 2, 1});
  EXPECT_TRUE(close(attention(q, k, v, {}, ctx), Tensor::full({1, 2, 1}, 6), kFewRoundings));
  const AttentionOptions weighted = {.bias = Tensor::from(std::vector<float>{0, 1.0986123F}, {1, 2})};
  EXPECT_TRUE(close(attention(q, k, v, weighted, ctx), Tensor::full({1, 2, 1}, 5), kFewRoundings));
}

TEST_P(KnownValues, ReluLinearAttention) {
  const Shape shape = {2, 3, 4};
  EXPECT_TRUE(close(relu_linear_attention(wave(shape, 0.1), wave(shape, 0.2), wave(shape, 0.3), 2, 1e-3F, ctx),
                    Tensor::from(known::kLinearAttention, shape), kFewRoundings));
  EXPECT_TRUE(close(relu_linear_attention_packed(wave({1, 3, 12}, 0.1), 2, 1e-3F, ctx),
                    Tensor::from(known::kLinearAttentionPacked, {1, 3, 4}), kFewRoundings));
}

TEST_P(KnownValues, RopeRotateHalf) {
  EXPECT_TRUE(close(rope_rotate_half(wave({1, 2, 8}, 0.1), wave({2, 2}, 0.2), wave({2, 2}, 0.3), ctx),
                    Tensor::from(known::kRope, {1, 2, 8}), kFewRoundings));
}

TEST_P(KnownValues, Elementwise) {
  const Tensor x = wave({2, 2, 3}, 0.1);
  EXPECT_TRUE(close(add(x, wave({2, 3}, 0.2), ctx), Tensor::from(known::kAddSuffix, x.shape()), kFewRoundings));
  EXPECT_TRUE(close(add_gated(x, wave({2, 3}, 0.2), wave({2, 2, 3}, 0.3), ctx),
                    Tensor::from(known::kAddGated, x.shape()), kFewRoundings));
  const std::vector<Tensor> terms = {wave({4}, 0.1), wave({4}, 0.2), wave({4}, 0.3)};
  EXPECT_TRUE(close(linear_combination(std::vector<float>{0.5F, -2, 3}, terms, ctx),
                    Tensor::from(known::kCombination, {4}), kFewRoundings));
}

TEST_P(KnownValues, Activations) {
  const Shape shape = {static_cast<int64_t>(std::size(known::kPoints))};
  const Tensor x = Tensor::from(known::kPoints, shape);
  EXPECT_TRUE(identical(activate(x, Activation::kNone, ctx), x));
  EXPECT_TRUE(close(activate(x, Activation::kRelu, ctx), Tensor::from(known::kReluPoints, shape), {}));
  EXPECT_TRUE(close(activate(x, Activation::kSilu, ctx), Tensor::from(known::kSiluPoints, shape), kFewRoundings));
  EXPECT_TRUE(close(activate(x, Activation::kGeluTanh, ctx), Tensor::from(known::kGeluPoints, shape), kFewRoundings));
  EXPECT_TRUE(close(gated_activation(wave({7}, 0.1), wave({7}, 0.2), Activation::kGeluTanh, ctx),
                    Tensor::from(known::kGatedGelu, {7}), kFewRoundings));
}

TEST_P(KnownValues, CountNonfinite) {
  const Tensor x = Tensor::from(std::vector<float>{1, NAN, -INFINITY, FLT_MAX, INFINITY, 0}, {2, 3});
  EXPECT_EQ(nonfinite_in(x, ctx), 3);
}

TEST_P(KnownValues, Embedding) {
  const Tensor ids = Tensor::from(std::vector<int32_t>{2, 0, 2, 1}, {2, 2});
  const Tensor table = iota({3, 2}, 1);
  const Tensor expected = Tensor::from(std::vector<float>{2.5F, 3, 0.5F, 1, 2.5F, 3, 1.5F, 2}, {2, 2, 2});
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    EXPECT_TRUE(identical(embedding(ids, table.to(dtype), 0.5F, ctx), expected)) << dtype_name(dtype);
}

TEST_P(KnownValues, Layout) {
  EXPECT_TRUE(identical(nchw_to_nhwc(iota({2, 3, 2, 2}), ctx), Tensor::from(known::kToNhwc, {2, 2, 2, 3})));
  EXPECT_TRUE(identical(nhwc_to_nchw(iota({2, 3, 2, 2}), ctx), Tensor::from(known::kToNchw, {2, 2, 3, 2})));
  EXPECT_TRUE(identical(pixel_shuffle(iota({2, 2, 3, 8}), 2, ctx), Tensor::from(known::kPixelShuffle, {2, 4, 6, 2})));
  EXPECT_TRUE(
      identical(pixel_unshuffle(iota({2, 4, 2, 2}), 2, ctx), Tensor::from(known::kPixelUnshuffle, {2, 2, 1, 8})));
  EXPECT_TRUE(identical(upsample_nearest(iota({2, 2, 1, 3}), 2, ctx), Tensor::from(known::kUpsample, {2, 4, 2, 3})));
  EXPECT_TRUE(identical(unpatchify(iota({1, 6, 8}), 2, 3, 2, ctx), Tensor::from(known::kUnpatchify, {1, 2, 4, 6})));
  EXPECT_TRUE(identical(repeat_channels(iota({2, 2}), 3, ctx),
                        Tensor::from(std::vector<float>{0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3}, {2, 6})));
  EXPECT_TRUE(
      identical(mean_channel_groups(iota({2, 6}), 3, ctx), Tensor::from(std::vector<float>{1, 4, 7, 10}, {2, 2})));
  EXPECT_TRUE(identical(concat_channels(iota({2, 1}), iota({2, 2}, 10), ctx),
                        Tensor::from(std::vector<float>{0, 10, 11, 1, 12, 13}, {2, 3})));
  EXPECT_TRUE(identical(concat_rows(std::vector<Tensor>{iota({1, 2}), iota({2, 2}, 10)}, ctx),
                        Tensor::from(std::vector<float>{0, 1, 10, 11, 12, 13}, {3, 2})));
  EXPECT_TRUE(identical(slice_channels(iota({2, 4}), 1, 3, ctx), Tensor::from(std::vector<float>{1, 2, 5, 6}, {2, 2})));
}

TEST_P(KnownValues, TimestepEmbedding) {
  // Both compute the angles in f32; an angle near 999 is known to half its last place, 3e-5.
  const Tensor timesteps = Tensor::from(std::vector<float>{0, 1.5F, 999}, {3});
  EXPECT_TRUE(close(timestep_embedding(timesteps, 8, ctx), Tensor::from(known::kTimesteps, {3, 8}),
                    {.absolute = 999 * kEpsilon}));
}

}  // namespace
}  // namespace swan::ops::testing
