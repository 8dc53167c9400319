#include "io/checkpoint/infer_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"
#include "io/checkpoint/default_configs.h"

namespace swan::io {

namespace {

using Json = nlohmann::json;

constexpr const char* kGiveConfig =
    "put the model's config.json beside the file, or open a repository of it with --model and give the file too";

// The shapes of a network, looked at with care: they come from outside.
class Shapes {
 public:
  explicit Shapes(const TensorFile& file) : file_(file) {}

  [[nodiscard]] bool has(const std::string& name) const { return file_.entries().contains(name); }
  // A dimension of a tensor that must be there with so many dimensions, none of them zero.
  [[nodiscard]] int64_t at(const std::string& name, int dim, size_t rank) const {
    const auto it = file_.entries().find(name);
    if (it == file_.entries().end())
      fail(ErrorCode::kCorruptFile, "cannot use {}: it has no '{}'; it is a part of the model, get the whole file.",
           file_.path(), name);
    const Shape& shape = it->second.shape;
    if (shape.rank() != rank || shape.numel() == 0)
      fail(ErrorCode::kCorruptFile,
           "cannot use {}: '{}' has shape {}, but {} dimensions are needed; it is another model.", file_.path(), name,
           shape, rank);
    return shape[dim];
  }
  // How many of "prefix0suffix", "prefix1suffix", ... there are.
  [[nodiscard]] int64_t count(const std::string& prefix, const std::string& suffix) const {
    int64_t n = 0;
    while (has(fmt::format("{}{}{}", prefix, n, suffix))) ++n;
    return n;
  }
  [[nodiscard]] const std::string& path() const { return file_.path(); }

