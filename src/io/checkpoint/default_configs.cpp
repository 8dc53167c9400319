#include "io/checkpoint/default_configs.h"

#include <array>

#include "io/json.h"

namespace swan::io {

namespace {

// As the publishers' repositories have them; tests compare them with tools/make_random_model/manifests.

constexpr const char* kWanTransformer =
    R"({"_class_name": "WanTransformer3DModel", "patch_size": [1, 2, 2], "num_attention_heads": 12,
  "attention_head_dim": 128, "in_channels": 16, "out_channels": 16, "text_dim": 4096, "freq_dim": 256,
  "ffn_dim": 8960, "num_layers": 30, "cross_attn_norm": true, "qk_norm": "rms_norm_across_heads", "eps": 1e-06,
  "image_dim": null, "added_kv_proj_dim": null, "rope_max_seq_len": 1024, "pos_embed_seq_len": null})";

constexpr const char* kSanaTransformer =
    R"({"_class_name": "SanaTransformer2DModel", "in_channels": 32, "out_channels": 32, "num_attention_heads": 70,
  "attention_head_dim": 32, "num_layers": 20, "num_cross_attention_heads": 20, "cross_attention_head_dim": 112,
  "cross_attention_dim": 2240, "caption_channels": 2304, "mlp_ratio": 2.5, "dropout": 0.0,
  "attention_bias": false, "sample_size": 32, "patch_size": 1, "norm_elementwise_affine": false,
  "norm_eps": 1e-06, "interpolation_scale": null, "guidance_embeds": false, "guidance_embeds_scale": 0.1,
  "qk_norm": null, "timestep_scale": 1.0})";

constexpr const char* kUmt5 =
    R"({"classifier_dropout": 0.0, "d_ff": 10240, "d_kv": 64, "d_model": 4096, "decoder_start_token_id": 0,
  "dense_act_fn": "gelu_new", "dropout_rate": 0.1, "eos_token_id": 1, "feed_forward_proj": "gated-gelu",
  "initializer_factor": 1.0, "is_decoder": false, "is_encoder_decoder": true, "is_gated_act": true,
  "layer_norm_epsilon": 1e-06, "model_type": "umt5", "num_decoder_layers": 24, "num_heads": 64,
  "num_layers": 24, "pad_token_id": 0, "relative_attention_max_distance": 128,
  "relative_attention_num_buckets": 32, "tie_word_embeddings": true, "use_cache": true, "vocab_size": 256384,
  "architectures": ["UMT5EncoderModel"]})";

constexpr const char* kGemma2 =
    R"({"attention_bias": false, "attention_dropout": 0.0, "attn_logit_softcapping": 50.0, "bos_token_id": 2,
  "eos_token_id": 1, "final_logit_softcapping": 30.0, "head_dim": 256, "hidden_activation": "gelu_pytorch_tanh",
  "hidden_size": 2304, "initializer_range": 0.02, "intermediate_size": 9216,
  "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention",
  "sliding_attention", "full_attention", "sliding_attention", "full_attention", "sliding_attention",
  "full_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention",
  "sliding_attention", "full_attention", "sliding_attention", "full_attention", "sliding_attention",
  "full_attention", "sliding_attention", "full_attention", "sliding_attention", "full_attention",
  "sliding_attention", "full_attention"], "max_position_embeddings": 8192, "model_type": "gemma2",
  "num_attention_heads": 8, "num_hidden_layers": 26, "num_key_value_heads": 4, "pad_token_id": 0,
  "query_pre_attn_scalar": 256, "rms_norm_eps": 1e-06, "rope_parameters": {"rope_theta": 10000.0,
  "rope_type": "default"}, "sliding_window": 4096, "tie_word_embeddings": true,
  "use_bidirectional_attention": null, "use_cache": true, "vocab_size": 256000,
  "architectures": ["Gemma2Model"]})";

constexpr const char* kWanVae =
    R"({"_class_name": "AutoencoderKLWan", "base_dim": 96, "decoder_base_dim": null, "z_dim": 16, "dim_mult": [1, 2, 4,
  4], "num_res_blocks": 2, "attn_scales": [], "temperal_downsample": [false, true, true], "dropout": 0.0,
  "latents_mean": [-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508, 0.4134, -0.0715, 0.5517,
  -0.3632, -0.1922, -0.9497, 0.2503, -0.2921], "latents_std": [2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708,
  2.6052, 2.0743, 3.2687, 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.916], "is_residual": false,
  "in_channels": 3, "out_channels": 3, "patch_size": null, "scale_factor_temporal": 4,
  "scale_factor_spatial": 8})";

