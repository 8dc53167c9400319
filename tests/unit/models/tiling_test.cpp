#include "models/tiling.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "core/generator.h"
#include "cpu/kernels.h"
#include "models/autoencoder_dc.h"
#include "support/close.h"
#include "support/device.h"
#include "support/golden.h"

namespace swan::models {
namespace {

constexpr TileAxis kAxis = {.in_min = 4, .in_stride = 3, .out_min = 8, .out_stride = 6};

Tensor doubled(const Tensor& x) {
  Tensor y = Tensor::empty({x.dim(0), x.dim(1), x.dim(2) * 2, x.dim(3) * 2}, DType::kF32);
  for (int64_t p = 0; p < x.dim(0) * x.dim(1); ++p)
    for (int64_t r = 0; r < y.dim(2); ++r)
      for (int64_t c = 0; c < y.dim(3); ++c)
        y.data_mut<float>()[(p * y.dim(2) + r) * y.dim(3) + c] =
            x.data<float>()[(p * x.dim(2) + r / 2) * x.dim(3) + c / 2];
  return y;
}

TEST(Tiled, PutsAPictureBackTogether) {
  Context ctx = support::test_context();
  for (const auto& [height, width] : {std::pair<int64_t, int64_t>{1, 1}, {4, 4}, {5, 9}, {13, 3}, {12, 12}}) {
    Tensor x = Tensor::empty({2, 3, height, width}, DType::kF32);
    for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] = static_cast<float>(i % 37);
    const Tensor y = tiled(x, {kAxis, kAxis}, doubled, ctx).cpu(), expected = doubled(x);
    ASSERT_EQ(y.shape(), expected.shape());
    for (int64_t i = 0; i < y.numel(); ++i) ASSERT_NEAR(y.data<float>()[i], expected.data<float>()[i], 1e-5) << i;
  }
}

// On a device the latents may be there already, and nothing comes back before the end.
TEST(Tiled, StaysWhereItIsComputed) {
  Context ctx = support::test_context();
  const Tensor x = Generator(1).randn({2, 3, 13, 9});
  const Tensor there = tiled(
      x.on(ctx.device()), {kAxis, kAxis},
      [&](const Tensor& part) {
        EXPECT_EQ(part.device(), ctx.device());
        return doubled(part.cpu()).on(ctx.device());
      },
      ctx);
  EXPECT_EQ(there.device(), ctx.device());
  Context host(backends::cpu_kernels());
  EXPECT_TRUE(support::identical(there.cpu(), tiled(x, {kAxis, kAxis}, doubled, host)));
}

// Tiles that come out darker or lighter than each other must not show an edge: over the overlap one fades into the
// next, so that the largest step between neighbouring pixels is the difference spread over the overlap; over half of it
// where four tiles meet, for there the reference blends twice.
TEST(Tiled, ShowsNoSeamInAFlatField) {
  Context ctx = support::test_context();
  const TileAxis axis = {.in_min = 32, .in_stride = 24, .out_min = 32, .out_stride = 24};
  int tile = 0;
  const auto flat = [&](const Tensor& x) {
    return Tensor::full({1, 1, x.dim(2), x.dim(3)}, tile++ % 2 == 0 ? 0.5F : 0.6F);
  };
  const Tensor y = tiled(Tensor::zeros({1, 1, 80, 80}, DType::kF32), {axis, axis}, flat, ctx).cpu();
  ASSERT_GT(tile, 4);
  float largest = 0;
  for (int64_t r = 0; r < 80; ++r)
    for (int64_t c = 1; c < 80; ++c) {
      largest = std::max(largest, std::abs(y.data<float>()[r * 80 + c] - y.data<float>()[r * 80 + c - 1]));
      largest = std::max(largest, std::abs(y.data<float>()[c * 80 + r] - y.data<float>()[(c - 1) * 80 + r]));
    }
  EXPECT_LE(largest, 0.1F / 4 * 1.01F);
  EXPECT_GT(largest, 0.0F);
}

// The same through a real decoder: constant latents, decoded whole and in tiles, differ by no visible edge.
TEST(Tiled, DecodesAFlatFieldWithoutSeams) {
  const auto golden = support::Golden::open("components/dcae_f32");
  const auto weights = io::Weights::open(golden.path(), "diffusion_pytorch_model", "");
  AutoencoderDC vae(AutoencoderDCConfig::parse(io::Config::read(golden.config_path())), weights, std::nullopt,
                    AutoencoderDC::Halves::kDecoder);
  Context ctx = support::test_context();
  const Tensor z = Tensor::full({1, 8, 20, 20}, 0.1F);
  const Tensor whole = vae.decode(z, ctx).cpu();
  vae.enable_tiling({.tile_sample_min_height = 384,
                     .tile_sample_min_width = 384,
                     .tile_sample_stride_height = 256,
                     .tile_sample_stride_width = 256});
  const Tensor parts = vae.decode(z, ctx).cpu();
  ASSERT_EQ(parts.shape(), whole.shape());
  // The mean step across a seam may exceed that of the whole picture by less than one 8-bit level.
  const int64_t size = whole.dim(3);
  const auto step_at = [&](const Tensor& t, int64_t column) {
    double sum = 0;
    for (int64_t r = 0; r < size; ++r)
      sum += std::abs(t.data<float>()[r * size + column] - t.data<float>()[r * size + column - 1]);
    return sum / static_cast<double>(size);
  };
  for (const int64_t seam : {256, 512}) EXPECT_LE(step_at(parts, seam), step_at(whole, seam) + 2.0 / 255) << seam;
}

TEST(Tiled, RefusesStridesThatLeaveGaps) {
  Context ctx = support::test_context();
  const TileAxis gaps = {.in_min = 4, .in_stride = 5, .out_min = 4, .out_stride = 5};
  EXPECT_THROW((void)tiled(Tensor::zeros({1, 1, 8, 8}, DType::kF32), {gaps, kAxis}, doubled, ctx), Error);
  const TileAxis still = {.in_min = 4, .in_stride = 0, .out_min = 4, .out_stride = 0};
  EXPECT_THROW((void)tiled(Tensor::zeros({1, 1, 8, 8}, DType::kF32), {still, kAxis}, doubled, ctx), Error);
}

}  // namespace
}  // namespace swan::models
