// Tiny autoencoders against plain loops over whole clips, written from taesd.py and taehv.py: each entry of the
// sequence on all frames before the next. Channels are few; the layouts are those of taesana_decoder and taew2_1.
#include "models/autoencoder_tiny.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "core/allocator.h"
#include "core/generator.h"
#include "io/safetensors.h"
#include "support/close.h"
#include "support/device.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"
#include "support/tiny_decoder.h"

namespace swan::models {
namespace {

using Tensors = std::map<std::string, Tensor>;

// Planes of one frame, in f64.
struct Planes {
  int64_t channels = 0, height = 0, width = 0;
  std::vector<double> values = {};
  [[nodiscard]] double at(int64_t c, int64_t y, int64_t x) const {
    if (y < 0 || x < 0 || y >= height || x >= width) return 0;
    return values[static_cast<size_t>((c * height + y) * width + x)];
  }
};
using Clip = std::vector<Planes>;

Planes convolve(const Planes& in, const Tensor& weight, const Tensor& bias) {
  const int64_t kernel = weight.dim(2), inputs = weight.dim(1);
  Planes out{weight.dim(0), in.height, in.width};
  for (int64_t o = 0; o < out.channels; ++o)
    for (int64_t y = 0; y < in.height; ++y)
      for (int64_t x = 0; x < in.width; ++x) {
        double sum = bias.defined() ? bias.data<float>()[o] : 0;
        for (int64_t c = 0; c < inputs; ++c)
          for (int64_t i = 0; i < kernel; ++i)
            for (int64_t j = 0; j < kernel; ++j)
              sum += static_cast<double>(weight.data<float>()[((o * inputs + c) * kernel + i) * kernel + j]) *
                     in.at(c, y + i - kernel / 2, x + j - kernel / 2);
        out.values.push_back(sum);
      }
  return out;
}

Planes relu(Planes x) {
  for (double& v : x.values) v = std::max(v, 0.0);
  return x;
}

Planes doubled(const Planes& x) {
  Planes out{x.channels, 2 * x.height, 2 * x.width};
  for (int64_t c = 0; c < out.channels; ++c)
    for (int64_t y = 0; y < out.height; ++y)
      for (int64_t i = 0; i < out.width; ++i) out.values.push_back(x.at(c, y / 2, i / 2));
  return out;
}

Planes stacked(Planes a, const Planes& b) {
  a.channels += b.channels;
  a.values.insert(a.values.end(), b.values.begin(), b.values.end());
  return a;
}

// A decoder with random weights.
class Oracle {
 public:
  Oracle(const support::TinyDecoderKind& kind, const std::string& prefix)
      : tensors(support::TinyDecoderWeights(kind, prefix).tensors), kind_(kind), prefix_(prefix) {}

  Tensors tensors;

