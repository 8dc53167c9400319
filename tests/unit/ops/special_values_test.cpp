// NaN must reach the result and spread no further than the mathematics says: it is how a broken model is noticed.
#include <fmt/format.h>

#include <cmath>
#include <functional>

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

constexpr Activation kActivations[] = {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh};

using SpecialValues = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, SpecialValues, ::testing::ValuesIn(all_backends()), name_of_backend);

Tensor with(const Tensor& x, int64_t index, float value) {
  Tensor changed = x.clone();
  changed.data_mut<float>()[index] = value;
  return changed;
}

// Expects NaN at exactly the elements where `poisoned` says so.
void expect_nan(const Tensor& result, const std::function<bool(int64_t)>& poisoned, const std::string& where) {
  const Tensor y = result.cpu();
  for (int64_t i = 0; i < y.numel(); ++i)
    ASSERT_EQ(std::isnan(y.data<float>()[i]), poisoned(i))
        << where << ": element " << i << " of " << y.shape().str() << " is " << y.data<float>()[i];
}

TEST_P(SpecialValues, NanPassesThroughActivations) {
  for (const int64_t n : {1, 3, 4, 7, 8, 15, 16, 17, 33, 63}) {
    const Tensor x = normal({n}, 1), other = normal({n}, 2);
    for (int64_t at = 0; at < n; ++at) {
      const auto only = [at](int64_t i) { return i == at; };
      for (const float bad : {NAN, -NAN}) {
        for (const Activation activation : kActivations) {
          const std::string where =
              fmt::format("activation {}, {} at {} of {}", static_cast<int>(activation), bad, at, n);
          expect_nan(activate(with(x, at, bad), activation, ctx), only, where);
          expect_nan(gated_activation(with(x, at, bad), other, activation, ctx), only, "gate, " + where);
          expect_nan(gated_activation(x, with(other, at, bad), activation, ctx), only, "up, " + where);
        }
      }
      expect_nan(add(with(x, at, NAN), other, ctx), only, "add");
      expect_nan(linear_combination(std::vector<float>{1, 0}, std::vector<Tensor>{x, with(other, at, NAN)}, ctx), only,
                 "linear_combination with coefficient 0");
      const Shape shape = {1, 1, n};
      expect_nan(add_gated(x.reshape(shape), other.reshape({1, n}), with(other, at, NAN).reshape(shape), ctx), only,
                 "add_gated, y");
      expect_nan(add_gated(x.reshape(shape), with(other, at, NAN).reshape({1, n}), other.reshape(shape), ctx), only,
                 "add_gated, gate");
    }
  }
}

TEST_P(SpecialValues, InfinityPassesThroughActivations) {
  for (const int64_t n : {1, 7, 16, 33}) {
    const Tensor x = Tensor::full({n}, INFINITY);
    for (const Activation activation : kActivations)
      for (int64_t i = 0; i < n; ++i)
        EXPECT_EQ(activate(x, activation, ctx).cpu().data<float>()[i], INFINITY) << static_cast<int>(activation);
  }
}

TEST_P(SpecialValues, NanPassesThroughLinear) {
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{1, 1}, {7, 5}, {17, 33}, {130, 70}}) {
    const Tensor x = normal({3, in}, 1), weight = normal({out, in}, 2), bias = normal({out}, 3);
    const int64_t columns = out;
    for (const Activation activation : kActivations) {
      const std::string where = fmt::format("{} to {}, activation {}", in, out, static_cast<int>(activation));
      for (const int64_t at : {int64_t{0}, in / 2, in - 1}) {
        expect_nan(
            linear(with(x, in + at, NAN), {weight, bias}, activation, ctx), [=](int64_t i) { return i / columns == 1; },
            "x, " + where);
        expect_nan(
            linear(x, {with(weight, (out - 1) * in + at, NAN), bias}, activation, ctx),
            [=](int64_t i) { return i % columns == columns - 1; }, "weight, " + where);
      }
      expect_nan(
          linear(x, {weight, with(bias, out / 2, NAN)}, activation, ctx),
          [=](int64_t i) { return i % columns == columns / 2; }, "bias, " + where);
    }
    // Weights of 16 bits are widened on a path of their own.
    for (const DType dtype : {DType::kF16, DType::kBF16})
      expect_nan(
          linear(x, {with(weight, 0, NAN).to(dtype), bias}, Activation::kNone, ctx),
          [=](int64_t i) { return i % columns == 0; }, dtype_name(dtype));
  }
}

