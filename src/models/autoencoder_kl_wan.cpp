// Mirrors diffusers 0.42 models/autoencoders/autoencoder_kl_wan.py: WanEncoder3d, WanDecoder3d and AutoencoderKLWan.
#include "models/autoencoder_kl_wan.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/error.h"
#include "models/wan_vae_blocks.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

AutoencoderKLWanConfig AutoencoderKLWanConfig::parse(const io::Config& c) {
  AutoencoderKLWanConfig a{};
  a.base_dim = c.get_in("base_dim", 96, 2, 4096);
  a.decoder_base_dim = c.get_in("decoder_base_dim", a.base_dim, 2, 4096);
  a.z_dim = c.get_in("z_dim", 16, 1, 1024);
  a.in_channels = c.get_in("in_channels", 3, 1, 64);
  a.out_channels = c.get_in("out_channels", 3, 1, 64);
  a.num_res_blocks = c.get_in("num_res_blocks", 2, 1, 16);
  a.dim_mult = c.get_list_in("dim_mult", {1, 2, 4, 4}, 1, 64);
  a.temperal_downsample = c.get<std::vector<bool>>("temperal_downsample", {false, true, true});
  if (a.dim_mult.size() < 2 || a.dim_mult.size() > 8) c.wrong("dim_mult", "2 to 8 entries are needed");
  if (a.temperal_downsample.size() != a.dim_mult.size() - 1)
    c.wrong("temperal_downsample", "one entry fewer than in dim_mult is needed");
  a.latents_mean =
      c.get<std::vector<double>>("latents_mean", {-0.7571, -0.7089, -0.9113, 0.1075, -0.1745, 0.9653, -0.1517, 1.5508,
                                                  0.4134, -0.0715, 0.5517, -0.3632, -0.1922, -0.9497, 0.2503, -0.2921});
  a.latents_std =
      c.get<std::vector<double>>("latents_std", {2.8184, 1.4541, 2.3275, 2.6558, 1.2196, 1.7708, 2.6052, 2.0743, 3.2687,
                                                 2.1526, 2.8652, 1.5579, 1.6382, 1.1253, 2.8251, 1.9160});
  for (const char* key : {"latents_mean", "latents_std"})
    if (static_cast<int64_t>((key[8] == 'm' ? a.latents_mean : a.latents_std).size()) != a.z_dim)
      c.wrong(key, "one number for each of z_dim is needed");
  if (std::any_of(a.latents_std.begin(), a.latents_std.end(), [](double s) { return !(s > 0); }))
    c.wrong("latents_std", "positive numbers are needed");
  if (c.get<bool>("is_residual", false) || c.has("patch_size"))
    fail(ErrorCode::kUnsupported, "{}: an autoencoder of Wan 2.2 (is_residual, patch_size); Swan has Wan 2.1's.",
         c.path());
  const auto& scales = c.json().contains("attn_scales") ? c.json().at("attn_scales") : nlohmann::json::array();
  if (!scales.is_null() && !scales.empty())
    fail(ErrorCode::kUnsupported, "{}: 'attn_scales' is not supported; no Wan model has any.", c.path());
  for (const auto& [key, ratio, expected] :
       {std::tuple("scale_factor_spatial", a.spatial_compression_ratio(), "what dim_mult implies"),
        std::tuple("scale_factor_temporal", a.temporal_compression_ratio(), "what temperal_downsample implies")})
    if (c.get_in(key, ratio, 1, 1024) != ratio) c.wrong(key, expected);
  return a;
}

int64_t AutoencoderKLWanConfig::temporal_compression_ratio() const {
  return int64_t{1} << std::count(temperal_downsample.begin(), temperal_downsample.end(), true);
}

// ---- WanEncoder3d

