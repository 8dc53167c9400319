#include "every_op.h"

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/elementwise.h"
#include "ops/embedding.h"
#include "ops/layout.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/picture.h"

namespace swan::ops::testing {

namespace {

using Inputs = std::span<const Tensor>;

void add_linear(std::vector<OpRun>& all) {
  const auto run = [](Inputs in, Context& ctx) { return linear(in[0], {in[1], in[2]}, Activation::kSilu, ctx); };
  all.push_back({"linear", {normal({131, 67}, 1), normal({97, 67}, 2), normal({97}, 3)}, run});
  // Few results and long sums: where a library would split the reduction among its threads.
  all.push_back({"linear_long", {normal({2, 8209}, 1), normal({3, 8209}, 2), normal({3}, 3)}, run});
  all.push_back({"linear_one_row", {normal({1, 1031}, 1), normal({2053, 1031}, 2), normal({2053}, 3)}, run});
  all.push_back({"linear_tall", {normal({4099, 33}, 1), normal({35, 33}, 2), normal({35}, 3)}, run});
  all.push_back({"linear_bf16", {normal({131, 301}, 1), normal({97, 301}, 2).to(DType::kBF16), normal({97}, 3)}, run});
  all.push_back({"linear_f16", {normal({1, 301}, 1), normal({97, 301}, 2).to(DType::kF16), normal({97}, 3)}, run});
}

void add_conv(std::vector<OpRun>& all) {
  const auto same = [](int64_t groups, int64_t stride) {
    return [=](Inputs in, Context& ctx) {
      const ConvWeight w = {
          .weight = in[1], .bias = in[2], .stride = stride, .padding = in[1].dim(2) / 2, .groups = groups};
      return conv2d(in[0], w, Activation::kSilu, ctx);
    };
  };
  all.push_back({"conv3", {normal({2, 19, 21, 37}, 1), normal({41, 37, 3, 3}, 2), normal({41}, 3)}, same(1, 1)});
  all.push_back(
      {"conv3_few_pixels", {normal({1, 3, 3, 515}, 1), normal({5, 515, 3, 3}, 2), normal({5}, 3)}, same(1, 1)});
  all.push_back(
      {"conv3_few_channels", {normal({1, 65, 63, 3}, 1), normal({4, 3, 3, 3}, 2), normal({4}, 3)}, same(1, 1)});
  all.push_back(
      {"conv3_strided", {normal({1, 33, 31, 16}, 1), normal({32, 16, 3, 3}, 2), normal({32}, 3)}, same(1, 2)});
  all.push_back(
      {"conv1_grouped", {normal({1, 17, 19, 48}, 1), normal({96, 16, 1, 1}, 2), normal({96}, 3)}, same(3, 1)});
  all.push_back(
      {"conv5_depthwise", {normal({1, 23, 21, 99}, 1), normal({99, 1, 5, 5}, 2), normal({99}, 3)}, same(99, 1)});
  all.push_back({"conv3_bf16",
                 {normal({1, 19, 21, 32}, 1), normal({33, 32, 3, 3}, 2).to(DType::kBF16), normal({33}, 3)},
                 same(1, 1)});
  const auto clip = [](int64_t padding) {
    return [=](Inputs in, Context& ctx) {
      return conv3d(in.subspan(2), {.weight = in[0], .bias = in[1], .padding = padding}, Activation::kSilu, ctx);
    };
  };
  all.push_back({"conv3d",
                 {normal({41, 37, 3, 3, 3}, 1), normal({41}, 2), normal({1, 19, 21, 37}, 3), normal({1, 19, 21, 37}, 4),
                  normal({1, 19, 21, 37}, 5)},
                 clip(1)});
  all.push_back({"conv3d_in_time",
                 {normal({41, 37, 3, 1, 1}, 1), normal({41}, 2), normal({1, 19, 21, 37}, 3), normal({1, 19, 21, 37}, 4),
                  normal({1, 19, 21, 37}, 5)},
                 clip(0)});
  all.push_back({"conv3_upsampled",
                 {normal({2, 19, 21, 37}, 1), normal({41, 37, 3, 3}, 2), normal({41}, 3)},
                 [](Inputs in, Context& ctx) {
                   const ConvWeight w = {.weight = in[1], .bias = in[2], .padding = 1, .upsample = true};
                   return conv2d(in[0], w, Activation::kNone, ctx);
                 }});
  // Channels that a GPU's library takes as they are: four convolutions of the picture before it is doubled.
  all.push_back({"conv3_upsampled_in_quarters",
                 {normal({2, 19, 21, 64}, 1), normal({48, 64, 3, 3}, 2), normal({48}, 3)},
                 [](Inputs in, Context& ctx) {
                   const ConvWeight w = {.weight = in[1], .bias = in[2], .padding = 1, .upsample = true};
                   return conv2d(in[0], w, Activation::kNone, ctx);
                 }});
  all.push_back({"depthwise_conv_glu",
                 {normal({2, 33, 17, 66}, 1), normal({66, 1, 3, 3}, 2), normal({66}, 3)},
                 [](Inputs in, Context& ctx) {
                   const ConvWeight w = {.weight = in[1], .bias = in[2], .padding = 1, .groups = 66};
                   return depthwise_conv_glu(in[0], w, ctx);
                 }});
}

void add_norm(std::vector<OpRun>& all) {
  all.push_back({"rms_norm",
                 {normal({3, 101, 131}, 1), normal({131}, 2), normal({131}, 3), normal({3, 101, 131}, 4)},
                 [](Inputs in, Context& ctx) {
                   return rms_norm(in[0], in[1], 1e-5F, {.bias = in[2], .weight_plus_one = true, .residual = in[3]},
                                   ctx);
                 }});
  all.push_back({"rms_norm_one_row", {normal({1, 100003}, 1)}, [](Inputs in, Context& ctx) {
                   return rms_norm(in[0], {}, 1e-5F, {}, ctx);
                 }});
  all.push_back({"layer_norm",
                 {normal({3, 101, 131}, 1), normal({131}, 2), normal({131}, 3)},
                 [](Inputs in, Context& ctx) { return layer_norm(in[0], in[1], in[2], 1e-6F, ctx); }});
  all.push_back({"layer_norm_modulate",
                 {normal({2, 101, 131}, 1), normal({2, 131}, 2), normal({2, 131}, 3)},
                 [](Inputs in, Context& ctx) { return layer_norm_modulate(in[0], in[1], in[2], 1e-6F, ctx); }});
}

void add_attention(std::vector<OpRun>& all) {
  all.push_back({"attention",
                 {normal({2, 133, 192}, 1), normal({2, 301, 96}, 2), normal({2, 301, 96}, 3)},
                 [](Inputs in, Context& ctx) {
                   return attention(in[0], in[1], in[2], {.heads = 6, .kv_heads = 3, .scale = 0.17F}, ctx);
                 }});
  all.push_back({"attention_of_128",
                 {normal({2, 261, 512}, 1), normal({2, 353, 256}, 2), normal({2, 353, 256}, 3)},
                 [](Inputs in, Context& ctx) {
                   return attention(in[0], in[1], in[2], {.heads = 4, .kv_heads = 2, .scale = 0.09F}, ctx);
                 }});
  all.push_back({"attention_biased",
                 {normal({1, 67, 144}, 1), normal({1, 67, 72}, 2), normal({1, 67, 72}, 3), normal({1, 67, 67}, 4)},
                 [](Inputs in, Context& ctx) {
                   const AttentionOptions options = {
                       .heads = 2, .kv_heads = 1, .scale = 0.12F, .logit_softcap = 50, .bias = in[3]};
                   return attention(in[0], in[1], in[2], options, ctx);
                 }});
  all.push_back({"relu_linear_attention",
                 {normal({2, 2053, 96}, 1), normal({2, 2053, 96}, 2), normal({2, 2053, 96}, 3)},
                 [](Inputs in, Context& ctx) { return relu_linear_attention(in[0], in[1], in[2], 3, 1e-15F, ctx); }});
  all.push_back({"relu_linear_attention_packed", {normal({1, 4099, 96}, 1)}, [](Inputs in, Context& ctx) {
                   return relu_linear_attention_packed(in[0], 32, 1e-15F, ctx);
                 }});
  for (const int64_t dim : {26, 64})
    all.push_back(
        {dim == 26 ? "rms_norm_rope" : "rms_norm_rope_whole",
         {normal({2, 77, 3 * dim}, 1), normal({3 * dim}, 2), normal({77, dim / 2}, 3), normal({77, dim / 2}, 4)},
         [](Inputs in, Context& ctx) { return rms_norm_rope_interleaved(in[0], in[1], 1e-6F, in[2], in[3], ctx); }});
  all.push_back({"rope_interleaved",
                 {normal({2, 77, 3 * 26}, 1), normal({77, 13}, 2), normal({77, 13}, 3)},
                 [](Inputs in, Context& ctx) { return rope_interleaved(in[0], in[1], in[2], ctx); }});
  all.push_back({"attention_head_bias",
                 {normal({2, 131, 5 * 12}, 1), normal({2, 67, 5 * 12}, 2), normal({2, 67, 5 * 12}, 3),
                  normal({5, 131 + 67 - 1}, 4), normal({2, 67}, 5)},
                 [](Inputs in, Context& ctx) {
                   return attention(in[0], in[1], in[2],
                                    {.heads = 5, .kv_heads = 5, .scale = 0.3F, .bias = in[4], .head_bias = in[3]}, ctx);
                 }});
  all.push_back({"rope_rotate_half",
                 {normal({2, 301, 144}, 1), normal({301, 36}, 2), normal({301, 36}, 3)},
                 [](Inputs in, Context& ctx) { return rope_rotate_half(in[0], in[1], in[2], ctx); }});
}

void add_elementwise(std::vector<OpRun>& all) {
  all.push_back({"add", {normal({3, 211, 131}, 1), normal({131}, 2)}, [](Inputs in, Context& ctx) {
                   return add(in[0], in[1], ctx);
                 }});
  all.push_back({"add_gated",
                 {normal({2, 211, 131}, 1), normal({2, 131}, 2), normal({2, 211, 131}, 3)},
                 [](Inputs in, Context& ctx) { return add_gated(in[0], in[1], in[2], ctx); }});
  all.push_back({"activate", {normal({100003}, 1)}, [](Inputs in, Context& ctx) {
                   return activate(in[0], Activation::kGeluTanh, ctx);
                 }});
  all.push_back({"gated_activation", {normal({100003}, 1), normal({100003}, 2)}, [](Inputs in, Context& ctx) {
                   return gated_activation(in[0], in[1], Activation::kSilu, ctx);
                 }});
  all.push_back({"linear_combination",
                 {normal({100003}, 1), normal({100003}, 2), normal({100003}, 3)},
                 [](Inputs in, Context& ctx) {
                   return linear_combination(std::vector<float>{0.5F, -2, 3}, in, ctx);
                 }});
  std::vector<int32_t> ids(300);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 61);
  all.push_back({"embedding",
                 {Tensor::from(ids, {2, 150}), normal({61, 131}, 1).to(DType::kBF16)},
                 [](Inputs in, Context& ctx) { return embedding(in[0], in[1], 11.5F, ctx); }});
}

void add_layout(std::vector<OpRun>& all) {
  const auto one = [&](const char* name, const Shape& shape, auto fn) {
    all.push_back({name, {normal(shape, 1)}, [=](Inputs in, Context& ctx) { return fn(in[0], ctx); }});
  };
  one("nchw_to_nhwc", {2, 33, 65, 31}, [](const Tensor& x, Context& ctx) { return nchw_to_nhwc(x, ctx); });
  one("nhwc_to_nchw", {2, 33, 65, 31}, [](const Tensor& x, Context& ctx) { return nhwc_to_nchw(x, ctx); });
  one("pixel_shuffle", {1, 33, 35, 28}, [](const Tensor& x, Context& ctx) { return pixel_shuffle(x, 2, ctx); });
  one("pixel_unshuffle", {1, 66, 70, 7}, [](const Tensor& x, Context& ctx) { return pixel_unshuffle(x, 2, ctx); });
  one("upsample_nearest", {1, 33, 35, 7}, [](const Tensor& x, Context& ctx) { return upsample_nearest(x, 2, ctx); });
  one("repeat_channels", {1, 33, 35, 7}, [](const Tensor& x, Context& ctx) { return repeat_channels(x, 4, ctx); });
  for (const int64_t channels : {7, 14, 28})
    all.push_back({channels == 7    ? "add_upsampled"
                   : channels == 14 ? "add_upsampled_half"
                                    : "add_upsampled_quarter",
                   {normal({2, 34, 38, 7}, 1), normal({2, 17, 19, channels}, 2)},
                   [](Inputs in, Context& ctx) { return add_upsampled(in[0], in[1], ctx); }});
  one("mean_channel_groups", {33, 35, 28},
      [](const Tensor& x, Context& ctx) { return mean_channel_groups(x, 4, ctx); });
  one("slice_channels", {33, 35, 28}, [](const Tensor& x, Context& ctx) { return slice_channels(x, 5, 22, ctx); });
  one("patchify_video", {2, 5, 4, 34, 30}, [](const Tensor& x, Context& ctx) {
    return patchify_video(x, {1, 2, 2}, ctx);
  });
  one("unpatchify_video", {2, 4 * 17 * 15, 28}, [](const Tensor& x, Context& ctx) {
    return unpatchify_video(x, {4, 17, 15}, {1, 2, 2}, ctx);
  });
  one("unpatchify", {2, 1155, 28}, [](const Tensor& x, Context& ctx) { return unpatchify(x, 33, 35, 2, ctx); });
  all.push_back({"concat_channels", {normal({33, 35, 7}, 1), normal({33, 35, 30}, 2)}, [](Inputs in, Context& ctx) {
                   return concat_channels(in[0], in[1], ctx);
                 }});
  all.push_back({"concat_rows",
                 {normal({33, 35, 7}, 1), normal({1, 35, 7}, 2), normal({65, 35, 7}, 3)},
                 [](Inputs in, Context& ctx) { return concat_rows(in, ctx); }});
}

void add_clamp(std::vector<OpRun>& all) {
  all.push_back(
      {"clamp", {normal({3, 33, 35}, 1)}, [](Inputs in, Context& ctx) { return clamp(in[0], -0.75F, 1, ctx); }});
}

void add_picture(std::vector<OpRun>& all) {
  const auto fade = [](Neighbour where) {
    return [=](Inputs in, Context& ctx) { return fade_in(in[0], in[1], where, 17, ctx); };
  };
  all.push_back({"fade_in_above", {normal({2, 3, 33, 35}, 1), normal({2, 3, 31, 37}, 2)}, fade(Neighbour::kAbove)});
  all.push_back({"fade_in_left", {normal({2, 3, 33, 35}, 1), normal({2, 3, 31, 37}, 2)}, fade(Neighbour::kLeft)});
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const OpRun& op) { return out << op.name; }

std::vector<OpRun> every_op() {
  std::vector<OpRun> all;
  add_linear(all);
  add_conv(all);
  add_norm(all);
  add_attention(all);
  add_elementwise(all);
  add_layout(all);
  add_clamp(all);
  add_picture(all);
  return all;
}

}  // namespace swan::ops::testing