  // Frames in [0, 1] as [-1, 1], as taehv.py's parallel form makes them; of pictures there is one, unclamped.
  [[nodiscard]] std::vector<Tensor> decode(const Tensor& z) const {
    Clip clip;
    const int64_t count = z.rank() == 5 ? z.dim(2) : 1, plane = z.dim(-2) * z.dim(-1);
    for (int64_t t = 0; t < count; ++t) {
      Planes frame{z.dim(1), z.dim(-2), z.dim(-1)};
      for (int64_t c = 0; c < frame.channels; ++c)
        for (int64_t p = 0; p < plane; ++p)
          frame.values.push_back(std::tanh(z.data<float>()[(c * count + t) * plane + p] / 3.0) * 3);
      clip.push_back(std::move(frame));
    }
    int64_t i = 1;
    each(clip, [&](const Planes& x) { return relu(convolve(x, get(1, "weight"), get(1, "bias"))); });
    i = 3;
    for (size_t s = 0; s + 1 < kind_.channels.size(); ++s) {
      for (int64_t b = 0; b < kind_.blocks; ++b) block(clip, i++);
      each(clip, doubled);
      ++i;
      if (kind_.video) {
        Clip grown;
        for (const Planes& x : clip) {
          const Planes made = convolve(x, get(i, "conv.weight"), {});
          const auto size = static_cast<ptrdiff_t>(x.values.size());
          for (int64_t f = 0; f < kind_.grow[s]; ++f)
            grown.push_back({x.channels,
                             x.height,
                             x.width,
                             {made.values.begin() + f * size, made.values.begin() + (f + 1) * size}});
        }
        clip = std::move(grown);
        ++i;
      }
      each(clip, [&](const Planes& x) { return convolve(x, get(i, "weight"), {}); });
      ++i;
    }
    if (kind_.video) {
      each(clip, relu);
      ++i;
    } else {
      block(clip, i++);
    }
    each(clip, [&](const Planes& x) { return convolve(x, get(i, "weight"), get(i, "bias")); });
    int64_t trimmed = 1;
    for (const int64_t frames : kind_.grow) trimmed *= frames;
    if (kind_.video) clip.erase(clip.begin(), clip.begin() + trimmed - 1);
    std::vector<Tensor> out;
    for (const Planes& x : clip) {
      Tensor frame = Tensor::empty({1, 3, x.height, x.width}, DType::kF32);
      for (int64_t p = 0; p < frame.numel(); ++p) {
        const double value = x.values[static_cast<size_t>(p)];
        frame.data_mut<float>()[p] = static_cast<float>((kind_.video ? std::clamp(value, 0.0, 1.0) : value) * 2 - 1);
      }
      out.push_back(std::move(frame));
    }
    return out;
  }

 private:
  [[nodiscard]] Tensor get(int64_t i, const std::string& what) const {
    return tensors.at(prefix_ + std::to_string(i) + "." + what);
  }
  template <typename Fn>
  static void each(Clip& clip, const Fn& fn) {
    for (Planes& x : clip) x = fn(x);
  }
  void block(Clip& clip, int64_t i) const {
    const Clip before = clip;
    for (size_t t = 0; t < clip.size(); ++t) {
      const Planes& x = before[t];
      Planes nothing = x;
      std::fill(nothing.values.begin(), nothing.values.end(), 0.0);
      const Planes input = kind_.video ? stacked(x, t > 0 ? before[t - 1] : nothing) : x;
      const auto conv = [&](const Planes& in, const char* at) {
        return convolve(in, get(i, std::string("conv.") + at + ".weight"), get(i, std::string("conv.") + at + ".bias"));
      };
      Planes y = conv(relu(conv(relu(conv(input, "0")), "2")), "4");
      for (size_t p = 0; p < y.values.size(); ++p) y.values[p] += x.values[p];
      clip[t] = relu(std::move(y));
    }
  }

  support::TinyDecoderKind kind_;
  std::string prefix_;
};

const support::TinyDecoderKind kSana = support::tiny_sana(5), kWan = support::tiny_wan(3);

std::shared_ptr<io::Weights> write(const support::TempDir& dir, const Tensors& tensors) {
  io::write_safetensors(dir.file("w.safetensors"), tensors);
  return io::Weights::open(dir.path(), "w", "");
}

AutoencoderTiny load(const Tensors& tensors) {
  const support::TempDir dir;
  const auto weights = write(dir, tensors);
  EXPECT_TRUE(AutoencoderTiny::is_one(*weights));
  return {weights, std::nullopt};
}

Tensor latents(const Shape& shape, uint64_t seed = 3) {
  Tensor z = Generator(seed).randn(shape);
  for (int64_t i = 0; i < z.numel(); ++i) z.data_mut<float>()[i] *= 2;  // so that the clamp counts
  return z;
}

std::vector<Tensor> frames_of(const AutoencoderTiny& vae, const Tensor& z, Context& ctx) {
  std::vector<Tensor> frames;
  vae.decode(
      z, [&](const Tensor& frame) { frames.push_back(frame.on(nullptr, DType::kF32).clone()); }, ctx);
  return frames;
}

TEST(AutoencoderTiny, DecodesPicturesAsPlainLoopsDo) {
  const Oracle oracle(kSana, "");
  const AutoencoderTiny vae = load(oracle.tensors);
  EXPECT_EQ(vae.spatial_compression_ratio(), 32);
  EXPECT_EQ(vae.temporal_compression_ratio(), 1);
  EXPECT_EQ(vae.latent_channels(), 5);
  EXPECT_FALSE(vae.is_video());
  Context ctx = support::test_context();
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {2, 3}, {3, 1}}) {
    const Tensor z = latents({1, 5, height, width});
    const Tensor x = vae.decode(z, ctx).on(nullptr, DType::kF32);
    EXPECT_EQ(x.shape(), (Shape{1, 3, 32 * height, 32 * width}));
    EXPECT_TRUE(support::close(x, oracle.decode(z)[0], 1e-4)) << height << " x " << width;
  }
}