TEST_P(SpecialValues, NanPassesThroughConvolutions) {
  for (const int64_t channels : {2, 16, 34}) {
    const Tensor x = normal({1, 5, 6, channels}, 1);
    const Tensor poisoned = with(x, (2 * 6 + 3) * channels + 1, NAN);  // pixel (2, 3), channel 1
    const auto near = [](int64_t pixel) { return std::abs(pixel / 6 - 2) <= 1 && std::abs(pixel % 6 - 3) <= 1; };
    const ConvWeight dense = {
        .weight = normal({channels, channels, 3, 3}, 2), .bias = normal({channels}, 3), .padding = 1};
    const ConvWeight depthwise = {
        .weight = normal({channels, 1, 3, 3}, 2), .bias = normal({channels}, 3), .padding = 1, .groups = channels};
    for (const Activation activation : kActivations) {
      const std::string where = fmt::format("{} channels, activation {}", channels, static_cast<int>(activation));
      // Minimal filtering makes 2x2 pixels together: all of them may be NaN where one must be.
      const Tensor y = conv2d(poisoned, dense, activation, ctx).cpu();
      for (int64_t i = 0; i < y.numel(); ++i) {
        const int64_t pixel = i / channels;
        const bool beyond = std::abs(pixel / 6 - 2) > 2 || std::abs(pixel % 6 - 3) > 2;
        const bool is_nan = std::isnan(y.data<float>()[i]);
        EXPECT_FALSE(near(pixel) && !is_nan) << where << " at " << i;
        EXPECT_FALSE(beyond && is_nan) << where << " at " << i;
      }
      expect_nan(
          conv2d(poisoned, depthwise, activation, ctx),
          [&](int64_t i) { return near(i / channels) && i % channels == 1; }, "depthwise, " + where);
    }
    const int64_t half = channels / 2;
    const ConvWeight glu = {.weight = depthwise.weight, .bias = depthwise.bias, .padding = 1, .groups = channels};
    expect_nan(
        depthwise_conv_glu(poisoned, glu, ctx), [&](int64_t i) { return near(i / half) && i % half == 1 % half; },
        "glu");
  }
}

TEST_P(SpecialValues, NanPassesThroughNorms) {
  for (const int64_t n : {1, 3, 8, 15, 16, 33, 130}) {
    const Tensor x = normal({2, 3, n}, 1), scale = normal({2, n}, 2), shift = normal({2, n}, 3);
    for (const int64_t at : {int64_t{0}, n / 2, n - 1}) {
      const auto row = [=](int64_t i) { return i / n == 4; };
      const std::string where = fmt::format("{} of {}", at, n);
      for (const Activation activation : kActivations)
        expect_nan(rms_norm(with(x, 4 * n + at, NAN), {}, 1e-5F, {.activation = activation}, ctx), row,
                   fmt::format("rms_norm, {}, activation {}", where, static_cast<int>(activation)));
      expect_nan(layer_norm_modulate(with(x, 4 * n + at, NAN), scale, shift, 1e-5F, ctx), row,
                 "layer_norm_modulate, " + where);
      expect_nan(
          layer_norm_modulate(x, with(scale, n + at, NAN), shift, 1e-5F, ctx),
          [=](int64_t i) { return i / n >= 3 && i % n == at; }, "scale, " + where);
    }
  }
}

TEST_P(SpecialValues, NormsOfConstantRowsAreFinite) {
  for (const int64_t n : {1, 7, 16, 129}) {
    const Tensor zeros = Tensor::zeros({2, 3, n}, DType::kF32);
    EXPECT_TRUE(identical(rms_norm(zeros, {}, 1e-6F, {}, ctx), zeros));
    // x - mean is zero or a rounding of 3, which eps keeps from being blown up to one.
    const Tensor scale = normal({2, n}, 2), shift = normal({2, n}, 3);
    const Tensor y = layer_norm_modulate(Tensor::full({2, 3, n}, 3), scale, shift, 1e-3F, ctx);
    EXPECT_TRUE(close(y, layer_norm_modulate(zeros, scale, shift, 1e-3F, ctx),
                      {.absolute = 3 * kEpsilon * 5 / std::sqrt(1e-3)}));
  }
}

