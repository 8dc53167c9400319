// What the operations refuse before any backend sees it. A message names the operation and both shapes.
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

class ShapeErrors : public ::testing::Test {
 protected:
  template <typename Fn>
  void mismatch(const Fn& fn, const std::vector<std::string>& texts) {
    expect_error([&] { (void)fn(); }, ErrorCode::kShapeMismatch, texts);
  }
  template <typename Fn>
  void invalid(const Fn& fn, const std::vector<std::string>& texts) {
    expect_error([&] { (void)fn(); }, ErrorCode::kInvalidArgument, texts);
  }
  static Tensor f32(const Shape& shape) { return Tensor::zeros(shape, DType::kF32); }
  static Tensor f16(const Shape& shape) { return Tensor::zeros(shape, DType::kF16); }
  static Tensor i8(const Shape& shape) { return Tensor::zeros(shape, DType::kI8); }

  Context ctx{oracle_kernels()};
};

TEST_F(ShapeErrors, Linear) {
  const auto run = [&](const Tensor& x, const LinearWeight& w) { return linear(x, w, Activation::kNone, ctx); };
  mismatch([&] { return run(f32({2, 3}), {f32({5, 4})}); }, {"linear", "[2, 3]", "[5, 4]"});
  mismatch([&] { return run(f32({2, 3}), {f32({5, 3, 1})}); }, {"linear", "weight", "[5, 3, 1]"});
  mismatch([&] { return run(f32({2, 3}), {f32({5, 3}), f32({3})}); }, {"linear", "bias", "[3]", "[5]"});
  mismatch([&] { return run(f32({}), {f32({5, 3})}); }, {"linear", "[]", "[5, 3]"});
  invalid([&] { return run(f16({2, 3}), {f32({5, 3})}); }, {"linear", "x", "f16", "f32"});
  invalid([&] { return run(f32({2, 3}), {f32({5, 3}), f16({5})}); }, {"linear", "bias", "f16", "f32"});
  invalid([&] { return run(f32({2, 3}), {i8({5, 3})}); }, {"linear", "weight", "i8"});
}

TEST_F(ShapeErrors, Conv2d) {
  const auto run = [&](const Tensor& x, const ConvWeight& w) { return conv2d(x, w, Activation::kNone, ctx); };
  mismatch(
      [&] {
        return run(f32({1, 4, 4, 3}), {.weight = f32({5, 4, 3, 3})});
      },
      {"conv2d", "[1, 4, 4, 3]", "[5, 4, 3, 3]"});
  mismatch([&] { return run(f32({4, 4, 3}), {.weight = f32({5, 3, 3, 3})}); }, {"conv2d", "[4, 4, 3]"});
  mismatch([&] { return run(f32({1, 4, 4, 3}), {.weight = f32({5, 3})}); }, {"conv2d", "weight", "[5, 3]"});
  mismatch([&] { return run(f32({1, 4, 4, 3}), {.weight = f32({5, 3, 3, 1})}); }, {"[1, 4, 4, 3]", "[5, 3, 3, 1]"});
  mismatch([&] { return run(f32({1, 4, 4, 4}), {.weight = f32({5, 2, 1, 1}), .groups = 2}); }, {"groups 2"});
  mismatch(
      [&] {
        return run(f32({1, 4, 4, 3}), {.weight = f32({5, 3, 1, 1}), .bias = f32({3})});
      },
      {"bias", "[3]", "[5]"});
  invalid([&] { return run(f32({1, 4, 4, 3}), {.weight = i8({5, 3, 1, 1})}); }, {"conv2d", "weight", "i8"});
  invalid([&] { return run(f16({1, 4, 4, 3}), {.weight = f32({5, 3, 1, 1})}); }, {"conv2d", "x", "f16"});
}

