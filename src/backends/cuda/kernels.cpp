#include "cuda/kernels.h"

#include "cuda/entries.h"

namespace swan::backends {

const ops::KernelTable& cuda_kernels() {
  static constexpr ops::KernelTable kTable = {
      .name = "cuda",
      .linear = cuda::linear,
      .conv = cuda::conv,
      .depthwise_conv_glu = cuda::depthwise_conv_glu,
      .rms_norm = cuda::rms_norm,
      .layer_norm = cuda::layer_norm,
      .layer_norm_modulate = cuda::layer_norm_modulate,
      .attention = cuda::attention,
      .relu_linear_attention = cuda::relu_linear_attention,
      .relu_linear_attention_packed = cuda::relu_linear_attention_packed,
      .rope_rotate_half = cuda::rope_rotate_half,
      .rope_interleaved = cuda::rope_interleaved,
      .rms_norm_rope_interleaved = cuda::rms_norm_rope_interleaved,
      .add = cuda::add,
      .add_gated = cuda::add_gated,
      .activate = cuda::activate,
      .gated_activation = cuda::gated_activation,
      .clamp = cuda::clamp,
      .linear_combination = cuda::linear_combination,
      .count_nonfinite = cuda::count_nonfinite,
      .embedding = cuda::embedding,
      .timestep_embedding = cuda::timestep_embedding,
      .nchw_to_nhwc = cuda::nchw_to_nhwc,
      .nhwc_to_nchw = cuda::nhwc_to_nchw,
      .pixel_shuffle = cuda::pixel_shuffle,
      .pixel_unshuffle = cuda::pixel_unshuffle,
      .upsample_nearest = cuda::upsample_nearest,
      .repeat_channels = cuda::repeat_channels,
      .add_upsampled = cuda::add_upsampled,
      .mean_channel_groups = cuda::mean_channel_groups,
      .concat_channels = cuda::concat_channels,
      .concat_rows = cuda::concat_rows,
      .slice_channels = cuda::slice_channels,
      .unpatchify = cuda::unpatchify,
      .patchify_video = cuda::patchify_video,
      .unpatchify_video = cuda::unpatchify_video,
      .pack_rgb = cuda::pack_rgb,
      .fade_in = cuda::fade_in,
      .quantize_rows = cuda::quantize_rows,
      .quantize_weight = cuda::quantize_weight,
      .layer_norm_quantized = cuda::layer_norm_quantized,
      .layer_norm_modulate_quantized = cuda::layer_norm_modulate_quantized,
      .linear_f8 = cuda::linear_f8,
      .linear_f8_quantized = cuda::linear_f8_quantized,
  };
  return kTable;
}

}  // namespace swan::backends