class WanEncoder3d : public WanModule {
 public:
  WanEncoder3d(const AutoencoderKLWanConfig& c, const nn::Scope& s)
      : WanModule(s),
        conv_in_(s / "conv_in", c.in_channels, c.base_dim),
        mid_block_(s / "mid_block", c.base_dim * c.dim_mult.back()),
        norm_out_(s / "norm_out", c.base_dim * c.dim_mult.back(), 3),
        conv_out_(s / "conv_out", c.base_dim * c.dim_mult.back(), 2 * c.z_dim) {
    int64_t dim = c.base_dim;
    const auto next = [&] { return s / "down_blocks" / static_cast<int64_t>(down_blocks_.size()); };
    for (size_t i = 0; i < c.dim_mult.size(); ++i) {
      const int64_t out = c.base_dim * c.dim_mult[i];
      for (int64_t n = 0; n < c.num_res_blocks; ++n) {
        down_blocks_.push_back(std::make_unique<WanResidualBlock>(next(), dim, out));
        dim = out;
      }
      if (i + 1 < c.dim_mult.size())
        down_blocks_.push_back(std::make_unique<WanDownsample>(next(), out, c.temperal_downsample[i]));
    }
  }

  /// The frames of one latent frame, [1, H, W, 3] each, to that, [1, h, w, 2 z].
  [[nodiscard]] std::vector<WanFrame> forward(std::vector<WanFrame> frames, WanFeatureCache& cache,
                                              Context& ctx) const {
    for (WanFrame& frame : frames) frame = conv_in_.forward(frame, cache, ctx);
    for (const auto& block : down_blocks_) {
      ctx.check_cancelled();
      frames = through(*block, std::move(frames), cache, ctx);
      block->tap_clip(ctx, frames);
    }
    frames = through(mid_block_, std::move(frames), cache, ctx);
    mid_block_.tap_clip(ctx, frames);
    for (WanFrame& frame : frames)
      frame = conv_out_.forward(norm_out_.forward(frame, ops::Activation::kSilu, ctx), cache, ctx);
    return frames;
  }

 private:
  static std::vector<WanFrame> through(const WanBlock& block, std::vector<WanFrame> frames, WanFeatureCache& cache,
                                       Context& ctx) {
    std::vector<WanFrame> out;
    for (WanFrame& frame : frames)
      for (WanFrame& made : block.forward(std::move(frame), cache, ctx)) out.push_back(std::move(made));
    return out;
  }

  WanCausalConv3d conv_in_;
  std::vector<std::unique_ptr<WanBlock>> down_blocks_;
  WanMidBlock mid_block_;
  WanRMSNorm norm_out_;
  WanCausalConv3d conv_out_;
};

// ---- WanUpBlock

class WanUpBlock : public WanBlock {
 public:
  WanUpBlock(const nn::Scope& s, int64_t in, int64_t out, int64_t num_res_blocks, bool up, bool time) : WanBlock(s) {
    for (int64_t n = 0; n <= num_res_blocks; ++n)
      resnets_.push_back(std::make_unique<WanResidualBlock>(s / "resnets" / n, n == 0 ? in : out, out));
    if (up) upsampler_ = std::make_unique<WanUpsample>(s / "upsamplers" / 0, out, time);
  }
  [[nodiscard]] std::vector<WanFrame> forward(WanFrame x, WanFeatureCache& cache, Context& ctx) const override {
    for (const auto& resnet : resnets_) {
      ctx.check_cancelled();
      x = resnet->forward(std::move(x), cache, ctx)[0];
    }
    if (!upsampler_) return {x};
    return upsampler_->forward(std::move(x), cache, ctx);
  }

 private:
  std::vector<std::unique_ptr<WanResidualBlock>> resnets_;
  std::unique_ptr<WanUpsample> upsampler_;
};

// ---- WanDecoder3d

