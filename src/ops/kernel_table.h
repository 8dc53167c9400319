#pragma once

#include <cstdint>
#include <span>

#include "core/context.h"
#include "ops/activation.h"
#include "swan/tensor.h"

namespace swan::ops {

struct AttentionOptions;
struct ConvWeight;
struct LinearWeight;
struct Patch;
struct QuantizedRows;
struct RmsNormOptions;
enum class Neighbour;

/// What a backend implements, one entry an op; the functions of ops/*.h check shapes and dtypes, then call these. An
/// empty entry makes its op fail with kUnsupported. Semantics stand at the ops' declarations.
struct KernelTable {
  const char* name;

  // linear.h
  Tensor (*linear)(const Tensor& x, const LinearWeight& w, Activation activation);
  // conv.h
  Tensor (*conv)(std::span<const Tensor> frames, const ConvWeight& w, Activation activation);  // conv2d: one frame
  Tensor (*depthwise_conv_glu)(const Tensor& x, const ConvWeight& w);
  // norm.h
  Tensor (*rms_norm)(const Tensor& x, const Tensor& weight, float eps, const RmsNormOptions& options);
  Tensor (*layer_norm)(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
  Tensor (*layer_norm_modulate)(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps);
  // attention.h
  Tensor (*attention)(const Tensor& q, const Tensor& k, const Tensor& v, const AttentionOptions& options);
  Tensor (*relu_linear_attention)(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps);
  Tensor (*relu_linear_attention_packed)(const Tensor& qkv, int64_t head_dim, float eps);
  Tensor (*rope_rotate_half)(const Tensor& x, const Tensor& cos, const Tensor& sin);
  Tensor (*rope_interleaved)(const Tensor& x, const Tensor& cos, const Tensor& sin);
  Tensor (*rms_norm_rope_interleaved)(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                      const Tensor& sin);
  // elementwise.h
  Tensor (*add)(const Tensor& a, const Tensor& b);
  Tensor (*add_gated)(const Tensor& x, const Tensor& gate, const Tensor& y);
  Tensor (*activate)(const Tensor& x, Activation activation);
  Tensor (*gated_activation)(const Tensor& gate, const Tensor& up, Activation activation);
  Tensor (*clamp)(const Tensor& x, float least, float most);
  Tensor (*linear_combination)(std::span<const float> coefficients, std::span<const Tensor> tensors);
  Tensor (*count_nonfinite)(const Tensor& x);  // i32 [1]
  // embedding.h
  Tensor (*embedding)(const Tensor& ids, const Tensor& table, float scale, DType dtype);
  Tensor (*timestep_embedding)(const Tensor& timesteps, int64_t dim);
  // layout.h
  Tensor (*nchw_to_nhwc)(const Tensor& x);
  Tensor (*nhwc_to_nchw)(const Tensor& x);
  Tensor (*pixel_shuffle)(const Tensor& x, int64_t factor);
  Tensor (*pixel_unshuffle)(const Tensor& x, int64_t factor);
  Tensor (*upsample_nearest)(const Tensor& x, int64_t factor);
  Tensor (*repeat_channels)(const Tensor& x, int64_t repeats);
  Tensor (*add_upsampled)(const Tensor& x, const Tensor& shortcut);
  Tensor (*mean_channel_groups)(const Tensor& x, int64_t group);
  Tensor (*concat_channels)(const Tensor& a, const Tensor& b);
  Tensor (*concat_rows)(std::span<const Tensor> parts);
  Tensor (*slice_channels)(const Tensor& x, int64_t begin, int64_t end);
  Tensor (*unpatchify)(const Tensor& x, int64_t height, int64_t width, int64_t patch);
  Tensor (*patchify_video)(const Tensor& x, Patch patch);
  Tensor (*unpatchify_video)(const Tensor& x, Patch grid, Patch patch);
  // picture.h
  Tensor (*pack_rgb)(const Tensor& x);
  Tensor (*fade_in)(const Tensor& neighbour, const Tensor& tile, Neighbour where, int64_t extent);
  // quantized.h: empty where the backend has no products in e4m3
  QuantizedRows (*quantize_rows)(const Tensor& x, Activation activation);
  QuantizedRows (*quantize_weight)(const Tensor& weight);
  QuantizedRows (*layer_norm_quantized)(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
  QuantizedRows (*layer_norm_modulate_quantized)(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps);
  Tensor (*linear_f8)(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias, Activation activation,
                      DType dtype);
  QuantizedRows (*linear_f8_quantized)(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias,
                                       Activation activation, DType dtype);
};

}  // namespace swan::ops
