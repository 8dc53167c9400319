// Mirrors diffusers 0.42 models/autoencoders/autoencoder_dc.py: Encoder, Decoder and AutoencoderDC.
#include "models/autoencoder_dc.h"

#include <algorithm>

#include "core/error.h"
#include "models/autoencoder_dc_blocks.h"
#include "models/banding.h"
#include "models/depth_first.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

namespace {

ops::Activation parse_activation(const io::Config& c, const char* key, const std::string& name) {
  if (name == "silu" || name == "swish") return ops::Activation::kSilu;
  if (name == "relu") return ops::Activation::kRelu;
  fail(ErrorCode::kUnsupported, "{}: {} '{}' is not supported; 'silu' and 'relu' are.", c.path(), key, name);
}

AutoencoderDCHalf parse_half(const io::Config& c, const std::string& half, const std::vector<int64_t>& default_layers) {
  AutoencoderDCHalf h;
  h.block_out_channels =
      c.get_list_in(half + "_block_out_channels", {128, 256, 512, 512, 1024, 1024}, 1, int64_t{1} << 16);
  const size_t blocks = h.block_out_channels.size();
  if (blocks < 2 || blocks > 12) c.wrong(half + "_block_out_channels", "2 to 12 entries are needed");
  h.block_types = c.get_per_block<std::string>(half + "_block_types", blocks, "ResBlock");
  h.layers_per_block = c.get_list_in(half + "_layers_per_block", default_layers, 0, 64, static_cast<int64_t>(blocks));
  h.qkv_multiscales = c.get<std::vector<std::vector<int64_t>>>(half + "_qkv_multiscales", {{}, {}, {}, {5}, {5}, {5}});
  if (h.qkv_multiscales.size() != blocks) c.wrong(half + "_qkv_multiscales", "one list for each block is needed");
  for (const auto& scales : h.qkv_multiscales)
    for (const int64_t kernel : scales)
      if (kernel < 1 || kernel > 31 || kernel % 2 == 0)
        c.wrong(half + "_qkv_multiscales", "odd kernel sizes up to 31 are needed");
  return h;
}

}  // namespace

AutoencoderDCConfig AutoencoderDCConfig::parse(const io::Config& c) {
  AutoencoderDCConfig a{};
  a.in_channels = c.get_in("in_channels", 3, 1, 64);
  a.latent_channels = c.get_in("latent_channels", 32, 1, 4096);
  a.attention_head_dim = c.get_in("attention_head_dim", 32, 1, 1024);
  a.encoder = parse_half(c, "encoder", {2, 2, 2, 3, 3, 3});
  a.decoder = parse_half(c, "decoder", {3, 3, 3, 3, 3, 3});
  const size_t blocks = a.decoder.block_out_channels.size();
  if (a.encoder.block_out_channels.size() != blocks)
    c.wrong("encoder_block_out_channels", "as many entries as in decoder_block_out_channels are needed");
  a.encoder.norm_types.assign(blocks, "rms_norm");
  a.encoder.act_fns.assign(blocks, ops::Activation::kSilu);
  a.decoder.norm_types = c.get_per_block<std::string>("decoder_norm_types", blocks, "rms_norm");
  for (const std::string& name : c.get_per_block<std::string>("decoder_act_fns", blocks, "silu"))
    a.decoder.act_fns.push_back(parse_activation(c, "decoder_act_fns", name));
  a.decoder_conv_act_fn = parse_activation(c, "decoder_conv_act_fn", c.get<std::string>("decoder_conv_act_fn", "relu"));
  a.pixel_shuffle_up = c.get<std::string>("upsample_block_type", "pixel_shuffle") == "pixel_shuffle";
  a.pixel_unshuffle_down = c.get<std::string>("downsample_block_type", "pixel_unshuffle") == "pixel_unshuffle";
  a.encoder_out_shortcut = c.get<bool>("encoder_out_shortcut", true);
  a.decoder_in_shortcut = c.get<bool>("decoder_in_shortcut", true);
  a.scaling_factor = c.get<double>("scaling_factor", 1.0);
  if (!(a.scaling_factor > 0)) c.wrong("scaling_factor", "a positive number is needed");
  for (const AutoencoderDCHalf* half : {&a.encoder, &a.decoder}) {
    for (size_t i = 0; i < blocks; ++i)
      if (half->block_types[i] == "EfficientViTBlock" && half->block_out_channels[i] < a.attention_head_dim)
        c.wrong("attention_head_dim", "it must not exceed the channels of a block with attention");
    if (half->block_out_channels.back() % a.latent_channels != 0)
      c.wrong("latent_channels", "a divisor of the last block's channels is needed");
  }
  return a;
}