class WanDecoder3d : public WanModule {
 public:
  WanDecoder3d(const AutoencoderKLWanConfig& c, const nn::Scope& s)
      : WanModule(s),
        conv_in_(s / "conv_in", c.z_dim, c.decoder_base_dim * c.dim_mult.back()),
        mid_block_(s / "mid_block", c.decoder_base_dim * c.dim_mult.back()),
        norm_out_(s / "norm_out", c.decoder_base_dim * c.dim_mult.front(), 3),
        conv_out_(s / "conv_out", c.decoder_base_dim * c.dim_mult.front(), c.out_channels) {
    int64_t dim = c.decoder_base_dim * c.dim_mult.back();
    for (size_t i = 0; i < c.dim_mult.size(); ++i) {
      const int64_t out = c.decoder_base_dim * c.dim_mult[c.dim_mult.size() - 1 - i];
      const bool up = i + 1 < c.dim_mult.size();
      const bool time = up && c.temperal_downsample[c.temperal_downsample.size() - 1 - i];
      up_blocks_.push_back(std::make_unique<WanUpBlock>(s / "up_blocks" / static_cast<int64_t>(i), dim, out,
                                                        c.num_res_blocks, up, time));
      dim = out / 2;
    }
  }

  /// What a clip's frames leave for those after them, by stage.
  struct Cache {
    WanFeatureCache in, mid, out;
    std::vector<WanFeatureCache> up;
  };

  /// z [1, h, w, z_dim], one latent frame; `sink` gets the frames it becomes, [1, H, W, 3].
  /// @param last  no more will come: what the stages remember is given back as soon as each is through
  void forward(const WanFrame& z, Cache& cache, bool last, const std::function<void(WanFrame)>& sink,
               Context& ctx) const {
    cache.up.resize(up_blocks_.size());
    WanFrame x = conv_in_.forward(z, cache.in, ctx);
    tap_clip(ctx, {x}, "conv_in");
    std::vector<WanFrame> frames = mid_block_.forward(std::move(x), cache.mid, ctx);
    mid_block_.tap_clip(ctx, frames);
    // With taps all frames go through one block after the other: what the reference's hooks see. So they do on the last
    // latent frame, up to the last block: only that one's memories and the frames before it are there at once then.
    const size_t together = ctx.recording() ? up_blocks_.size() : (last ? up_blocks_.size() - 1 : 0);
    for (size_t i = 0; i < together; ++i) {
      std::vector<WanFrame> made;
      for (WanFrame& frame : frames)
        for (WanFrame& m : up_blocks_[i]->forward(std::exchange(frame, {}), cache.up[i], ctx))
          made.push_back(std::move(m));
      up_blocks_[i]->tap_clip(ctx, made);
      frames = std::move(made);
      if (last) cache.up[i] = {};
    }
    for (WanFrame& frame : frames) up(together, std::exchange(frame, {}), cache, sink, ctx);
  }

 private:
  // Depth first: at full size there is one frame at a time.
  void up(size_t i, WanFrame x, Cache& cache, const std::function<void(WanFrame)>& sink, Context& ctx) const {
    if (i == up_blocks_.size()) {
      x = norm_out_.forward(x, ops::Activation::kSilu, ctx);
      sink(conv_out_.forward(x, cache.out, ctx));
      return;
    }
    std::vector<WanFrame> frames = up_blocks_[i]->forward(std::move(x), cache.up[i], ctx);
    for (WanFrame& frame : frames) up(i + 1, std::exchange(frame, {}), cache, sink, ctx);
  }

  WanCausalConv3d conv_in_;
  WanMidBlock mid_block_;
  std::vector<std::unique_ptr<WanUpBlock>> up_blocks_;
  WanRMSNorm norm_out_;
  WanCausalConvOut conv_out_;
};

// ---- AutoencoderKLWan

AutoencoderKLWan::AutoencoderKLWan(const AutoencoderKLWanConfig& config, const std::shared_ptr<io::Weights>& weights,
                                   std::optional<DType> storage, Halves halves)
    : Module(nn::Scope(weights, storage)), config_(config) {
  const nn::Scope scope(weights, storage);
  const int64_t z = config.z_dim;
  if (halves != Halves::kEncoder) {
    decoder_ = std::make_unique<WanDecoder3d>(config, scope / "decoder");
    post_quant_conv_ = std::make_unique<nn::Linear>(scope / "post_quant_conv", Shape{z, z, 1, 1, 1});
  } else {
    weights->ignore("decoder.");
    weights->ignore("post_quant_conv.");
  }
  if (halves != Halves::kDecoder) {
    encoder_ = std::make_unique<WanEncoder3d>(config, scope / "encoder");
    quant_conv_ = std::make_unique<nn::Linear>(scope / "quant_conv", Shape{2 * z, 2 * z, 1, 1, 1});
  } else {
    weights->ignore("encoder.");
    weights->ignore("quant_conv.");
  }
}