TEST(AutoencoderTiny, DecodesAClipAsPlainLoopsDo) {
  const Oracle oracle(kWan, "decoder.");
  Tensors tensors = oracle.tensors;
  tensors["encoder.0.weight"] = latents({4, 3, 3, 3});  // is there in the published files, and left alone
  const AutoencoderTiny vae = load(tensors);
  EXPECT_EQ(vae.spatial_compression_ratio(), 8);
  EXPECT_EQ(vae.temporal_compression_ratio(), 4);
  EXPECT_TRUE(vae.is_video());
  Context ctx = support::test_context();
  for (const int64_t count : {1, 2, 5}) {
    const Tensor z = latents({1, 3, count, 3, 2});
    const std::vector<Tensor> frames = frames_of(vae, z, ctx), expected = oracle.decode(z);
    ASSERT_EQ(frames.size(), static_cast<size_t>(1 + 4 * (count - 1)));
    ASSERT_EQ(frames.size(), expected.size());
    for (size_t t = 0; t < frames.size(); ++t) EXPECT_TRUE(support::close(frames[t], expected[t], 1e-4)) << t;
  }
}

// What a frame is depends on those before it alone: a longer clip begins with the same frames, to the bit.
TEST(AutoencoderTiny, FramesComeAsTheyAreMade) {
  const AutoencoderTiny vae = load(Oracle(kWan, "decoder.").tensors);
  Context ctx = support::test_context();
  const Tensor z = latents({1, 3, 4, 2, 3});
  Tensor start = Tensor::empty({1, 3, 2, 2, 3}, DType::kF32);
  for (int64_t c = 0; c < 3; ++c) std::copy_n(z.data<float>() + c * 24, 12, start.data_mut<float>() + c * 12);
  const std::vector<Tensor> all = frames_of(vae, z, ctx), first = frames_of(vae, start, ctx);
  ASSERT_EQ(first.size(), 5U);
  for (size_t t = 0; t < first.size(); ++t) EXPECT_TRUE(support::identical(first[t], all[t])) << t;
  EXPECT_FALSE(support::identical(all[5], all[4]));
}

TEST(AutoencoderTiny, MemoryDoesNotGrowWithTheClip) {
  Context ctx = support::test_context();
  if (ctx.device() != nullptr) GTEST_SKIP() << "counts the host's allocations";
  const AutoencoderTiny vae = load(Oracle(kWan, "decoder.").tensors);
  const auto peak = [&](int64_t count) {
    CachingAllocator& allocator = CachingAllocator::cpu();
    allocator.trim();
    allocator.reset_peak();
    const auto before = allocator.stats().in_use;
    const Tensor z = latents({1, 3, count, 24, 16});
    vae.decode(
        z, [](const Tensor&) {}, ctx);
    return allocator.stats().peak - before - 2 * z.nbytes();  // the latents are kept whole, as given and clamped
  };
  (void)peak(1);  // packs the weights
  const size_t few = peak(2);
  EXPECT_GT(few, 0U);
  EXPECT_LE(peak(8), few + few / 20);
}