 private:
  const TensorFile& file_;
};

int64_t int_of(const Json& c, const char* key, int64_t fallback) {
  const auto it = c.find(key);
  return it != c.end() && it->is_number_integer() ? it->get<int64_t>() : fallback;
}

// How many heads of the configured size a width has.
int64_t heads_of(const Shapes& s, const char* what, int64_t width, int64_t head_dim) {
  if (head_dim < 1 || width % head_dim != 0)
    fail(ErrorCode::kUnsupported, "cannot use {}: {} of {} channels are no heads of {}; {}.", s.path(), what, width,
         head_dim, kGiveConfig);
  return width / head_dim;
}

void wan_transformer(const Shapes& s, const TensorFile&, Json& c) {
  const std::string patch = "patch_embedding.weight";
  const int64_t inner = s.at(patch, 0, 5);
  c["in_channels"] = s.at(patch, 1, 5);
  c["patch_size"] = {s.at(patch, 2, 5), s.at(patch, 3, 5), s.at(patch, 4, 5)};
  const int64_t volume = s.at(patch, 2, 5) * s.at(patch, 3, 5) * s.at(patch, 4, 5);
  c["out_channels"] = s.at("proj_out.weight", 0, 2) / volume;
  c["num_attention_heads"] = heads_of(s, "blocks", inner, int_of(c, "attention_head_dim", 0));
  c["text_dim"] = s.at("condition_embedder.text_embedder.linear_1.weight", 1, 2);
  c["freq_dim"] = s.at("condition_embedder.time_embedder.linear_1.weight", 1, 2);
  c["ffn_dim"] = s.at("blocks.0.ffn.net.0.proj.weight", 0, 2);
  c["num_layers"] = s.count("blocks.", ".scale_shift_table");
  c["cross_attn_norm"] = s.has("blocks.0.norm2.weight");
}

// The widths that there are, with the cross-attention's heads, which shapes do not tell.
struct SanaHeads {
  int64_t inner, cross_heads;
};
constexpr std::array kSanaHeads = {SanaHeads{2240, 20}, SanaHeads{1152, 16}};

// Side of the pictures it was trained on, of the positions that the checkpoint has and does not use.
std::optional<int64_t> sana_sample_size(const TensorFile& original) {
  for (const auto& [name, entry] : original.entries()) {
    if (!name.ends_with("pos_embed") || entry.shape.rank() != 3) continue;
    const auto side = std::llround(std::sqrt(static_cast<double>(entry.shape[1])));
    if (side > 0 && side * side == entry.shape[1]) return side;
  }
  return std::nullopt;
}

void sana_transformer(const Shapes& s, const TensorFile& original, Json& c) {
  const std::string patch = "patch_embed.proj.weight", block = "transformer_blocks.0.";
  const int64_t inner = s.at(patch, 0, 4), size = s.at(patch, 2, 4);
  c["in_channels"] = s.at(patch, 1, 4);
  c["patch_size"] = size;
  c["out_channels"] = s.at("proj_out.weight", 0, 2) / (size * size);
  c["num_attention_heads"] = heads_of(s, "blocks", inner, int_of(c, "attention_head_dim", 0));
  c["num_layers"] = s.count("transformer_blocks.", ".scale_shift_table");
  c["caption_channels"] = s.at("caption_projection.linear_1.weight", 1, 2);
  const int64_t cross = s.at(block + "attn2.to_q.weight", 0, 2);
  int64_t cross_heads = int_of(c, "num_cross_attention_heads", 0);
  const bool fits = cross_heads * int_of(c, "cross_attention_head_dim", 0) == cross;
  for (const SanaHeads& known : kSanaHeads)
    if (!fits && known.inner == cross) cross_heads = known.cross_heads;
  if (cross_heads < 1 || cross % cross_heads != 0)
    fail(ErrorCode::kUnsupported,
         "cannot use {}: how many heads the cross-attention's {} channels are is not known; {}.", s.path(), cross,
         kGiveConfig);
  c["num_cross_attention_heads"] = cross_heads;
  c["cross_attention_head_dim"] = cross / cross_heads;
  c["cross_attention_dim"] = s.at(block + "attn2.to_k.weight", 1, 2);
  c["mlp_ratio"] =
      static_cast<double>(s.at(block + "ff.conv_inverted.weight", 0, 4)) / 2.0 / static_cast<double>(inner);
  c["attention_bias"] = s.has(block + "attn1.to_q.bias");
  c["qk_norm"] = s.has(block + "attn1.norm_q.weight") ? Json("rms_norm_across_heads") : Json();
  c["guidance_embeds"] = s.has("time_embed.guidance_embedder.linear_1.weight");
  if (const auto side = sana_sample_size(original)) {
    c["sample_size"] = *side;
    // Models of 2K and 4K add positions to their tokens, scaled as they were for these sizes.
    constexpr int64_t k2K = 64, k4K = 128;
    c["interpolation_scale"] = *side == k4K ? Json(2.0) : *side == k2K ? Json(1.0) : Json();
  }
}

void umt5(const Shapes& s, const TensorFile&, Json& c) {
  const std::string block = "encoder.block.0.layer.", bias = block + "0.SelfAttention.relative_attention_bias.weight";
  c["vocab_size"] = s.at("shared.weight", 0, 2);
  c["d_model"] = s.at("shared.weight", 1, 2);
  c["d_ff"] = s.at(block + "1.DenseReluDense.wi_0.weight", 0, 2);
  c["num_layers"] = s.count("encoder.block.", ".layer.0.SelfAttention.q.weight");
  c["relative_attention_num_buckets"] = s.at(bias, 0, 2);
  const int64_t heads = s.at(bias, 1, 2), width = s.at(block + "0.SelfAttention.q.weight", 0, 2);
  c["num_heads"] = heads;
  c["d_kv"] = width / heads;
}

void gemma2(const Shapes& s, const TensorFile&, Json& c) {
  const std::string layer = "layers.0.";
  c["vocab_size"] = s.at("embed_tokens.weight", 0, 2);
  c["hidden_size"] = s.at("embed_tokens.weight", 1, 2);
  c["intermediate_size"] = s.at(layer + "mlp.gate_proj.weight", 0, 2);
  const int64_t layers = s.count("layers.", ".input_layernorm.weight"), head = int_of(c, "head_dim", 0);
  c["num_hidden_layers"] = layers;
  c["num_attention_heads"] = heads_of(s, "queries", s.at(layer + "self_attn.q_proj.weight", 0, 2), head);
  c["num_key_value_heads"] = heads_of(s, "keys", s.at(layer + "self_attn.k_proj.weight", 0, 2), head);
  const auto types = c.find("layer_types");
  if (types != c.end() && (!types->is_array() || static_cast<int64_t>(types->size()) != layers)) c.erase(types);
}

void wan_vae(const Shapes& s, const TensorFile&, Json& c) {
  const auto dim_mult = c.find("dim_mult");
  const int64_t first =
      dim_mult != c.end() && dim_mult->is_array() && !dim_mult->empty() && dim_mult->front().is_number_integer()
          ? std::max<int64_t>(dim_mult->front().get<int64_t>(), 1)
          : 1;
  const int64_t base = s.at("encoder.conv_in.weight", 0, 5), decoder = s.at("decoder.norm_out.gamma", 0, 4) / first;
  c["base_dim"] = base;
  c["decoder_base_dim"] = decoder == base ? Json() : Json(decoder);
  c["z_dim"] = s.at("post_quant_conv.weight", 0, 5);
  c["in_channels"] = s.at("encoder.conv_in.weight", 1, 5);
  c["out_channels"] = s.at("decoder.conv_out.weight", 0, 5);
}

void dc_ae(const Shapes& s, const TensorFile&, Json& c) {
  c["in_channels"] = s.at("encoder.conv_in.weight", 1, 4);
  c["latent_channels"] = s.at("decoder.conv_in.weight", 1, 4);
  // DC-AE-Lite: the same encoder, and a decoder without attention.
  const bool attends = c.contains("decoder_qkv_multiscales") && c.at("decoder_qkv_multiscales").is_array() &&
                       c.at("decoder_qkv_multiscales").size() == 6 && !c.at("decoder_qkv_multiscales").at(5).empty();
  if (attends && !s.has("decoder.up_blocks.5.0.attn.to_q.weight")) {
    c["decoder_qkv_multiscales"] = std::vector<Json>(6, Json::array());
    c["decoder_block_types"] = "ResBlock";
    c["decoder_layers_per_block"] = {0, 3, 5, 4, 4, 4};
    c["decoder_conv_act_fn"] = "silu";
    c["upsample_block_type"] = "pixel_shuffle";
  }
}

struct Inference {
  std::string_view class_name;
  void (*infer)(const Shapes& shapes, const TensorFile& original, Json& config);
};
constexpr std::array kInferences = {
    Inference{"WanTransformer3DModel", wan_transformer},
    Inference{"SanaTransformer2DModel", sana_transformer},
    Inference{"UMT5EncoderModel", umt5},
    Inference{"Gemma2Model", gemma2},
    Inference{"AutoencoderKLWan", wan_vae},
    Inference{"AutoencoderDC", dc_ae},
};

}  // namespace

nlohmann::json infer_config(std::string_view class_name, const TensorFile& weights, const TensorFile& original,
                            const nlohmann::json& base) {
  Json config = default_model_config(class_name);
  if (config.is_null()) config = {{"_class_name", class_name}};
  if (base.is_object()) config.update(base);
  for (const Inference& known : kInferences)
    if (known.class_name == class_name) known.infer(Shapes(weights), original, config);
  return config;
}

}  // namespace swan::io
