#include "cpu/kernels.h"

#include "cpu/entries.h"
#include "cpu/isa.h"

namespace swan::backends {

const ops::KernelTable& cpu_kernels() {
  select_isa();
  static const ops::KernelTable table = {
      .name = "cpu",
      .linear = linear,
      .conv = conv,
      .depthwise_conv_glu = depthwise_conv_glu,
      .rms_norm = rms_norm,
      .layer_norm = layer_norm,
      .layer_norm_modulate = layer_norm_modulate,
      .attention = attention,
      .relu_linear_attention = relu_linear_attention,
      .relu_linear_attention_packed = relu_linear_attention_packed,
      .rope_rotate_half = rope_rotate_half,
      .rope_interleaved = rope_interleaved,
      .rms_norm_rope_interleaved = rms_norm_rope_interleaved,
      .add = add,
      .add_gated = add_gated,
      .activate = activate,
      .gated_activation = gated_activation,
      .clamp = clamp,
      .linear_combination = linear_combination,
      .count_nonfinite = count_nonfinite,
      .embedding = embedding,
      .timestep_embedding = timestep_embedding,
      .nchw_to_nhwc = nchw_to_nhwc,
      .nhwc_to_nchw = nhwc_to_nchw,
      .pixel_shuffle = pixel_shuffle,
      .pixel_unshuffle = pixel_unshuffle,
      .upsample_nearest = upsample_nearest,
      .repeat_channels = repeat_channels,
      .add_upsampled = add_upsampled,
      .mean_channel_groups = mean_channel_groups,
      .concat_channels = concat_channels,
      .concat_rows = concat_rows,
      .slice_channels = slice_channels,
      .unpatchify = unpatchify,
      .patchify_video = patchify_video,
      .unpatchify_video = unpatchify_video,
      .pack_rgb = pack_rgb,
      .fade_in = fade_in,
      // Of CPUs, oneDNN has no products in e4m3.
      .quantize_rows = nullptr,
      .quantize_weight = nullptr,
      .layer_norm_quantized = nullptr,
      .layer_norm_modulate_quantized = nullptr,
      .linear_f8 = nullptr,
      .linear_f8_quantized = nullptr,
  };
  return table;
}

}  // namespace swan::backends
