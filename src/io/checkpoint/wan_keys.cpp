#include <array>

#include "io/checkpoint/key_tables.h"

namespace swan::io {

namespace {

// ---- Transformer
constexpr std::array kWanTop = {
    KeyRule{"patch_embedding.{p}", "patch_embedding.{p}"},
    KeyRule{"time_embedding.0.{p}", "condition_embedder.time_embedder.linear_1.{p}"},
    KeyRule{"time_embedding.2.{p}", "condition_embedder.time_embedder.linear_2.{p}"},
    KeyRule{"time_projection.1.{p}", "condition_embedder.time_proj.{p}"},
    KeyRule{"text_embedding.0.{p}", "condition_embedder.text_embedder.linear_1.{p}"},
    KeyRule{"text_embedding.2.{p}", "condition_embedder.text_embedder.linear_2.{p}"},
    KeyRule{"head.head.{p}", "proj_out.{p}"},
    KeyRule{"head.modulation", "scale_shift_table"},
};
constexpr std::array kWanBlocks = {KeyPlace{"blocks.{i}.", "blocks.{i}."}};
constexpr std::array kWanBlock = {
    KeyRule{"modulation", "scale_shift_table"}, KeyRule{"ffn.0.{p}", "ffn.net.0.proj.{p}"},
    KeyRule{"ffn.2.{p}", "ffn.net.2.{p}"},
    KeyRule{"norm3.{p}", "norm2.{p}"},  // before the cross-attention; the other two have no parameters
};
constexpr std::array kWanAttentions = {KeyPlace{"blocks.{i}.self_attn.", "blocks.{i}.attn1."},
                                       KeyPlace{"blocks.{i}.cross_attn.", "blocks.{i}.attn2."}};
constexpr std::array kWanAttention = {
    KeyRule{"q.{p}", "to_q.{p}"},     KeyRule{"k.{p}", "to_k.{p}"},        KeyRule{"v.{p}", "to_v.{p}"},
    KeyRule{"o.{p}", "to_out.0.{p}"}, KeyRule{"norm_q.{p}", "norm_q.{p}"}, KeyRule{"norm_k.{p}", "norm_k.{p}"},
};

// ---- Autoencoder. Its halves are flat lists of layers, which diffusers groups in the decoder and not in the encoder.
constexpr std::array kVaeTop = {
    KeyRule{"conv1.{p}", "quant_conv.{p}"},
    KeyRule{"conv2.{p}", "post_quant_conv.{p}"},
};
constexpr std::array kVaeHalves = {KeyPlace{"encoder.", "encoder."}, KeyPlace{"decoder.", "decoder."}};
constexpr std::array kVaeHalf = {
    KeyRule{"conv1.{p}", "conv_in.{p}"},
    KeyRule{"head.0.{p}", "norm_out.{p}"},
    KeyRule{"head.2.{p}", "conv_out.{p}"},
    KeyRule{"middle.1.norm.{p}", "mid_block.attentions.0.norm.{p}"},
    KeyRule{"middle.1.to_qkv.{p}", "mid_block.attentions.0.to_qkv.{p}"},
    KeyRule{"middle.1.proj.{p}", "mid_block.attentions.0.proj.{p}"},
};
constexpr std::array kVaeResidualBlocks = {
    KeyPlace{"encoder.middle.0.", "encoder.mid_block.resnets.0."},
    KeyPlace{"encoder.middle.2.", "encoder.mid_block.resnets.1."},
    KeyPlace{"decoder.middle.0.", "decoder.mid_block.resnets.0."},
    KeyPlace{"decoder.middle.2.", "decoder.mid_block.resnets.1."},
    KeyPlace{"encoder.downsamples.{i}.", "encoder.down_blocks.{i}."},
    KeyPlace{"decoder.upsamples.0.", "decoder.up_blocks.0.resnets.0."},
    KeyPlace{"decoder.upsamples.1.", "decoder.up_blocks.0.resnets.1."},
    KeyPlace{"decoder.upsamples.2.", "decoder.up_blocks.0.resnets.2."},
    KeyPlace{"decoder.upsamples.4.", "decoder.up_blocks.1.resnets.0."},
    KeyPlace{"decoder.upsamples.5.", "decoder.up_blocks.1.resnets.1."},
    KeyPlace{"decoder.upsamples.6.", "decoder.up_blocks.1.resnets.2."},
    KeyPlace{"decoder.upsamples.8.", "decoder.up_blocks.2.resnets.0."},
    KeyPlace{"decoder.upsamples.9.", "decoder.up_blocks.2.resnets.1."},
    KeyPlace{"decoder.upsamples.10.", "decoder.up_blocks.2.resnets.2."},
    KeyPlace{"decoder.upsamples.12.", "decoder.up_blocks.3.resnets.0."},
    KeyPlace{"decoder.upsamples.13.", "decoder.up_blocks.3.resnets.1."},
    KeyPlace{"decoder.upsamples.14.", "decoder.up_blocks.3.resnets.2."},
};
constexpr std::array kVaeResidualBlock = {
    KeyRule{"residual.0.{p}", "norm1.{p}"},       KeyRule{"residual.2.{p}", "conv1.{p}"},
    KeyRule{"residual.3.{p}", "norm2.{p}"},       KeyRule{"residual.6.{p}", "conv2.{p}"},
    KeyRule{"shortcut.{p}", "conv_shortcut.{p}"},
};
constexpr std::array kVaeSamplers = {
    KeyPlace{"encoder.downsamples.{i}.", "encoder.down_blocks.{i}."},
    KeyPlace{"decoder.upsamples.3.", "decoder.up_blocks.0.upsamplers.0."},
    KeyPlace{"decoder.upsamples.7.", "decoder.up_blocks.1.upsamplers.0."},
    KeyPlace{"decoder.upsamples.11.", "decoder.up_blocks.2.upsamplers.0."},
};
constexpr std::array kVaeSampler = {
    KeyRule{"resample.1.{p}", "resample.1.{p}"},
    KeyRule{"time_conv.{p}", "time_conv.{p}"},
};

// ---- Text encoder
constexpr std::array kUmt5Top = {
    KeyRule{"token_embedding.weight", "shared.weight"},
    KeyRule{"norm.weight", "encoder.final_layer_norm.weight"},
};
constexpr std::array kUmt5Blocks = {KeyPlace{"blocks.{i}.", "encoder.block.{i}.layer."}};
constexpr std::array kUmt5Block = {
    KeyRule{"norm1.weight", "0.layer_norm.weight"},
    KeyRule{"attn.q.weight", "0.SelfAttention.q.weight"},
    KeyRule{"attn.k.weight", "0.SelfAttention.k.weight"},
    KeyRule{"attn.v.weight", "0.SelfAttention.v.weight"},
    KeyRule{"attn.o.weight", "0.SelfAttention.o.weight"},
    KeyRule{"pos_embedding.embedding.weight", "0.SelfAttention.relative_attention_bias.weight"},
    KeyRule{"norm2.weight", "1.layer_norm.weight"},
    KeyRule{"ffn.gate.0.weight", "1.DenseReluDense.wi_0.weight"},
    KeyRule{"ffn.fc1.weight", "1.DenseReluDense.wi_1.weight"},
    KeyRule{"ffn.fc2.weight", "1.DenseReluDense.wo.weight"},
};

constexpr std::array kGgufUmt5Top = {
    KeyRule{"token_embd.weight", "shared.weight"},
    KeyRule{"enc.output_norm.weight", "encoder.final_layer_norm.weight"},
};
constexpr std::array kGgufUmt5Blocks = {KeyPlace{"enc.blk.{i}.", "encoder.block.{i}.layer."}};
constexpr std::array kGgufUmt5Block = {
    KeyRule{"attn_norm.weight", "0.layer_norm.weight"},
    KeyRule{"attn_q.weight", "0.SelfAttention.q.weight"},
    KeyRule{"attn_k.weight", "0.SelfAttention.k.weight"},
    KeyRule{"attn_v.weight", "0.SelfAttention.v.weight"},
    KeyRule{"attn_o.weight", "0.SelfAttention.o.weight"},
    KeyRule{"attn_rel_b.weight", "0.SelfAttention.relative_attention_bias.weight"},
    KeyRule{"ffn_norm.weight", "1.layer_norm.weight"},
    KeyRule{"ffn_gate.weight", "1.DenseReluDense.wi_0.weight"},
    KeyRule{"ffn_up.weight", "1.DenseReluDense.wi_1.weight"},
    KeyRule{"ffn_down.weight", "1.DenseReluDense.wo.weight"},
};

}  // namespace

const KeyMap& wan_transformer_keys() {
  static const KeyMap map(
      std::array{KeyGroup{{}, kWanTop}, KeyGroup{kWanBlocks, kWanBlock}, KeyGroup{kWanAttentions, kWanAttention}});
  return map;
}

const KeyMap& wan_vae_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kVaeTop}, KeyGroup{kVaeHalves, kVaeHalf},
                                     KeyGroup{kVaeResidualBlocks, kVaeResidualBlock},
                                     KeyGroup{kVaeSamplers, kVaeSampler}});
  return map;
}

const KeyMap& wan_umt5_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kUmt5Top}, KeyGroup{kUmt5Blocks, kUmt5Block}});
  return map;
}

const KeyMap& gguf_umt5_keys() {
  static const KeyMap map(std::array{KeyGroup{{}, kGgufUmt5Top}, KeyGroup{kGgufUmt5Blocks, kGgufUmt5Block}});
  return map;
}

}  // namespace swan::io
