#include "reference/kernels.h"

#include "reference/functions.h"

namespace swan::backends {

const ops::KernelTable& reference_kernels() {
  static constexpr ops::KernelTable kTable = {
      .name = "reference",
      .linear = reference::linear,
      .conv = reference::conv,
      .depthwise_conv_glu = reference::depthwise_conv_glu,
      .rms_norm = reference::rms_norm,
      .layer_norm = reference::layer_norm,
      .layer_norm_modulate = reference::layer_norm_modulate,
      .attention = reference::attention,
      .relu_linear_attention = reference::relu_linear_attention,
      .relu_linear_attention_packed = reference::relu_linear_attention_packed,
      .rope_rotate_half = reference::rope_rotate_half,
      .rope_interleaved = reference::rope_interleaved,
      .rms_norm_rope_interleaved = reference::rms_norm_rope_interleaved,
      .add = reference::add,
      .add_gated = reference::add_gated,
      .activate = reference::activate,
      .gated_activation = reference::gated_activation,
      .clamp = reference::clamp,
      .linear_combination = reference::linear_combination,
      .count_nonfinite = reference::count_nonfinite,
      .embedding = reference::embedding,
      .timestep_embedding = reference::timestep_embedding,
      .nchw_to_nhwc = reference::nchw_to_nhwc,
      .nhwc_to_nchw = reference::nhwc_to_nchw,
      .pixel_shuffle = reference::pixel_shuffle,
      .pixel_unshuffle = reference::pixel_unshuffle,
      .upsample_nearest = reference::upsample_nearest,
      .repeat_channels = reference::repeat_channels,
      .add_upsampled = reference::add_upsampled,
      .mean_channel_groups = reference::mean_channel_groups,
      .concat_channels = reference::concat_channels,
      .concat_rows = reference::concat_rows,
      .slice_channels = reference::slice_channels,
      .unpatchify = reference::unpatchify,
      .patchify_video = reference::patchify_video,
      .unpatchify_video = reference::unpatchify_video,
      .pack_rgb = reference::pack_rgb,
      .fade_in = reference::fade_in,
      .quantize_rows = reference::quantize_rows,
      .quantize_weight = reference::quantize_weight,
      .layer_norm_quantized = reference::layer_norm_quantized,
      .layer_norm_modulate_quantized = reference::layer_norm_modulate_quantized,
      .linear_f8 = reference::linear_f8,
      .linear_f8_quantized = reference::linear_f8_quantized,
  };
  return kTable;
}

}  // namespace swan::backends
