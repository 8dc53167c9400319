#pragma once

#include <span>
#include <vector>

#include "io/config.h"
#include "nn/layers.h"

namespace swan::models {

/// transformers' UMT5Config, as far as the encoder needs it.
struct UMT5Config {
  int64_t vocab_size, d_model, d_kv, d_ff, num_layers, num_heads;
  int64_t relative_attention_num_buckets, relative_attention_max_distance;
  double layer_norm_epsilon;

  /// @throws Error kCorruptFile naming a key that is absent or out of range; kUnsupported for a variant we lack
  [[nodiscard]] static UMT5Config parse(const io::Config& config);
};

class UMT5Block;

/// The encoder of UMT5: the last hidden state after the final norm.
/// Ref: Chung et al. 2023 (arXiv:2304.09151); transformers models/umt5/modeling_umt5.py, UMT5EncoderModel
class UMT5EncoderModel : public nn::Module {
 public:
  UMT5EncoderModel(const UMT5Config& config, const nn::Scope& scope);
  ~UMT5EncoderModel();

  /// @param input_ids       [B, L] i32
  /// @param attention_mask  [B, L] i32, 1 = token, 0 = padding (on the right); undefined: no padding
  /// @return                [B, L, d_model] f32. Rows of padding hold values, as the reference's do
  /// @throws Error kCancelled between layers
  [[nodiscard]] Tensor forward(const Tensor& input_ids, const Tensor& attention_mask, Context& ctx) const;

  /// Several texts of their own lengths, without padding: what forward gives for the tokens, which never see any. Each
  /// layer's weights are read once for all texts and their pages given back: of a mapped model of 11 GB only one layer
  /// is in memory at a time. What a text gives does not depend on the others.
  /// @param input_ids  each [1, L] i32;  @return  each [1, L, d_model] f32
  /// @throws Error kCancelled between layers
  [[nodiscard]] std::vector<Tensor> encode(std::span<const Tensor> input_ids, Context& ctx) const;

 private:
  UMT5Config config_;
  Tensor shared_;
  std::vector<UMT5Block> block_;
  nn::RmsNorm final_layer_norm_;
};

}  // namespace swan::models
