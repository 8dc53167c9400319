// Mirrors taesd.py's Decoder and F32Decoder, and the decoder of taehv.py's TAEHV: torch.nn.Sequential, whose entries
// without parameters (the clamp, ReLUs, nn.Upsample) are gaps in the numbers of the tensors.
#include "models/autoencoder_tiny.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "core/error.h"
#include "models/depth_first.h"
#include "nn/layers.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan::models {

namespace {

constexpr const char* kDecoder = "decoder.";
constexpr size_t kMostStages = 9;

std::string prefix_of(const io::Weights& weights) {
  return weights.contains(fmt::format("{}1.weight", kDecoder)) ? kDecoder : "";
}

// Block of taesd.py, and MemBlock of taehv.py, which sees the frame before too.
class Block {
 public:
  static constexpr int64_t kHalo = 3;  // rows that its three convolutions look around
  Block(const nn::Scope& s, int64_t in, int64_t out, bool memory)
      : conv0_(s / "conv" / 0, memory ? 2 * in : in, out, 3, {.padding = 1}),
        conv2_(s / "conv" / 2, out, out, 3, {.padding = 1}),
        conv4_(s / "conv" / 4, out, out, 3, {.padding = 1}),
        channels_(out) {
    if (in != out) skip_.emplace(s / "skip", in, out, 1, nn::Conv2dOptions{.bias = false});
  }
  // @param input  x, or [x, the frame before] of a MemBlock
  [[nodiscard]] Tensor forward(const Tensor& x, const Tensor& input, Context& ctx) const {
    Tensor y = conv0_.forward(input, ctx, ops::Activation::kRelu);
    y = conv2_.forward(y, ctx, ops::Activation::kRelu);
    y = conv4_.forward(y, ctx);
    return ops::activate(ops::add(y, skip_ ? skip_->forward(x, ctx) : x, ctx), ops::Activation::kRelu, ctx);
  }
  [[nodiscard]] int64_t channels() const { return channels_; }

 private:
  nn::Conv2d conv0_, conv2_, conv4_;
  std::optional<nn::Conv2d> skip_;
  int64_t channels_;
};

// tanh(x / 3) 3: latents far out are drawn in.
Tensor clamp_latents(const Tensor& z) {
  Tensor x = z.on(nullptr, DType::kF32).clone();
  auto* p = x.data_mut<float>();
  for (int64_t i = 0; i < x.numel(); ++i) p[i] = std::tanh(p[i] / 3) * 3;
  return x;
}

}  // namespace

// Blocks at one resolution, and what leads to the next.
struct AutoencoderTiny::Stage {
  std::vector<Block> blocks;
  std::optional<nn::Conv2d> grow;  // makes `frames` frames of one; of clips alone
  int64_t frames = 1;
  std::optional<nn::Conv2d> up;  // of the doubled picture; none after the last blocks
  int64_t channels = 0;          // of what `up` makes
};

// What the blocks of one clip were given last, by stage and block.
struct AutoencoderTiny::Memory {
  std::vector<std::vector<Tensor>> last;
};

bool AutoencoderTiny::is_one(const io::Weights& weights) {
  const std::string prefix = prefix_of(weights);
  return weights.contains(prefix + "1.weight") && weights.contains(prefix + "3.conv.0.weight");
}

AutoencoderTiny::AutoencoderTiny(const std::shared_ptr<io::Weights>& weights, std::optional<DType> storage) {
  read_layout(weights, storage);
}

AutoencoderTiny::~AutoencoderTiny() = default;