constexpr const char* kDcAe =
    R"({"_class_name": "AutoencoderDC", "in_channels": 3, "latent_channels": 32, "attention_head_dim": 32,
  "encoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock", "EfficientViTBlock",
  "EfficientViTBlock"], "decoder_block_types": ["ResBlock", "ResBlock", "ResBlock", "EfficientViTBlock",
  "EfficientViTBlock", "EfficientViTBlock"], "encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024],
  "decoder_block_out_channels": [128, 256, 512, 512, 1024, 1024], "encoder_layers_per_block": [2, 2, 2, 3, 3,
  3], "decoder_layers_per_block": [3, 3, 3, 3, 3, 3], "encoder_qkv_multiscales": [[], [], [], [5], [5], [5]],
  "decoder_qkv_multiscales": [[], [], [], [5], [5], [5]], "upsample_block_type": "interpolate",
  "downsample_block_type": "conv", "decoder_norm_types": "rms_norm", "decoder_act_fns": "silu",
  "encoder_out_shortcut": true, "decoder_in_shortcut": true, "decoder_conv_act_fn": "relu",
  "scaling_factor": 0.41407})";

constexpr const char* kUniPC =
    R"({"_class_name": "UniPCMultistepScheduler", "_diffusers_version": "0.42.1", "beta_end": 0.02,
  "beta_schedule": "linear", "beta_start": 0.0001, "disable_corrector": [], "dynamic_thresholding_ratio": 0.995,
  "final_sigmas_type": "zero", "flow_shift": 3.0, "lower_order_final": true, "num_train_timesteps": 1000,
  "predict_x0": true, "prediction_type": "flow_prediction", "rescale_betas_zero_snr": false,
  "sample_max_value": 1.0, "shift_terminal": null, "sigma_max": null, "sigma_min": null, "solver_order": 2,
  "solver_p": null, "solver_type": "bh2", "steps_offset": 0, "thresholding": false,
  "time_shift_type": "exponential", "timestep_spacing": "linspace", "trained_betas": null,
  "use_beta_sigmas": false, "use_dynamic_shifting": false, "use_exponential_sigmas": false,
  "use_flow_sigmas": true, "use_karras_sigmas": false})";

constexpr const char* kDpmSolver =
    R"({"_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.42.1", "algorithm_type": "dpmsolver++",
  "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001, "dynamic_thresholding_ratio": 0.995,
  "euler_at_final": false, "final_sigmas_type": "zero", "flow_shift": 3.0, "lambda_min_clipped": -Infinity,
  "lower_order_final": true, "num_train_timesteps": 1000, "prediction_type": "flow_prediction",
  "rescale_betas_zero_snr": false, "sample_max_value": 1.0, "solver_order": 2, "solver_type": "midpoint",
  "steps_offset": 0, "thresholding": false, "time_shift_type": "exponential", "timestep_spacing": "linspace",
  "trained_betas": null, "use_beta_sigmas": false, "use_dynamic_shifting": false,
  "use_exponential_sigmas": false, "use_flow_sigmas": true, "use_karras_sigmas": false, "use_lu_lambdas": false,
  "variance_type": null})";

constexpr const char* kScm =
    R"({"_class_name": "SCMScheduler", "_diffusers_version": "0.42.1", "num_train_timesteps": 1000,
  "prediction_type": "trigflow", "sigma_data": 0.5})";

struct Named {
  std::string_view name;
  const char* json;
};
constexpr std::array kModels = {
    Named{"WanTransformer3DModel", kWanTransformer},
    Named{"SanaTransformer2DModel", kSanaTransformer},
    Named{"UMT5EncoderModel", kUmt5},
    Named{"Gemma2Model", kGemma2},
    Named{"AutoencoderKLWan", kWanVae},
    Named{"AutoencoderDC", kDcAe},
};
constexpr std::array kSchedulers = {
    Named{"WanPipeline", kUniPC},
    Named{"SanaPipeline", kDpmSolver},
    Named{"SanaSprintPipeline", kScm},
};

template <size_t N>
std::string_view find(const std::array<Named, N>& table, std::string_view name) {
  for (const Named& entry : table)
    if (entry.name == name) return entry.json;
  return {};
}

nlohmann::json parse(std::string_view text, std::string_view name) {
  return text.empty() ? nlohmann::json() : parse_json(text, std::string(name));
}

}  // namespace

nlohmann::json default_model_config(std::string_view class_name) {
  return parse(find(kModels, class_name), class_name);
}

nlohmann::json default_scheduler_config(std::string_view pipeline) {
  return parse(find(kSchedulers, pipeline), pipeline);
}

std::string_view default_scheduler_text(std::string_view pipeline) { return find(kSchedulers, pipeline); }

}  // namespace swan::io
