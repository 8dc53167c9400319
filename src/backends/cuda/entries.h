#pragma once

#include <span>

#include "ops/attention.h"
#include "ops/conv.h"
#include "ops/kernel_table.h"
#include "ops/layout.h"
#include "ops/linear.h"
#include "ops/norm.h"
#include "ops/picture.h"
#include "ops/quantized.h"

namespace swan::backends::cuda {

// The entries of cuda_kernels(), see ops/kernel_table.h. Shapes have been checked. Operands may be on the host still
// (on_device puts them on the current device) and of differing floating dtypes: the result has the first operand's.

Tensor linear(const Tensor& x, const ops::LinearWeight& w, ops::Activation activation);
Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation);
Tensor depthwise_conv_glu(const Tensor& x, const ops::ConvWeight& w);
Tensor rms_norm(const Tensor& x, const Tensor& weight, float eps, const ops::RmsNormOptions& options);
Tensor layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
Tensor layer_norm_modulate(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps);
Tensor attention(const Tensor& q, const Tensor& k, const Tensor& v, const ops::AttentionOptions& options);
Tensor relu_linear_attention(const Tensor& q, const Tensor& k, const Tensor& v, int64_t heads, float eps);
Tensor relu_linear_attention_packed(const Tensor& qkv, int64_t head_dim, float eps);
Tensor rope_rotate_half(const Tensor& x, const Tensor& cos, const Tensor& sin);
Tensor rope_interleaved(const Tensor& x, const Tensor& cos, const Tensor& sin);
Tensor rms_norm_rope_interleaved(const Tensor& x, const Tensor& weight, float eps, const Tensor& cos,
                                 const Tensor& sin);
Tensor add(const Tensor& a, const Tensor& b);
Tensor add_gated(const Tensor& x, const Tensor& gate, const Tensor& y);
Tensor activate(const Tensor& x, ops::Activation activation);
Tensor gated_activation(const Tensor& gate, const Tensor& up, ops::Activation activation);
Tensor clamp(const Tensor& x, float least, float most);
Tensor linear_combination(std::span<const float> coefficients, std::span<const Tensor> tensors);
Tensor count_nonfinite(const Tensor& x);
Tensor embedding(const Tensor& ids, const Tensor& table, float scale, DType dtype);
Tensor timestep_embedding(const Tensor& timesteps, int64_t dim);
Tensor nchw_to_nhwc(const Tensor& x);
Tensor nhwc_to_nchw(const Tensor& x);
Tensor pixel_shuffle(const Tensor& x, int64_t factor);
Tensor pixel_unshuffle(const Tensor& x, int64_t factor);
Tensor upsample_nearest(const Tensor& x, int64_t factor);
Tensor repeat_channels(const Tensor& x, int64_t repeats);
Tensor add_upsampled(const Tensor& x, const Tensor& shortcut);
Tensor mean_channel_groups(const Tensor& x, int64_t group);
Tensor concat_channels(const Tensor& a, const Tensor& b);
Tensor concat_rows(std::span<const Tensor> parts);
Tensor slice_channels(const Tensor& x, int64_t begin, int64_t end);
Tensor unpatchify(const Tensor& x, int64_t height, int64_t width, int64_t patch);
Tensor patchify_video(const Tensor& x, ops::Patch patch);
Tensor unpatchify_video(const Tensor& x, ops::Patch grid, ops::Patch patch);
Tensor pack_rgb(const Tensor& x);
Tensor fade_in(const Tensor& neighbour, const Tensor& tile, ops::Neighbour where, int64_t extent);
ops::QuantizedRows quantize_rows(const Tensor& x, ops::Activation activation);
ops::QuantizedRows quantize_weight(const Tensor& weight);
ops::QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps);
ops::QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps);
Tensor linear_f8(const ops::QuantizedRows& x, const ops::QuantizedRows& weight, const Tensor& bias,
                 ops::Activation activation, DType dtype);
ops::QuantizedRows linear_f8_quantized(const ops::QuantizedRows& x, const ops::QuantizedRows& weight,
                                       const Tensor& bias, ops::Activation activation, DType dtype);

}  // namespace swan::backends::cuda