void AutoencoderTiny::read_layout(const std::shared_ptr<io::Weights>& weights, std::optional<DType> storage) {
  const std::string prefix = prefix_of(*weights);
  if (!prefix.empty()) weights->ignore("encoder.");
  nn::Scope scope(weights, storage);
  if (!prefix.empty()) scope = scope / "decoder";
  const auto name = [&](int64_t i, const char* what) { return fmt::format("{}{}.{}", prefix, i, what); };
  const auto has = [&](int64_t i, const char* what) { return weights->contains(name(i, what)); };
  const auto shape_of = [&](int64_t i, const char* what, int64_t kernel) {
    if (!has(i, what))
      fail(
          ErrorCode::kCorruptFile,
          "{}: not the decoder of a tiny autoencoder that Swan knows (TAESD's or TAEHV's kind): there is no tensor {}.",
          weights->description(), name(i, what));
    const Shape& shape = weights->shape(name(i, what));
    if (shape.rank() != 4 || shape[2] != kernel || shape[0] < 1)
      fail(ErrorCode::kUnsupported, "{}: tensor {} has shape {}, where a kernel of {} x {} was expected.",
           weights->description(), name(i, what), shape, kernel, kernel);
    return shape;
  };

  const Shape first = shape_of(1, "weight", 3);
  latent_channels_ = first[1];
  int64_t channels = first[0], i = 3;  // 0 is the clamp, 2 a ReLU
  conv_in_ = std::make_unique<nn::Conv2d>(scope / 1, latent_channels_, channels, 3, nn::Conv2dOptions{.padding = 1});
  for (bool more = true; more;) {
    Stage stage;
    for (; has(i, "conv.0.weight"); ++i) {
      const Shape shape = shape_of(i, "conv.0.weight", 3);
      const bool memory = shape[1] == 2 * channels;
      if (stages_.empty() && stage.blocks.empty()) video_ = memory;
      if (memory != video_)
        fail(ErrorCode::kUnsupported, "{}: tensor {} has shape {}: some blocks look at the frame before, others not.",
             weights->description(), name(i, "conv.0.weight"), shape);
      stage.blocks.emplace_back(scope / i, channels, shape[0], memory);
      channels = shape[0];
    }
    // A gap is nn.Upsample, which a convolution without a bias follows, after one over time perhaps; or the last ReLU.
    if (has(i, "weight") || has(i + 1, "bias")) {
      more = false;
      relu_out_ = !has(i, "weight");
      i += relu_out_ ? 1 : 0;
    } else {
      ++i;
      if (has(i, "conv.weight")) {
        const Shape shape = shape_of(i, "conv.weight", 1);
        stage.frames = shape[0] / channels;
        if (stage.frames < 1 || stage.frames > 16 || stage.frames * channels != shape[0])
          fail(ErrorCode::kUnsupported, "{}: tensor {} has shape {}, which does not multiply frames of {} channels.",
               weights->description(), name(i, "conv.weight"), shape, channels);
        stage.grow.emplace(scope / i / "conv", channels, shape[0], 1, nn::Conv2dOptions{.bias = false});
        ++i;
      }
      stage.channels = shape_of(i, "weight", 3)[0];
      stage.up.emplace(scope / i, channels, stage.channels, 3,
                       nn::Conv2dOptions{.padding = 1, .bias = false, .upsample = true});
      channels = stage.channels;
      ++i;
    }
    stages_.push_back(std::move(stage));
    if (stages_.size() > kMostStages)
      fail(ErrorCode::kUnsupported, "{}: a tiny autoencoder that doubles pictures more than {} times.",
           weights->description(), kMostStages - 1);
  }
  const Shape last = shape_of(i, "weight", 3);
  if (last[0] != 3)
    fail(ErrorCode::kUnsupported, "{}: a tiny autoencoder that makes {} channels of a pixel; Swan has those of 3.",
         weights->description(), last[0]);
  conv_out_ = std::make_unique<nn::Conv2d>(scope / i, channels, 3, 3, nn::Conv2dOptions{.padding = 1});
  weights->finish();
  // It makes values in [0, 1], and pictures are in [-1, 1] here.
  conv_out_->fold_affine(Tensor::full({3}, 2.0F), Tensor::full({3}, -1.0F));
}

int64_t AutoencoderTiny::spatial_compression_ratio() const noexcept { return int64_t{1} << (stages_.size() - 1); }

int64_t AutoencoderTiny::temporal_compression_ratio() const noexcept {
  int64_t frames = 1;
  for (const Stage& stage : stages_) frames *= stage.frames;
  return frames;
}

Tensor AutoencoderTiny::first(const Tensor& z, Context& ctx) const {
  return conv_in_->forward(ops::nchw_to_nhwc(ctx.to_compute(z), ctx), ctx, ops::Activation::kRelu);
}

Tensor AutoencoderTiny::to_pixels(const Tensor& x, Context& ctx) const {
  return conv_out_->forward(relu_out_ ? ops::activate(x, ops::Activation::kRelu, ctx) : x, ctx);
}

// ---- Pictures