namespace {
DCBlockOptions block_options(const AutoencoderDCConfig& c, const AutoencoderDCHalf& half, size_t i) {
  return {.type = half.block_types[i],
          .channels = half.block_out_channels[i],
          .attention_head_dim = c.attention_head_dim,
          .norm_type = half.norm_types[i],
          .act_fn = half.act_fns[i],
          .qkv_multiscales = half.qkv_multiscales[i]};
}

// One resolution's blocks, torch.nn.Sequential.
class Stage : public nn::Module {
 public:
  explicit Stage(const nn::Scope& s) : Module(s), scope_(s) {}
  [[nodiscard]] nn::Scope next() const { return scope_ / static_cast<int64_t>(blocks_.size()); }
  void add(std::unique_ptr<DCBlock> block) { blocks_.push_back(std::move(block)); }
  [[nodiscard]] const std::vector<std::unique_ptr<DCBlock>>& blocks() const { return blocks_; }
  [[nodiscard]] Tensor forward(Tensor x, Context& ctx) const {
    for (const auto& block : blocks_) {
      ctx.check_cancelled();
      x = block->forward(std::move(x), ctx);
    }
    return tap(ctx, x);
  }

 private:
  nn::Scope scope_;
  std::vector<std::unique_ptr<DCBlock>> blocks_;
};
}  // namespace

// ---- Encoder

class DCEncoder : public nn::Module {
 public:
  DCEncoder(const AutoencoderDCConfig& c, const nn::Scope& s)
      : Module(s),
        conv_out_(s / "conv_out", c.encoder.block_out_channels.back(), c.latent_channels, 3, {.padding = 1}) {
    const AutoencoderDCHalf& half = c.encoder;
    const auto& channels = half.block_out_channels;
    const DCDownBlock2d::Options down = {.pixel_unshuffle = c.pixel_unshuffle_down};
    if (half.layers_per_block[0] > 0) {
      conv_in_.emplace(s / "conv_in", c.in_channels, channels[0], 3, nn::Conv2dOptions{.padding = 1});
    } else {
      down_in_.emplace(s / "conv_in", c.in_channels, channels[1],
                       DCDownBlock2d::Options{.pixel_unshuffle = c.pixel_unshuffle_down, .shortcut = false});
    }
    for (size_t i = 0; i < channels.size(); ++i) {
      Stage stage(s / "down_blocks" / static_cast<int64_t>(i));
      for (int64_t n = 0; n < half.layers_per_block[i]; ++n)
        stage.add(make_dc_block(block_options(c, half, i), stage.next()));
      if (i + 1 < channels.size() && half.layers_per_block[i] > 0)
        stage.add(std::make_unique<DCDownBlock2d>(stage.next(), channels[i], channels[i + 1], down));
      down_blocks_.push_back(std::move(stage));
    }
    if (c.encoder_out_shortcut) out_group_ = channels.back() / c.latent_channels;
  }

  [[nodiscard]] Tensor forward(const Tensor& picture, Context& ctx) const {
    const Tensor pixels = ops::nchw_to_nhwc(ctx.to_compute(picture), ctx);
    Tensor x = conv_in_ ? conv_in_->forward(pixels, ctx) : down_in_->forward(pixels, ctx);
    if (conv_in_) (void)tap(ctx, x, "conv_in");
    for (const Stage& stage : down_blocks_) x = stage.forward(std::move(x), ctx);
    Tensor y = tap(ctx, conv_out_.forward(x, ctx), "conv_out");
    if (out_group_ > 0) y = ops::add(y, ops::mean_channel_groups(x, out_group_, ctx), ctx);
    return ops::nhwc_to_nchw(y, ctx);
  }

