#include <array>

#include "io/checkpoint/key_tables.h"

namespace swan::io {

namespace {

// ---- Transformer
constexpr std::array kTop = {
    KeyRule{"x_embedder.proj.{p}", "patch_embed.proj.{p}"}, KeyRule{"t_block.1.{p}", "time_embed.linear.{p}"},
    KeyRule{"y_embedder.y_proj.fc1.{p}", "caption_projection.linear_1.{p}"},
    KeyRule{"y_embedder.y_proj.fc2.{p}", "caption_projection.linear_2.{p}"},
    KeyRule{"attention_y_norm.weight", "caption_norm.weight"}, KeyRule{"final_layer.linear.{p}", "proj_out.{p}"},
    KeyRule{"final_layer.scale_shift_table", "scale_shift_table"},
    // Positions are computed, and there is no embedding for no text.
    KeyRule{"pos_embed", ""}, KeyRule{"y_embedder.y_embedding", ""},
    KeyRule{"logvar_linear.{p}", ""},  // of the training of Sana-Sprint
};
constexpr std::array kTime = {
    KeyRule{"t_embedder.mlp.0.{p}", "time_embed.emb.timestep_embedder.linear_1.{p}"},
    KeyRule{"t_embedder.mlp.2.{p}", "time_embed.emb.timestep_embedder.linear_2.{p}"},
};
constexpr std::array kSprintTime = {
    KeyRule{"t_embedder.mlp.0.{p}", "time_embed.timestep_embedder.linear_1.{p}"},
    KeyRule{"t_embedder.mlp.2.{p}", "time_embed.timestep_embedder.linear_2.{p}"},
    KeyRule{"cfg_embedder.mlp.0.{p}", "time_embed.guidance_embedder.linear_1.{p}"},
    KeyRule{"cfg_embedder.mlp.2.{p}", "time_embed.guidance_embedder.linear_2.{p}"},
};
constexpr std::array kBlocks = {KeyPlace{"blocks.{i}.", "transformer_blocks.{i}."}};
constexpr std::array kBlock = {
    KeyRule{"scale_shift_table", "scale_shift_table"},
    KeyRule{"attn.qkv.{p}", "attn1.to_q.{p}", 0, 3},
    KeyRule{"attn.qkv.{p}", "attn1.to_k.{p}", 1, 3},
    KeyRule{"attn.qkv.{p}", "attn1.to_v.{p}", 2, 3},
    KeyRule{"attn.q_norm.{p}", "attn1.norm_q.{p}"},
    KeyRule{"attn.k_norm.{p}", "attn1.norm_k.{p}"},
    KeyRule{"attn.proj.{p}", "attn1.to_out.0.{p}"},
    KeyRule{"cross_attn.q_linear.{p}", "attn2.to_q.{p}"},
    KeyRule{"cross_attn.kv_linear.{p}", "attn2.to_k.{p}", 0, 2},
    KeyRule{"cross_attn.kv_linear.{p}", "attn2.to_v.{p}", 1, 2},
    KeyRule{"cross_attn.q_norm.{p}", "attn2.norm_q.{p}"},
    KeyRule{"cross_attn.k_norm.{p}", "attn2.norm_k.{p}"},
    KeyRule{"cross_attn.proj.{p}", "attn2.to_out.0.{p}"},
    KeyRule{"mlp.inverted_conv.conv.{p}", "ff.conv_inverted.{p}"},
    KeyRule{"mlp.depth_conv.conv.{p}", "ff.conv_depth.{p}"},
    KeyRule{"mlp.point_conv.conv.{p}", "ff.conv_point.{p}"},
};

// ---- Autoencoder
constexpr std::array kDcTop = {
    KeyRule{"encoder.project_in.conv.{p}", "encoder.conv_in.{p}"},
    KeyRule{"encoder.project_out.main.op_list.0.conv.{p}", "encoder.conv_out.{p}"},
    KeyRule{"decoder.project_in.main.conv.{p}", "decoder.conv_in.{p}"},
    KeyRule{"decoder.project_out.op_list.0.{p}", "decoder.norm_out.{p}"},
    KeyRule{"decoder.project_out.op_list.2.conv.{p}", "decoder.conv_out.{p}"},
    // Layers between resolutions.
    KeyRule{"encoder.stages.{i}.op_list.{j}.main.conv.{p}", "encoder.down_blocks.{i}.{j}.conv.{p}"},
    KeyRule{"decoder.stages.{i}.op_list.{j}.main.conv.conv.{p}", "decoder.up_blocks.{i}.{j}.conv.{p}"},
};
constexpr std::array kDcLayers = {
    KeyPlace{"encoder.stages.{i}.op_list.{j}.", "encoder.down_blocks.{i}.{j}."},
    KeyPlace{"decoder.stages.{i}.op_list.{j}.", "decoder.up_blocks.{i}.{j}."},
};
constexpr std::array kDcLayer = {
    // ResBlock
    KeyRule{"main.conv1.conv.{p}", "conv1.{p}"},
    KeyRule{"main.conv2.conv.{p}", "conv2.{p}"},
    KeyRule{"main.conv2.norm.{p}", "norm.{p}"},
    // EfficientViTBlock, whose linear layers are convolutions
    KeyRule{"context_module.main.qkv.conv.weight", "attn.to_q.weight", 0, 3, 2},
    KeyRule{"context_module.main.qkv.conv.weight", "attn.to_k.weight", 1, 3, 2},
    KeyRule{"context_module.main.qkv.conv.weight", "attn.to_v.weight", 2, 3, 2},
    KeyRule{"context_module.main.aggreg.{p}.0.weight", "attn.to_qkv_multiscale.{p}.proj_in.weight"},
    KeyRule{"context_module.main.aggreg.{p}.1.weight", "attn.to_qkv_multiscale.{p}.proj_out.weight"},
    KeyRule{"context_module.main.proj.conv.weight", "attn.to_out.weight", 0, 1, 2},
    KeyRule{"context_module.main.proj.norm.{p}", "attn.norm_out.{p}"},
    KeyRule{"local_module.main.inverted_conv.conv.{p}", "conv_out.conv_inverted.{p}"},
    KeyRule{"local_module.main.depth_conv.conv.{p}", "conv_out.conv_depth.{p}"},
    KeyRule{"local_module.main.point_conv.conv.{p}", "conv_out.conv_point.{p}"},
    KeyRule{"local_module.main.point_conv.norm.{p}", "conv_out.norm.{p}"},
};

}  // namespace

const KeyMap& sana_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kTop}, KeyGroup{{}, kTime}, KeyGroup{kBlocks, kBlock}});
  return map;
}

const KeyMap& sana_sprint_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kTop}, KeyGroup{{}, kSprintTime}, KeyGroup{kBlocks, kBlock}});
  return map;
}

const KeyMap& dc_ae_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kDcTop}, KeyGroup{kDcLayers, kDcLayer}});
  return map;
}

}  // namespace swan::io
