#include "io/checkpoint/formats.h"

#include <algorithm>
#include <cstring>

#include "io/checkpoint/key_tables.h"

namespace swan::io {

namespace {

constexpr const char* kDiffusers = "diffusers";
constexpr const char* kTransformers = "transformers";

// Those that have all of another's names and more come first.
constexpr std::array kFormats = {
    CheckpointFormat{"Wan's own names",
                     "transformer",
                     kDiffusers,
                     "WanTransformer3DModel",
                     {"blocks.0.self_attn.q.weight", "patch_embedding.weight", "head.modulation"},
                     wan_transformer_keys},
    CheckpointFormat{"diffusers' names",
                     "transformer",
                     kDiffusers,
                     "WanTransformer3DModel",
                     {"blocks.0.attn1.to_q.weight", "patch_embedding.weight", "condition_embedder.time_proj.weight"},
                     nullptr},
    CheckpointFormat{"Sana's own names",
                     "transformer",
                     kDiffusers,
                     "SanaTransformer2DModel",
                     {"blocks.0.attn.qkv.weight", "blocks.0.cross_attn.kv_linear.weight", "cfg_embedder.mlp.0.weight"},
                     sana_sprint_keys},
    CheckpointFormat{"Sana's own names",
                     "transformer",
                     kDiffusers,
                     "SanaTransformer2DModel",
                     {"blocks.0.attn.qkv.weight", "blocks.0.cross_attn.kv_linear.weight", "x_embedder.proj.weight"},
                     sana_keys},
    CheckpointFormat{"diffusers' names",
                     "controlnet",
                     kDiffusers,
                     "SanaControlNetModel",
                     {"transformer_blocks.0.ff.conv_inverted.weight", "controlnet_blocks.0.weight"},
                     nullptr},
    CheckpointFormat{"diffusers' names",
                     "transformer",
                     kDiffusers,
                     "SanaTransformer2DModel",
                     {"transformer_blocks.0.ff.conv_inverted.weight", "caption_projection.linear_1.weight",
                      "patch_embed.proj.weight"},
                     nullptr},
    CheckpointFormat{"Wan's own names",
                     "text_encoder",
                     kTransformers,
                     "UMT5EncoderModel",
                     {"blocks.0.attn.q.weight", "token_embedding.weight", "blocks.0.pos_embedding.embedding.weight"},
                     wan_umt5_keys},
    CheckpointFormat{"llama.cpp's names",
                     "text_encoder",
                     kTransformers,
                     "UMT5EncoderModel",
                     {"enc.blk.0.attn_q.weight", "enc.blk.0.attn_rel_b.weight", "token_embd.weight"},
                     gguf_umt5_keys},
    CheckpointFormat{"transformers' names",
                     "text_encoder",
                     kTransformers,
                     "UMT5EncoderModel",
                     {"encoder.block.0.layer.0.SelfAttention.q.weight",
                      "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "shared.weight"},
                     nullptr},
    CheckpointFormat{
        "transformers' names",
        "text_encoder",
        kTransformers,
        "Gemma2Model",
        {"embed_tokens.weight", "layers.0.self_attn.q_proj.weight", "layers.0.pre_feedforward_layernorm.weight"},
        nullptr},
    CheckpointFormat{"Wan's own names",
                     "vae",
                     kDiffusers,
                     "AutoencoderKLWan",
                     {"decoder.middle.0.residual.0.gamma", "decoder.conv1.weight", "conv2.weight"},
                     wan_vae_keys},
    CheckpointFormat{"diffusers' names",
                     "vae",
                     kDiffusers,
                     "AutoencoderKLWan",
                     {"decoder.mid_block.resnets.0.norm1.gamma", "decoder.conv_in.weight", "post_quant_conv.weight"},
                     nullptr},
    CheckpointFormat{"mit-han-lab's names",
                     "vae",
                     kDiffusers,
                     "AutoencoderDC",
                     {"encoder.project_in.conv.weight", "decoder.project_in.main.conv.weight",
                      "decoder.project_out.op_list.2.conv.weight"},
                     dc_ae_keys},
    CheckpointFormat{"diffusers' names",
                     "vae",
                     kDiffusers,
                     "AutoencoderDC",
                     {"encoder.down_blocks.0.0.conv1.weight", "decoder.conv_in.weight", "decoder.norm_out.weight"},
                     nullptr},
};

// How programs save a network that is a part of something.
constexpr std::array kPrefixes = {"", "model.diffusion_model.", "diffusion_model.", "model.", "module.", "state_dict."};

// Parts of networks that are like Swan's, but for other tasks.
struct Foreign {
  const char *part, *belongs_to;
};
constexpr std::array kForeign = {
    Foreign{"img_emb.", "Wan's image-to-video model"},
    Foreign{"condition_embedder.image_embedder.", "Wan's image-to-video model"},
    Foreign{".k_img.", "Wan's image-to-video model"},
    Foreign{".add_k_proj.", "Wan's image-to-video model"},
    Foreign{"vace_", "VACE"},
    Foreign{"face_", "Wan-Animate"},
    Foreign{"motion_encoder.", "Wan-Animate"},
    Foreign{"control_adapter.", "a model with camera control"},
    Foreign{"ref_conv.", "a model with a reference picture"},
};

}  // namespace

std::span<const CheckpointFormat> checkpoint_formats() { return kFormats; }

const CheckpointFormat* original_format(std::string_view class_name, bool guidance_embeds) {
  for (const CheckpointFormat& format : kFormats)
    if (format.keys != nullptr && class_name == format.class_name &&
        (format.keys == sana_sprint_keys) == guidance_embeds)
      return &format;
  return nullptr;
}

std::optional<RecognisedFormat> recognise_checkpoint(const TensorFile& file) {
  for (const char* prefix : kPrefixes)
    for (const CheckpointFormat& format : kFormats) {
      const bool all = std::all_of(format.required.begin(), format.required.end(), [&](const char* name) {
        return name == nullptr || file.entries().contains(std::string(prefix) + name);
      });
      if (all) return RecognisedFormat{&format, prefix};
    }
  return std::nullopt;
}

std::string foreign_part(std::string_view name) {
  for (const Foreign& foreign : kForeign)
    if (name.find(foreign.part) != name.npos) return foreign.belongs_to;
  return "";
}

}  // namespace swan::io