 private:
  std::optional<nn::Conv2d> conv_in_;
  std::optional<DCDownBlock2d> down_in_;
  std::vector<Stage> down_blocks_;
  nn::Conv2d conv_out_;
  int64_t out_group_ = 0;  // 0: no shortcut
};

// ---- Decoder

class DCDecoder : public nn::Module {
 public:
  DCDecoder(const AutoencoderDCConfig& c, const nn::Scope& s)
      : Module(s),
        channels_(c.decoder.block_out_channels),
        pixel_channels_(c.in_channels),
        conv_in_(s / "conv_in", c.latent_channels, c.decoder.block_out_channels.back(), 3, {.padding = 1}),
        norm_out_(s / "norm_out", c.decoder.block_out_channels[c.decoder.layers_per_block[0] > 0 ? 0 : 1],
                  {.eps = 1e-5F, .bias = true}),
        conv_act_(c.decoder_conv_act_fn) {
    const AutoencoderDCHalf& half = c.decoder;
    const auto& channels = half.block_out_channels;
    if (c.decoder_in_shortcut) in_repeats_ = channels.back() / c.latent_channels;
    for (size_t i = 0; i < channels.size(); ++i) {
      Stage stage(s / "up_blocks" / static_cast<int64_t>(i));
      if (i + 1 < channels.size() && half.layers_per_block[i] > 0)
        stage.add(std::make_unique<DCUpBlock2d>(stage.next(), channels[i + 1], channels[i],
                                                DCUpBlock2d::Options{.pixel_shuffle = c.pixel_shuffle_up}));
      for (int64_t n = 0; n < half.layers_per_block[i]; ++n)
        stage.add(make_dc_block(block_options(c, half, i), stage.next()));
      up_blocks_.push_back(std::move(stage));
    }
    if (half.layers_per_block[0] > 0) {
      conv_out_.emplace(s / "conv_out", channels[0], c.in_channels, 3, nn::Conv2dOptions{.padding = 1});
    } else {
      up_out_.emplace(s / "conv_out", channels[1], c.in_channels,
                      DCUpBlock2d::Options{.pixel_shuffle = c.pixel_shuffle_up, .shortcut = false});
    }
  }

  [[nodiscard]] Tensor forward(const Tensor& z, const DecodeLimits& limits, Context& ctx) const {
    const Tensor latents = ops::nchw_to_nhwc(ctx.to_compute(z), ctx);
    Tensor x = tap(ctx, conv_in_.forward(latents, ctx), "conv_in");
    if (in_repeats_ > 0) x = ops::add(x, ops::repeat_channels(latents, in_repeats_, ctx), ctx);
    const size_t fine = stages_in_parts(x, limits.whole_bytes, ctx);
    for (size_t i = up_blocks_.size(); i-- > fine;) x = up_blocks_[i].forward(std::move(x), ctx);
    x = fine > 0 ? in_parts(x, fine, limits.part_bytes, ctx) : to_pixels(x, ctx);
    return ops::nhwc_to_nchw(x, ctx);
  }

 private:
  // How many of the finest resolutions are computed part by part: those from the coarsest one down whose activations
  // exceed `whole_bytes` and below which no block looks at the whole. While taps are recorded, none.
  // @param x  what the first resolution is given
  [[nodiscard]] size_t stages_in_parts(const Tensor& x, int64_t whole_bytes, const Context& ctx) const {
    if (ctx.recording()) return 0;
    size_t local = 0;
    const auto looks_around = [](const auto& block) { return block->reach().has_value(); };
    while (local < up_blocks_.size() && std::ranges::all_of(up_blocks_[local].blocks(), looks_around)) ++local;
    int64_t pixels = x.dim(0) * x.dim(1) * x.dim(2);
    for (size_t i = up_blocks_.size(); i-- > 0;) {
      for (const auto& block : up_blocks_[i].blocks())
        if (const auto reach = block->reach()) pixels *= reach->scale * reach->scale;
      const bool large =
          !up_blocks_[i].blocks().empty() && pixels * channels_[i] * static_cast<int64_t>(sizeof(float)) > whole_bytes;
      if (large && i < local) return i + 1;
    }
    return 0;
  }