Tensor AutoencoderTiny::decode(const Tensor& z, Context& ctx) const {
  check_rank("AutoencoderTiny", "latents", z, 4);
  if (z.dim(1) != latent_channels_ || video_)
    fail(ErrorCode::kShapeMismatch, "AutoencoderTiny: latents {} are not pictures of {} channels{}.", z.shape(),
         latent_channels_, video_ ? ", and the decoder is one of clips" : "");
  Tensor x = first(clamp_latents(z), ctx);
  std::vector<RowStep> steps;
  for (const Stage& stage : stages_) {
    for (const Block& block : stage.blocks)
      steps.push_back({.halo = Block::kHalo, .channels = block.channels(), .fn = [&block, &ctx](const Tensor& rows) {
                         return block.forward(rows, rows, ctx);
                       }});
    if (stage.up)
      steps.push_back({.halo = 1, .scale = 2, .channels = stage.channels, .fn = [&stage, &ctx](const Tensor& rows) {
                         return stage.up->forward(rows, ctx);
                       }});
  }
  steps.push_back({.halo = 1, .channels = 3, .fn = [this, &ctx](const Tensor& rows) { return to_pixels(rows, ctx); }});
  // As AutoencoderDC: from the first result that is too large on, part by part.
  size_t at = 0;
  int64_t pixels = x.dim(0) * x.dim(1) * x.dim(2);
  for (; at < steps.size(); ++at) {
    pixels *= steps[at].scale * steps[at].scale;
    if (pixels * steps[at].channels * static_cast<int64_t>(sizeof(float)) > limits_.whole_bytes) break;
    ctx.check_cancelled();
    x = steps[at].fn(std::move(x));
  }
  if (at < steps.size()) x = depth_first(x, std::span(steps).subspan(at), limits_.part_bytes, ctx);
  return ops::nhwc_to_nchw(x, ctx);
}

// ---- Clips

// Depth first: at full size there is one frame at a time. Multiplying frames is a product within each pixel, so that it
// may come before the picture is doubled.
void AutoencoderTiny::through(size_t at, Tensor x, Memory& memory, const std::function<void(const Tensor&)>& sink,
                              Context& ctx) const {
  const Stage& stage = stages_[at];
  std::vector<Tensor>& last = memory.last[at];
  last.resize(stage.blocks.size());
  for (size_t i = 0; i < stage.blocks.size(); ++i) {
    ctx.check_cancelled();
    const Tensor past = last[i].defined() ? last[i] : Tensor::zeros(x.shape(), x.dtype()).on(x.device());
    Tensor y = stage.blocks[i].forward(x, ops::concat_channels(x, past, ctx), ctx);
    last[i] = std::exchange(x, std::move(y));
  }
  if (!stage.up) {
    sink(x);
    return;
  }
  const int64_t channels = x.dim(3);
  const Tensor grown = stage.grow ? stage.grow->forward(x, ctx) : x;
  x = {};
  for (int64_t f = 0; f < stage.frames; ++f) {
    const Tensor frame = stage.frames == 1 ? grown : ops::slice_channels(grown, f * channels, (f + 1) * channels, ctx);
    through(at + 1, stage.up->forward(frame, ctx), memory, sink, ctx);
  }
}

void AutoencoderTiny::decode(const Tensor& z, const std::function<void(const Tensor&)>& frame, Context& ctx) const {
  check_rank("AutoencoderTiny", "latents", z, 5);
  if (z.dim(0) != 1 || z.dim(1) != latent_channels_ || z.dim(2) < 1 || !video_)
    fail(ErrorCode::kShapeMismatch, "AutoencoderTiny: latents {} are not one clip of {} channels{}.", z.shape(),
         latent_channels_, video_ ? "" : ", and the decoder is one of pictures");
  const int64_t channels = z.dim(1), count = z.dim(2), height = z.dim(3), width = z.dim(4);
  const Tensor clip = clamp_latents(z);
  Memory memory;
  memory.last.resize(stages_.size());
  // A clip's first latent frame stands for one frame, the last of those made of it.
  int64_t dropped = temporal_compression_ratio() - 1;
  for (int64_t t = 0; t < count; ++t) {
    Tensor planes = Tensor::empty({1, channels, height, width}, DType::kF32);
    for (int64_t c = 0; c < channels; ++c)
      std::copy_n(clip.data<float>() + (c * count + t) * height * width, height * width,
                  planes.data_mut<float>() + c * height * width);
    through(
        0, first(planes, ctx), memory,
        [&](const Tensor& x) {
          if (dropped-- > 0) return;
          frame(ops::clamp(ops::nhwc_to_nchw(to_pixels(x, ctx), ctx), -1, 1, ctx));
        },
        ctx);
  }
}

}  // namespace swan::models