TEST_F(ShapeErrors, Conv3d) {
  const auto run = [&](const std::vector<Tensor>& frames, const ConvWeight& w) {
    return conv3d(frames, w, Activation::kNone, ctx);
  };
  const ConvWeight w = {.weight = f32({5, 3, 2, 1, 1})};
  mismatch([&] { return run({f32({1, 4, 4, 3})}, w); }, {"conv3d", "1 frames", "[5, 3, 2, 1, 1]"});
  mismatch([&] { return run({f32({1, 4, 4, 3}), f32({1, 4, 5, 3})}, w); }, {"frame", "[1, 4, 5, 3]", "[1, 4, 4, 3]"});
  mismatch([&] { return run({Tensor(), f32({1, 4, 4, 4})}, w); }, {"conv3d", "[1, 4, 4, 4]"});
  invalid([&] { return run({Tensor(), Tensor()}, w); }, {"conv3d", "no frame"});
  mismatch([&] { return run({f32({1, 4, 4, 3})}, {.weight = f32({5, 3, 1, 1})}); }, {"weight", "[5, 3, 1, 1]"});
}

TEST_F(ShapeErrors, PatchesOfAClip) {
  mismatch([&] { return patchify_video(f32({1, 2, 3, 4, 5}), {1, 2, 2}, ctx); }, {"patchify_video", "[1, 2, 3, 4, 5]"});
  mismatch([&] { return patchify_video(f32({1, 2, 3, 4}), {1, 2, 2}, ctx); }, {"patchify_video", "[1, 2, 3, 4]"});
  mismatch([&] { return unpatchify_video(f32({1, 6, 8}), {1, 2, 2}, {1, 2, 2}, ctx); }, {"grid", "1 x 2 x 2"});
  mismatch([&] { return unpatchify_video(f32({1, 4, 6}), {1, 2, 2}, {1, 2, 2}, ctx); }, {"[1, 4, 6]", "4"});
}

TEST_F(ShapeErrors, Conv2dGeometry) {
  const auto run = [&](const ConvWeight& w) { return conv2d(f32({1, 2, 9, 3}), w, Activation::kNone, ctx); };
  // A kernel larger than the padded picture, also where the stride is larger still: (2 - 3) / 4 rounds to zero.
  mismatch([&] { return run({.weight = f32({5, 3, 3, 3})}); }, {"[1, 2, 9, 3]", "[5, 3, 3, 3]"});
  mismatch([&] { return run({.weight = f32({5, 3, 3, 3}), .stride = 4}); }, {"[1, 2, 9, 3]", "stride 4"});
  mismatch([&] { return run({.weight = f32({5, 3, 1, 1}), .stride = 0}); }, {"stride 0"});
  mismatch([&] { return run({.weight = f32({5, 3, 1, 1}), .stride = -1}); }, {"stride -1"});
  mismatch([&] { return run({.weight = f32({5, 3, 1, 1}), .padding = -1}); }, {"padding -1"});
  mismatch([&] { return run({.weight = f32({5, 3, 1, 1}), .groups = 0}); }, {"groups 0"});
  mismatch([&] { return run({.weight = f32({5, 3, 0, 0})}); }, {"[5, 3, 0, 0]"});
}

TEST_F(ShapeErrors, DepthwiseConvGlu) {
  const auto run = [&](const Tensor& x, const ConvWeight& w) { return depthwise_conv_glu(x, w, ctx); };
  const Tensor x = f32({1, 4, 4, 6});
  mismatch(
      [&] {
        return run(x, {.weight = f32({6, 6, 3, 3}), .padding = 1});
      },
      {"depthwise_conv_glu", "[1, 4, 4, 6]", "[6, 6, 3, 3]"});
  mismatch(
      [&] {
        return run(x, {.weight = f32({6, 1, 3, 3}), .padding = 0, .groups = 6});
      },
      {"[1, 4, 4, 6]", "[6, 1, 3, 3]"});
  mismatch(
      [&] {
        return run(x, {.weight = f32({6, 1, 3, 3}), .stride = 2, .padding = 1, .groups = 6});
      },
      {"[6, 1, 3, 3]"});
  mismatch([&] { return run(x, {.weight = f32({12, 1, 3, 3}), .padding = 1, .groups = 6}); }, {"[12, 1, 3, 3]"});
  mismatch(
      [&] {
        return run(f32({1, 4, 4, 5}), {.weight = f32({5, 1, 3, 3}), .padding = 1, .groups = 5});
      },
      {"[1, 4, 4, 5]"});
}