TEST_P(SpecialValues, NanPassesThroughAttention) {
  for (const int64_t keys : {1, 3, 8, 15, 17, 33}) {
    constexpr int64_t kDim = 17, kQueries = 4, kChannels = 2 * kDim;  // two heads
    const Tensor q = normal({2, kQueries, kChannels}, 1);
    const Tensor k = normal({2, keys, kChannels}, 2), v = normal({2, keys, kChannels}, 3);
    const AttentionOptions plain = {.heads = 2, .kv_heads = 2, .scale = 0.25F};
    const AttentionOptions capped = {
        .heads = 2, .kv_heads = 2, .scale = 0.25F, .logit_softcap = 30, .bias = normal({2, keys}, 4)};
    const auto head_of = [=](int64_t i) { return i % kChannels / kDim; };
    const auto sample_of = [=](int64_t i) { return i / (kQueries * kChannels); };
    for (const AttentionOptions& options : {plain, capped}) {
      for (const int64_t key : {int64_t{0}, keys / 2, keys - 1}) {
        const std::string where = fmt::format("key {} of {}, cap {}", key, keys, options.logit_softcap);
        const int64_t at = (keys + key) * kChannels + kDim + 5;  // second sample, second head
        const auto affected = [=](int64_t i) { return sample_of(i) == 1 && head_of(i) == 1; };
        expect_nan(attention(q, with(k, at, NAN), v, options, ctx), affected, "k, " + where);
        expect_nan(
            attention(q, k, with(v, at, NAN), options, ctx), [=](int64_t i) { return affected(i) && i % kDim == 5; },
            "v, " + where);
      }
      const int64_t at = (kQueries + 2) * kChannels + 3;  // second sample, third query, first head
      expect_nan(
          attention(with(q, at, NAN), k, v, options, ctx),
          [=](int64_t i) { return i / kChannels == kQueries + 2 && head_of(i) == 0; }, "q");
    }
    AttentionOptions biased = capped;
    biased.bias = with(capped.bias, 2 * keys - 1, NAN);
    expect_nan(
        attention(q, k, v, biased, ctx), [=](int64_t i) { return sample_of(i) == 1; }, "bias");
  }
}

TEST_P(SpecialValues, NanPassesThroughLinearAttention) {
  for (const int64_t dim : {1, 5, 8, 16, 33}) {
    const int64_t channels = 2 * dim;  // two heads
    constexpr int64_t kTokens = 5;
    const Shape shape = {2, kTokens, channels};
    const Tensor q = normal(shape, 1), k = normal(shape, 2), v = normal(shape, 3);
    const auto run = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
      return relu_linear_attention(a, b, c, 2, 1e-3F, ctx);
    };
    const auto head = [=](int64_t i) { return i / (kTokens * channels) == 1 && i % channels / dim == 1; };
    for (const int64_t channel : {int64_t{0}, dim / 2, dim - 1}) {
      const int64_t at = (kTokens + 3) * channels + dim + channel;  // second sample, fourth token, second head
      const std::string where = fmt::format("channel {} of {}", channel, dim);
      expect_nan(
          run(with(q, at, NAN), k, v), [=](int64_t i) { return head(i) && i / channels == kTokens + 3; },
          "q, " + where);
      expect_nan(run(q, with(k, at, NAN), v), head, "k, " + where);
      // Zero times NaN is NaN, so queries without a positive channel see it too.
      expect_nan(
          run(q, k, with(v, at, NAN)), [=](int64_t i) { return head(i) && i % dim == channel; }, "v, " + where);
    }
    const Tensor qkv = normal({1, kTokens, 3 * channels}, 4);
    expect_nan(
        relu_linear_attention_packed(with(qkv, 3 * dim, NAN), dim, 1e-3F, ctx),
        [=](int64_t i) { return i / channels == 0 && i % channels / dim == 1; }, "packed");
  }
}

TEST_P(SpecialValues, NanPassesThroughEmbeddings) {
  const Tensor ids = Tensor::from(std::vector<int32_t>{1, 0, 1}, {1, 3});
  const Tensor table = with(normal({2, 19}, 1), 19 + 4, NAN);
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
    expect_nan(
        embedding(ids, table.to(dtype), 2, ctx), [](int64_t i) { return i / 19 != 1 && i % 19 == 4; },
        dtype_name(dtype));
}

TEST_P(SpecialValues, LargeValuesStayExact) {
  // Powers of two that cancel exactly, and products near the largest f32: no format in between may lose or overflow
  // them.
  const Tensor x = Tensor::from(std::vector<float>{0x1p60F, 1, -0x1p60F, 0x1p-60F}, {1, 4});
  const LinearWeight w = {Tensor::from(std::vector<float>{0x1p60F, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0x1p67F, 0}, {3, 4})};
  const Tensor expected = Tensor::from(std::vector<float>{0x1p120F, 3, -0x1p127F}, {1, 3});
  EXPECT_TRUE(identical(linear(x, w, Activation::kNone, ctx), expected));
  const ConvWeight c = {.weight = w.weight.reshape({3, 4, 1, 1})};
  EXPECT_TRUE(identical(conv2d(x.reshape({1, 1, 1, 4}), c, Activation::kNone, ctx), expected.reshape({1, 1, 1, 3})));
}

}  // namespace
}  // namespace swan::ops::testing