// Large pictures are made in parts of rows, and no bit tells.
TEST(AutoencoderTiny, PartsGiveWhatTheWholeGives) {
  AutoencoderTiny vae = load(Oracle(kSana, "").tensors);
  Context ctx = support::test_context();
  const Tensor z = latents({2, 5, 11, 2});
  const Tensor whole = vae.decode(z, ctx);
  for (const int64_t part_bytes : {int64_t{1}, int64_t{1} << 18}) {
    vae.set_decode_limits({.whole_bytes = 1 << 16, .part_bytes = part_bytes});
    const Tensor parts = vae.decode(z, ctx);
    if (ctx.device() == nullptr) {
      EXPECT_TRUE(support::identical(parts, whole));
    } else {
      EXPECT_TRUE(support::close(parts, whole, 1e-5));
    }
  }
}

TEST(AutoencoderTiny, RefusesWhatItCannotMean) {
  const support::TempDir dir;
  const auto fails = [&](const auto& change, ErrorCode code, const std::string& text) {
    Tensors tensors = Oracle(kWan, "decoder.").tensors;
    change(tensors);
    expect_error(code, {text, "w.safetensors"}, [&] { (void)AutoencoderTiny(write(dir, tensors), {}); });
  };
  fails([](Tensors& t) { t.erase("decoder.4.conv.2.bias"); }, ErrorCode::kMissingTensor, "decoder.4.conv.2.bias");
  fails([](Tensors& t) { t.erase("decoder.8.weight"); }, ErrorCode::kCorruptFile, "decoder.8.weight");
  fails([](Tensors& t) { t["decoder.99.weight"] = latents({1}); }, ErrorCode::kMissingTensor, "decoder.99.weight");
  fails(
      [](Tensors& t) {
        t["decoder.7.conv.weight"] = latents({8, 7, 1, 1});
      },
      ErrorCode::kUnsupported, "multiply frames");
  fails(
      [](Tensors& t) {
        t["decoder.4.conv.0.weight"] = latents({7, 7, 3, 3});
      },
      ErrorCode::kUnsupported, "some blocks");
  fails([](Tensors& t) { t["decoder.1.weight"] = latents({7, 3, 5, 5}); }, ErrorCode::kUnsupported, "decoder.1.weight");
  fails([](Tensors& t) { t["decoder.22.weight"] = latents({12, 5, 3, 3}); }, ErrorCode::kUnsupported, "12 channels");
  const support::TinyDecoderKind deep = {
      .video = false, .latent_channels = 2, .channels = std::vector<int64_t>(12, 2), .grow = {}, .blocks = 1};
  expect_error(ErrorCode::kUnsupported, {"more than 8 times"},
               [&] { (void)AutoencoderTiny(write(dir, support::TinyDecoderWeights(deep, "").tensors), {}); });
  EXPECT_FALSE(AutoencoderTiny::is_one(*write(dir, {{"decoder.conv_in.weight", latents({1})}})));

  Context ctx = support::test_context();
  const AutoencoderTiny film = load(Oracle(kWan, "decoder.").tensors), picture = load(Oracle(kSana, "").tensors);
  const auto ignore = [](const Tensor&) {};
  EXPECT_ANY_THROW((void)film.decode(latents({1, 3, 2, 2}), ctx));
  EXPECT_ANY_THROW(film.decode(latents({1, 4, 1, 2, 2}), ignore, ctx));
  EXPECT_ANY_THROW(picture.decode(latents({1, 5, 1, 2, 2}), ignore, ctx));
  EXPECT_ANY_THROW((void)picture.decode(latents({1, 4, 2, 2}), ctx));
}

}  // namespace
}  // namespace swan::models