TEST_F(ShapeErrors, Norms) {
  const Tensor x = f32({2, 3, 4});
  mismatch([&] { return rms_norm(x, f32({3}), 1e-5F, {}, ctx); }, {"rms_norm", "weight", "[3]", "[4]"});
  mismatch([&] { return rms_norm(x, {}, 1e-5F, {.bias = f32({2})}, ctx); }, {"rms_norm", "bias", "[2]", "[4]"});
  mismatch(
      [&] {
        return rms_norm(x, {}, 1e-5F, {.residual = f32({2, 4, 3})}, ctx);
      },
      {"residual", "[2, 4, 3]", "[2, 3, 4]"});
  invalid([&] { return rms_norm(x, f16({4}), 1e-5F, {}, ctx); }, {"rms_norm", "weight", "f16"});
  const auto run = [&](const Tensor& scale, const Tensor& shift) {
    return layer_norm_modulate(x, scale, shift, 1e-5F, ctx);
  };
  mismatch([&] { return run(f32({4}), f32({2, 4})); }, {"layer_norm_modulate", "scale", "[4]", "[2, 4]"});
  mismatch([&] { return run(f32({2, 4}), f32({2, 3})); }, {"layer_norm_modulate", "shift", "[2, 3]", "[2, 4]"});
  mismatch([&] { return layer_norm(x, f32({3}), f32({4}), 1e-5F, ctx); }, {"layer_norm", "weight", "[3]", "[4]"});
  mismatch([&] { return layer_norm(x, f32({4}), f32({5}), 1e-5F, ctx); }, {"layer_norm", "bias", "[5]", "[4]"});
  mismatch([&] { return layer_norm_modulate(f32({3, 4}), f32({3, 4}), f32({3, 4}), 1e-5F, ctx); }, {"x", "[3, 4]"});
}

TEST_F(ShapeErrors, Attention) {
  const auto run = [&](const Shape& q, const Shape& k, const Shape& v, const AttentionOptions& options) {
    return attention(f32(q), f32(k), f32(v), options, ctx);
  };
  const AttentionOptions two = {.heads = 2, .kv_heads = 2};
  mismatch(
      [&] {
        return run({1, 3, 8}, {1, 5, 4}, {1, 5, 4}, two);
      },
      {"attention", "[1, 3, 8]", "[1, 5, 4]", "2 heads"});
  mismatch([&] { return run({1, 3, 8}, {1, 5, 8}, {1, 6, 8}, two); }, {"[1, 3, 8]", "[1, 5, 8]", "[1, 6, 8]"});
  mismatch([&] { return run({2, 3, 8}, {1, 5, 8}, {1, 5, 8}, two); }, {"[2, 3, 8]", "[1, 5, 8]"});
  mismatch([&] { return run({1, 3, 7}, {1, 5, 7}, {1, 5, 7}, two); }, {"[1, 3, 7]", "2 heads"});
  mismatch(
      [&] {
        return run({1, 3, 6}, {1, 5, 4}, {1, 5, 4}, {.heads = 3, .kv_heads = 2});
      },
      {"3 heads", "2 key heads"});
  mismatch([&] { return run({1, 3, 6}, {1, 5, 6}, {1, 5, 6}, {.heads = 0, .kv_heads = 0}); }, {"0 heads"});
  mismatch([&] { return run({3, 6}, {5, 6}, {5, 6}, two); }, {"[3, 6]"});
  for (const Shape& bias : {Shape{5}, Shape{1, 3}, Shape{3, 5}, Shape{1, 1, 5}, Shape{1, 5, 3}})
    mismatch(
        [&] {
          return run({1, 3, 8}, {1, 5, 8}, {1, 5, 8}, {.heads = 2, .kv_heads = 2, .bias = f32(bias)});
        },
        {"bias " + bias.str(), "[1, 3, 8]", "[1, 5, 8]"});
  invalid(
      [&] {
        return run({1, 3, 8}, {1, 5, 8}, {1, 5, 8}, {.heads = 2, .kv_heads = 2, .bias = f16({1, 5})});
      },
      {"bias", "f16"});
}