  // The `fine` finest resolutions and what follows them, depth first: [B, h, w, C] to [B, H, W, in_channels].
  [[nodiscard]] Tensor in_parts(const Tensor& x, size_t fine, int64_t part_bytes, Context& ctx) const {
    std::vector<RowStep> steps;
    for (size_t i = fine; i-- > 0;)
      for (const auto& block : up_blocks_[i].blocks())
        steps.push_back({.halo = block->reach()->halo,
                         .scale = block->reach()->scale,
                         .channels = channels_[i],
                         .fn = [&block, &ctx](Tensor rows) { return block->forward(std::move(rows), ctx); }});
    steps.push_back(
        {.halo = 1, .scale = pixel_scale(), .channels = pixel_channels_, .fn = [this, &ctx](const Tensor& rows) {
           return to_pixels(rows, ctx);
         }});
    return depth_first(x, steps, part_bytes, ctx);
  }

  [[nodiscard]] Tensor to_pixels(const Tensor& x, Context& ctx) const {
    const auto last = [&](const Tensor& rows) {
      const Tensor normed = norm_out_.forward(rows, ctx, {}, conv_act_);
      return conv_out_ ? conv_out_->forward(normed, ctx) : up_out_->forward(normed, ctx);
    };
    const Band band = {
        .halo = 1, .scale = pixel_scale(), .row_bytes = x.dim(2) * x.dim(3) * static_cast<int64_t>(sizeof(float))};
    return banded(x, band, last, ctx);
  }
  [[nodiscard]] int64_t pixel_scale() const { return conv_out_ ? 1 : 2; }

  std::vector<int64_t> channels_;  // of each resolution
  int64_t pixel_channels_;
  nn::Conv2d conv_in_;
  int64_t in_repeats_ = 0;  // 0: no shortcut
  std::vector<Stage> up_blocks_;
  nn::RmsNorm norm_out_;
  ops::Activation conv_act_;
  std::optional<nn::Conv2d> conv_out_;
  std::optional<DCUpBlock2d> up_out_;
};

// ---- AutoencoderDC

AutoencoderDC::AutoencoderDC(const AutoencoderDCConfig& config, const std::shared_ptr<io::Weights>& weights,
                             std::optional<DType> storage, Halves halves)
    : config_(config) {
  const nn::Scope scope(weights, storage);
  if (halves != Halves::kEncoder) {
    decoder_ = std::make_unique<DCDecoder>(config, scope / "decoder");
  } else {
    weights->ignore("decoder.");
  }
  if (halves != Halves::kDecoder) {
    encoder_ = std::make_unique<DCEncoder>(config, scope / "encoder");
  } else {
    weights->ignore("encoder.");
  }
}

AutoencoderDC::~AutoencoderDC() = default;

Tensor AutoencoderDC::decode(const Tensor& z, Context& ctx) const {
  SWAN_ASSERT(decoder_ != nullptr);
  check_rank("AutoencoderDC", "latents", z, 4);
  if (tiling_) {
    const TileAxes axes = decoding_axes(*tiling_, config_.spatial_compression_ratio());
    if (axes.needed_for(z))
      return tiled(
          z, axes, [&](const Tensor& tile) { return decoder_->forward(tile, limits_, ctx); }, ctx);
  }
  return decoder_->forward(z, limits_, ctx);
}

Tensor AutoencoderDC::encode(const Tensor& x, Context& ctx) const {
  SWAN_ASSERT(encoder_ != nullptr);
  check_rank("AutoencoderDC", "picture", x, 4);
  const int64_t ratio = config_.spatial_compression_ratio();
  if (x.dim(2) % ratio != 0 || x.dim(3) % ratio != 0)
    fail(ErrorCode::kShapeMismatch, "AutoencoderDC: a picture of {} x {} pixels is not a multiple of {}.", x.dim(3),
         x.dim(2), ratio);
  if (tiling_) {
    const TileAxes axes = encoding_axes(*tiling_, ratio);
    if (axes.needed_for(x))
      return tiled(
          x, axes, [&](const Tensor& tile) { return encoder_->forward(tile, ctx); }, ctx);
  }
  return encoder_->forward(x, ctx);
}

}  // namespace swan::models
