#include "models/sana_config.h"

#include "core/error.h"

namespace swan::models {

SanaConfig SanaConfig::parse(const io::Config& c, int64_t default_num_layers) {
  constexpr int64_t kMost = int64_t{1} << 20;
  SanaConfig s{};
  s.in_channels = c.get_in("in_channels", 32, 1, 4096);
  s.out_channels = c.get_in("out_channels", s.in_channels, 1, 4096);
  s.num_attention_heads = c.get_in("num_attention_heads", 70, 1, 4096);
  s.attention_head_dim = c.get_in("attention_head_dim", 32, 1, 4096);
  s.num_layers = c.get_in("num_layers", default_num_layers, 1, 1024);
  s.num_cross_attention_heads = c.get_in("num_cross_attention_heads", 20, 1, 4096);
  s.cross_attention_head_dim = c.get_in("cross_attention_head_dim", 112, 1, 4096);
  s.cross_attention_dim = c.get_in("cross_attention_dim", 2240, 1, kMost);
  s.caption_channels = c.get_in("caption_channels", 2304, 1, kMost);
  s.mlp_ratio = c.get<double>("mlp_ratio", 2.5);
  s.attention_bias = c.get<bool>("attention_bias", false);
  s.norm_elementwise_affine = c.get<bool>("norm_elementwise_affine", false);
  s.sample_size = c.get_in("sample_size", 32, 1, 4096);
  s.patch_size = c.get_in("patch_size", 1, 1, 64);
  s.norm_eps = c.get<double>("norm_eps", 1e-6);
  s.interpolation_scale = c.optional<double>("interpolation_scale");
  s.guidance_embeds = c.get<bool>("guidance_embeds", false);
  s.guidance_embeds_scale = c.get<double>("guidance_embeds_scale", 0.1);
  s.timestep_scale = c.get<double>("timestep_scale", 1.0);
  const auto qk_norm = c.optional<std::string>("qk_norm");
  if (qk_norm && *qk_norm != "rms_norm_across_heads")
    fail(ErrorCode::kUnsupported, "{}: qk_norm '{}' is not supported; only 'rms_norm_across_heads' or null is.",
         c.path(), *qk_norm);
  s.qk_norm = qk_norm.has_value();
  if (!(s.mlp_ratio > 0 && s.mlp_ratio < 64)) c.wrong("mlp_ratio", "a number between 0 and 64 is needed");
  if (s.inner_dim() > kMost) c.wrong("num_attention_heads", "heads times attention_head_dim is too large");
  if (s.interpolation_scale && !(*s.interpolation_scale > 0))
    c.wrong("interpolation_scale", "a positive number is needed");
  return s;
}

}  // namespace swan::models