TEST_F(ShapeErrors, LinearAttentionAndRope) {
  const auto run = [&](const Shape& q, const Shape& k, const Shape& v, int64_t heads) {
    return relu_linear_attention(f32(q), f32(k), f32(v), heads, 1e-15F, ctx);
  };
  mismatch(
      [&] {
        return run({1, 3, 8}, {1, 4, 8}, {1, 3, 8}, 2);
      },
      {"relu_linear_attention", "k", "[1, 4, 8]", "[1, 3, 8]"});
  mismatch([&] { return run({1, 3, 8}, {1, 3, 8}, {1, 3, 4}, 2); }, {"v", "[1, 3, 4]", "[1, 3, 8]"});
  mismatch([&] { return run({1, 3, 8}, {1, 3, 8}, {1, 3, 8}, 3); }, {"8 channels", "3 heads"});
  mismatch([&] { return run({1, 3, 8}, {1, 3, 8}, {1, 3, 8}, 0); }, {"0 heads"});
  mismatch([&] { return relu_linear_attention_packed(f32({1, 3, 8}), 2, 1e-15F, ctx); }, {"8 channels", "3 x 2"});
  mismatch([&] { return relu_linear_attention_packed(f32({1, 3, 9}), 0, 1e-15F, ctx); }, {"9 channels"});
  mismatch(
      [&] {
        return rope_rotate_half(f32({1, 3, 8}), f32({4, 2}), f32({4, 2}), ctx);
      },
      {"rope_rotate_half", "[1, 3, 8]", "[4, 2]"});
  mismatch([&] { return rope_rotate_half(f32({1, 3, 8}), f32({3, 3}), f32({3, 3}), ctx); }, {"[1, 3, 8]", "[3, 3]"});
  mismatch(
      [&] {
        return rope_rotate_half(f32({1, 3, 8}), f32({3, 2}), f32({3, 4}), ctx);
      },
      {"sin", "[3, 4]", "[3, 2]"});
  mismatch([&] { return rope_rotate_half(f32({1, 3, 8}), f32({3, 0}), f32({3, 0}), ctx); }, {"[3, 0]"});
}

TEST_F(ShapeErrors, Elementwise) {
  mismatch([&] { return add(f32({2, 3}), f32({2}), ctx); }, {"add", "[2]", "[2, 3]"});
  mismatch([&] { return add(f32({3}), f32({2, 3}), ctx); }, {"add", "[2, 3]", "[3]"});
  mismatch([&] { return add(f32({2, 3}), f32({1, 3}), ctx); }, {"add", "[1, 3]", "[2, 3]"});
  mismatch(
      [&] {
        return add_gated(f32({2, 3, 4}), f32({2, 3}), f32({2, 3, 4}), ctx);
      },
      {"add_gated", "gate", "[2, 3]", "[2, 4]"});
  mismatch(
      [&] {
        return add_gated(f32({2, 3, 4}), f32({2, 4}), f32({2, 4, 4}), ctx);
      },
      {"add_gated", "[2, 4, 4]", "[2, 3, 4]"});
  mismatch(
      [&] {
        return gated_activation(f32({2, 3}), f32({3, 2}), Activation::kSilu, ctx);
      },
      {"up", "[3, 2]", "[2, 3]"});
  const std::vector<Tensor> terms = {f32({2, 3}), f32({3, 2})};
  mismatch([&] { return linear_combination(std::vector<float>{1, 2}, terms, ctx); }, {"[3, 2]", "[2, 3]"});
  invalid([&] { return linear_combination(std::vector<float>{1}, terms, ctx); }, {"1 coefficients", "2 tensors"});
  invalid([&] { return linear_combination({}, {}, ctx); }, {"0 tensors"});
  invalid([&] { return activate(f16({3}), Activation::kSilu, ctx); }, {"activate", "f16"});
  invalid([&] { return count_nonfinite(f16({3}), ctx); }, {"count_nonfinite", "f16"});
}

TEST_F(ShapeErrors, Embedding) {
  const auto ids = [](const std::vector<int32_t>& values) {
    return Tensor::from(values, {1, static_cast<int64_t>(values.size())});
  };
  for (const int32_t id : {-1, 5, INT32_MAX, INT32_MIN})
    invalid(
        [&] {
          return embedding(ids({0, 4, id}), f32({5, 2}), 1, ctx);
        },
        {"embedding", std::to_string(id), "5 rows"});
  invalid([&] { return embedding(f32({1, 2}), f32({5, 2}), 1, ctx); }, {"ids", "f32", "i32"});
  invalid([&] { return embedding(ids({0}), i8({5, 2}), 1, ctx); }, {"embedding", "table", "i8"});
  mismatch([&] { return embedding(ids({0}).reshape({1}), f32({5, 2}), 1, ctx); }, {"ids", "[1]"});
  mismatch([&] { return embedding(ids({0}), f32({5}), 1, ctx); }, {"table", "[5]"});
  for (const int64_t dim : {int64_t{3}, int64_t{0}, int64_t{-2}})
    invalid([&] { return timestep_embedding(f32({2}), dim, ctx); }, {"timestep_embedding", std::to_string(dim)});
  mismatch([&] { return timestep_embedding(f32({2, 1}), 4, ctx); }, {"timestep_embedding", "[2, 1]"});
}

