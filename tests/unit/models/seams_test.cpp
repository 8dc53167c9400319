// How much tiles show, with a trained decoder on latents of pictures: the embedded model's.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "io/config.h"
#include "io/weights.h"
#include "models/autoencoder_dc.h"
#include "support/device.h"
#include "support/paths.h"
#include "swan/image.h"

namespace swan::models {
namespace {

constexpr int64_t kSize = 768;

// Two of the embedded model's pictures as a mosaic of 256 pixels, whose own edges lie 100 pixels off the tiles'.
Tensor mosaic() {
  const std::array pictures = {read_image(support::source_path("models/reference/swan-emoji-256-0.png")),
                               read_image(support::source_path("models/reference/swan-emoji-256-1.png"))};
  constexpr int64_t kPart = 256, kShift = 100;
  Tensor x = Tensor::empty({1, 3, kSize, kSize}, DType::kF32);
  for (int64_t c = 0; c < 3; ++c)
    for (int64_t row = 0; row < kSize; ++row)
      for (int64_t column = 0; column < kSize; ++column) {
        const int64_t r = row + kShift, q = column + kShift;
        const Image& from = pictures[static_cast<size_t>((r / kPart + q / kPart) % 2)];
        const uint8_t level = from.rgb[static_cast<size_t>(((r % kPart) * kPart + q % kPart) * 3 + c)];
        x.data_mut<float>()[(c * kSize + row) * kSize + column] = static_cast<float>(level) / 127.5F - 1;
      }
  return x;
}

constexpr float kLevels = 127.5F;  // of 255 in a difference of 1

// The step from the pixel before a border to the one after it, in levels of 255: the mean of |tiled| - |whole| over
// each 32 pixels along the border, of which the largest. Where content itself has an edge the whole has it too.
double excess_step(const Tensor& tiled, const Tensor& whole, int64_t border, bool rows) {
  constexpr int64_t kRun = 32;
  const auto step = [&](const Tensor& t, int64_t c, int64_t along) {
    const auto at = [&](int64_t across) {
      return t.data<float>()[rows ? (c * kSize + across) * kSize + along : (c * kSize + along) * kSize + across];
    };
    return static_cast<double>(std::abs(at(border) - at(border - 1))) * kLevels;
  };
  double largest = -255;
  for (int64_t first = 0; first < kSize; first += kRun) {
    double excess = 0;
    for (int64_t along = first; along < first + kRun; ++along)
      for (int64_t c = 0; c < 3; ++c) excess += step(tiled, c, along) - step(whole, c, along);
    largest = std::max(largest, excess / (3 * kRun));
  }
  return largest;
}

struct Difference {
  double seam = 0;  // the largest excess_step of the borders
  double mean = 0;  // of all pixels, in levels
};

Difference compare(const Tensor& tiled, const Tensor& whole, const Tiling& tiling) {
  Difference d;
  for (int64_t border = tiling.tile_sample_stride_height; border < kSize; border += tiling.tile_sample_stride_height)
    for (const bool rows : {true, false}) d.seam = std::max(d.seam, excess_step(tiled, whole, border, rows));
  for (int64_t i = 0; i < whole.numel(); ++i) {
    d.mean += std::abs(tiled.data<float>()[i] - whole.data<float>()[i]) * kLevels / static_cast<double>(whole.numel());
  }
  return d;
}

constexpr Tiling square(int64_t size, int64_t stride) {
  return {.tile_sample_min_height = size,
          .tile_sample_min_width = size,
          .tile_sample_stride_height = stride,
          .tile_sample_stride_width = stride};
}

// Tiles that overlap by a quarter, as Swan chooses them, show no seam: the step at a border exceeds that of the picture
// decoded whole by less than a level of 255 (0.19), and pixels differ from it by 0.2 levels in the mean, since
// attention in a tile sees the tile. Tiles side by side show what the measure is to see: a step of 19 levels.
TEST(Seams, OfTilesThatOverlapAreBelowALevel) {
  const std::string vae_folder = support::source_path("models/swan-emoji-256/vae");
  const auto weights = io::Weights::open(vae_folder, "diffusion_pytorch_model", "");
  AutoencoderDC vae(AutoencoderDCConfig::parse(io::Config::read(vae_folder + "/config.json")), weights, {},
                    AutoencoderDC::Halves::kBoth);
  Context ctx = support::test_context();
  const Tensor pixels = mosaic(), z = vae.encode(pixels, ctx).cpu();
  const Tensor whole = vae.decode(z, ctx).cpu();
  // The decoder is a trained one, and these are its latents: it gives the picture back.
  double error = 0;
  for (int64_t i = 0; i < whole.numel(); ++i)
    error += std::abs(whole.data<float>()[i] - pixels.data<float>()[i]) * kLevels / static_cast<double>(whole.numel());
  EXPECT_LT(error, 6);

  const auto tiled = [&](const Tiling& tiling) {
    vae.enable_tiling(tiling);
    return compare(vae.decode(z, ctx).cpu(), whole, tiling);
  };
  const Difference overlapping = tiled(square(512, 384)), side_by_side = tiled(square(384, 384));
  EXPECT_LT(overlapping.seam, 1);
  EXPECT_LT(overlapping.mean, 0.5);
  EXPECT_GT(side_by_side.seam, 10);
}

}  // namespace
}  // namespace swan::models
