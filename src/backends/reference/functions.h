#pragma once

#include <span>

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/layout.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/picture.h"
#include "ops/quantized.h"

// The entries of the reference's kernel table, for kernels.cpp. Shapes and dtypes have been checked by ops.
namespace swan::backends::reference {

/// activation(x) by its defining formula. NaN gives NaN.
[[nodiscard]] double apply(ops::Activation activation, double x);

[[nodiscard]] Tensor linear(const Tensor& x, const ops::LinearWeight& w, ops::Activation activation);

[[nodiscard]] Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation);
[[nodiscard]] Tensor depthwise_conv_glu(const Tensor& x, const ops::ConvWeight& w);

[[nodiscard]] Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const ops::RmsNormOptions& options);
[[nodiscard]] Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
[[nodiscard]] Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps);

[[nodiscard]] Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& options);
[[nodiscard]] Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps);
[[nodiscard]] Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps);
[[nodiscard]] Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin);
[[nodiscard]] Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin);

[[nodiscard]] Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                               const Tensor& sin);
[[nodiscard]] Tensor add(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y);
[[nodiscard]] Tensor activate(const Tensor& x, ops::Activation activation);
[[nodiscard]] Tensor gated_activation(const Tensor& gate, const Tensor& up, ops::Activation activation);
[[nodiscard]] Tensor clamp(const Tensor& x, float least, float most);
[[nodiscard]] Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors);
[[nodiscard]] Tensor count_nonfinite(const Tensor& x);

[[nodiscard]] Tensor embedding(const Tensor& ids, const Tensor& table, float scale, DType dtype);
[[nodiscard]] Tensor timestep_embedding(const Tensor& timesteps, int64_t dim);

[[nodiscard]] Tensor nchw_to_nhwc(const Tensor& x);
[[nodiscard]] Tensor nhwc_to_nchw(const Tensor& x);
[[nodiscard]] Tensor pixel_shuffle(const Tensor& x, int64_t factor);
[[nodiscard]] Tensor pixel_unshuffle(const Tensor& x, int64_t factor);
[[nodiscard]] Tensor upsample_nearest(const Tensor& x, int64_t factor);
[[nodiscard]] Tensor repeat_channels(const Tensor& x, int64_t repeats);
[[nodiscard]] Tensor add_upsampled(const Tensor& x, const Tensor& shortcut);
[[nodiscard]] Tensor mean_channel_groups(const Tensor& x, int64_t group);
[[nodiscard]] Tensor concat_channels(const Tensor& a, const Tensor& b);
[[nodiscard]] Tensor concat_rows(std::span<const Tensor> parts);
[[nodiscard]] Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end);
[[nodiscard]] Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch);
[[nodiscard]] Tensor patchify_video(const Tensor& x, ops::Patch patch);
[[nodiscard]] Tensor unpatchify_video(const Tensor& x, ops::Patch grid, ops::Patch patch);
[[nodiscard]] Tensor pack_rgb(const Tensor& x);
[[nodiscard]] Tensor fade_in(const Tensor& neighbour, const Tensor& tile, ops::Neighbour where, int64_t extent);

[[nodiscard]] ops::QuantizedRows quantize_rows(const Tensor& x, ops::Activation activation);
[[nodiscard]] ops::QuantizedRows quantize_weight(const Tensor& weight);
[[nodiscard]] ops::QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias,
                                                      float eps);
[[nodiscard]] ops::QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale,
                                                               const Tensor& shift, float eps);
[[nodiscard]] Tensor linear_f8(const ops::QuantizedRows& x, const ops::QuantizedRows& weight, const Tensor& bias,
                               ops::Activation activation, DType dtype);
[[nodiscard]] ops::QuantizedRows linear_f8_quantized(const ops::QuantizedRows& x, const ops::QuantizedRows& weight,
                                                     const Tensor& bias, ops::Activation activation, DType dtype);

}  // namespace swan::backends::reference