TEST_F(ShapeErrors, Layout) {
  mismatch([&] { return nchw_to_nhwc(f32({2, 3, 4}), ctx); }, {"nchw_to_nhwc", "[2, 3, 4]"});
  mismatch([&] { return nhwc_to_nchw(f32({2, 3}), ctx); }, {"nhwc_to_nchw", "[2, 3]"});
  mismatch([&] { return pixel_shuffle(f32({1, 2, 2, 6}), 2, ctx); }, {"pixel_shuffle", "[1, 2, 2, 6]", "4"});
  mismatch([&] { return pixel_unshuffle(f32({1, 3, 2, 6}), 2, ctx); }, {"pixel_unshuffle", "[1, 3, 2, 6]", "2"});
  mismatch([&] { return mean_channel_groups(f32({2, 5}), 2, ctx); }, {"mean_channel_groups", "[2, 5]", "2"});
  for (const int64_t factor : {0, -2}) {
    mismatch([&] { return pixel_shuffle(f32({1, 2, 2, 8}), factor, ctx); }, {"pixel_shuffle"});
    mismatch([&] { return pixel_unshuffle(f32({1, 2, 2, 8}), factor, ctx); }, {"pixel_unshuffle"});
    mismatch([&] { return upsample_nearest(f32({1, 2, 2, 8}), factor, ctx); }, {"upsample_nearest"});
    mismatch([&] { return repeat_channels(f32({2, 8}), factor, ctx); }, {"repeat_channels"});
    mismatch([&] { return mean_channel_groups(f32({2, 8}), factor, ctx); }, {"mean_channel_groups"});
    mismatch([&] { return unpatchify(f32({1, 4, 8}), 2, 2, factor, ctx); }, {"unpatchify"});
  }
  // The dimensions before the last must agree one by one, not only in their product.
  mismatch(
      [&] {
        return concat_channels(f32({2, 3, 4}), f32({3, 2, 4}), ctx);
      },
      {"concat_channels", "[2, 3, 4]", "[3, 2, 4]"});
  mismatch([&] { return concat_channels(f32({2, 3}), f32({3}), ctx); }, {"concat_channels", "[2, 3]", "[3]"});
  mismatch([&] { return concat_channels(f32({2, 0}), f32({3, 1}), ctx); }, {"[2, 0]", "[3, 1]"});
  mismatch(
      [&] {
        return concat_rows(std::vector<Tensor>{f32({2, 3}), f32({2, 4})}, ctx);
      },
      {"concat_rows", "[2, 3]", "[2, 4]"});
  invalid([&] { return concat_rows({}, ctx); }, {"concat_rows"});
  mismatch([&] { return slice_channels(f32({2, 5}), 3, 6, ctx); }, {"slice_channels", "[2, 5]", "3", "6"});
  mismatch([&] { return slice_channels(f32({2, 5}), -1, 2, ctx); }, {"slice_channels", "[2, 5]"});
  mismatch([&] { return slice_channels(f32({2, 5}), 2, 2, ctx); }, {"slice_channels", "[2, 5]"});
  mismatch([&] { return unpatchify(f32({1, 5, 8}), 2, 3, 2, ctx); }, {"unpatchify", "[1, 5, 8]", "2 x 3"});
  mismatch([&] { return unpatchify(f32({1, 6, 8}), -2, -3, 2, ctx); }, {"unpatchify", "[1, 6, 8]"});
  mismatch([&] { return unpatchify(f32({1, 6, 6}), 2, 3, 2, ctx); }, {"unpatchify", "[1, 6, 6]", "4"});
}

}  // namespace
}  // namespace swan::ops::testing