AutoencoderKLWan::~AutoencoderKLWan() = default;

namespace {

// Frames [begin, end) of [1, C, T, H, W], as [1, H, W, C] each: what clip_of puts together.
std::vector<WanFrame> frames_of(const Tensor& video, int64_t begin, int64_t end, Context& ctx) {
  const Tensor clip = video.on(nullptr, DType::kF32);
  const int64_t channels = clip.dim(1), count = clip.dim(2), height = clip.dim(3), width = clip.dim(4);
  std::vector<WanFrame> frames;
  for (int64_t t = begin; t < end; ++t) {
    Tensor planes = Tensor::empty({1, channels, height, width}, DType::kF32);
    for (int64_t c = 0; c < channels; ++c)
      std::memcpy(planes.data_mut<float>() + c * height * width, clip.data<float>() + (c * count + t) * height * width,
                  static_cast<size_t>(height * width) * sizeof(float));
    frames.push_back(ops::nchw_to_nhwc(ctx.to_compute(planes), ctx));
  }
  return frames;
}

}  // namespace

// Frames as the decoder gives them, unclamped, [1, 3, H, W].
void AutoencoderKLWan::decode_clip(const Tensor& z, const std::function<void(const Tensor&)>& frame,
                                   Context& ctx) const {
  std::vector<WanFrame> latents = frames_of(z, 0, z.dim(2), ctx);
  for (WanFrame& latent : latents) latent = post_quant_conv_->forward(latent, ctx);
  if (ctx.recording()) ctx.tap("post_quant_conv", clip_of(latents, ctx));
  WanDecoder3d::Cache cache;
  for (size_t t = 0; t < latents.size(); ++t)
    decoder_->forward(
        latents[t], cache, t + 1 == latents.size(), [&](const WanFrame& made) { frame(ops::nhwc_to_nchw(made, ctx)); },
        ctx);
}

void AutoencoderKLWan::decode(const Tensor& z, const std::function<void(const Tensor&)>& frame, Context& ctx) const {
  SWAN_ASSERT(decoder_ != nullptr);
  check_rank("AutoencoderKLWan", "latents", z, 5);
  if (z.dim(0) != 1 || z.dim(1) != config_.z_dim || z.dim(2) < 1)
    fail(ErrorCode::kShapeMismatch, "AutoencoderKLWan: latents {} are not one clip of {} channels.", z.shape(),
         config_.z_dim);
  const auto clamped = [&](const Tensor& raw) { frame(ops::clamp(raw, -1, 1, ctx)); };
  const std::optional<TileAxes> axes =
      tiling_ ? std::optional(decoding_axes(*tiling_, config_.spatial_compression_ratio())) : std::nullopt;
  if (!axes || !axes->needed_for(z)) {
    decode_clip(z, clamped, ctx);
    return;
  }
  // Frames are channels to the tiling: each tile is decoded in time, then all its frames are blended at once.
  const int64_t latent_frames = z.dim(2), channels = config_.out_channels;
  const auto decode_tile = [&](const Tensor& tile) {
    std::vector<Tensor> frames;  // [1, 3, H, W] each
    decode_clip(
        tile.reshape({1, config_.z_dim, latent_frames, tile.dim(2), tile.dim(3)}),
        [&](const Tensor& made) { frames.push_back(made); }, ctx);
    const int64_t height = frames[0].dim(2), width = frames[0].dim(3);
    return ops::concat_rows(frames, ctx).reshape({1, static_cast<int64_t>(frames.size()) * channels, height, width});
  };
  const Tensor all = tiled(z.reshape({1, config_.z_dim * latent_frames, z.dim(3), z.dim(4)}), *axes, decode_tile,
                           ctx);  // [1, F 3, H, W]
  const Tensor frames = all.reshape({all.dim(1) / channels, channels, all.dim(2), all.dim(3)});
  for (int64_t f = 0; f < frames.dim(0); ++f) clamped(frames.slice(f, f + 1));
}

Tensor AutoencoderKLWan::decode(const Tensor& z, Context& ctx) const {
  check_rank("AutoencoderKLWan", "latents", z, 5);
  const int64_t frames = 1 + (z.dim(2) - 1) * config_.temporal_compression_ratio();
  Tensor out;
  for (int64_t b = 0; b < z.dim(0); ++b) {
    Tensor clip;
    int64_t t = 0;
    decode(
        z.slice(b, b + 1),
        [&](const Tensor& made) {
          const Tensor frame = made.on(nullptr, DType::kF32);
          if (!clip.defined()) clip = Tensor::empty({1, frame.dim(1), frames, frame.dim(2), frame.dim(3)}, DType::kF32);
          put_frame(frame, clip, t++);
        },
        ctx);
    if (!out.defined()) out = Tensor::empty({z.dim(0), clip.dim(1), frames, clip.dim(3), clip.dim(4)}, DType::kF32);
    std::memcpy(out.data_mut<float>() + b * clip.numel(), clip.data<float>(), clip.nbytes());
  }
  return out;
}

Tensor AutoencoderKLWan::encode_clip(const Tensor& x, Context& ctx) const {
  const Tensor clip = x.on(nullptr, DType::kF32);
  WanFeatureCache cache;
  std::vector<WanFrame> latents;
  const int64_t step = config_.temporal_compression_ratio();
  for (int64_t first = 0; first < clip.dim(2); first += first == 0 ? 1 : step) {
    const int64_t end = std::min(clip.dim(2), first == 0 ? 1 : first + step);
    for (WanFrame& made : encoder_->forward(frames_of(clip, first, end, ctx), cache, ctx))
      latents.push_back(quant_conv_->forward(made, ctx));
  }
  Tensor moments = clip_of(latents, ctx);
  if (ctx.recording()) ctx.tap("quant_conv", moments);
  return moments;
}

Tensor AutoencoderKLWan::encode(const Tensor& x, Context& ctx) const {
  SWAN_ASSERT(encoder_ != nullptr);
  check_rank("AutoencoderKLWan", "clip", x, 5);
  const int64_t ratio = config_.spatial_compression_ratio(), step = config_.temporal_compression_ratio();
  if (x.dim(1) != config_.in_channels || x.dim(2) < 1 || (x.dim(2) - 1) % step != 0 || x.dim(3) % ratio != 0 ||
      x.dim(4) % ratio != 0)
    fail(
        ErrorCode::kShapeMismatch,
        "AutoencoderKLWan: a clip {} is not [batch, {}, 1 + {} n frames, height, width] with sizes in multiples of {}.",
        x.shape(), config_.in_channels, step, ratio);
  const std::optional<TileAxes> axes = tiling_ ? std::optional(encoding_axes(*tiling_, ratio)) : std::nullopt;
  std::vector<Tensor> clips;
  for (int64_t b = 0; b < x.dim(0); ++b) {
    const Tensor clip = x.slice(b, b + 1);
    if (!axes || !axes->needed_for(x)) {
      clips.push_back(encode_clip(clip, ctx));
      continue;
    }
    const auto encode_tile = [&](const Tensor& tile) {
      const Tensor made = encode_clip(tile.reshape({1, config_.in_channels, x.dim(2), tile.dim(2), tile.dim(3)}), ctx);
      return made.reshape({1, made.dim(1) * made.dim(2), made.dim(3), made.dim(4)});
    };
    const Tensor all =
        tiled(clip.reshape({1, config_.in_channels * x.dim(2), x.dim(3), x.dim(4)}), *axes, encode_tile, ctx);
    clips.push_back(all.reshape({1, 2 * config_.z_dim, -1, all.dim(2), all.dim(3)}));
  }
  return ops::concat_rows(clips, ctx);
}

}  // namespace swan::models
