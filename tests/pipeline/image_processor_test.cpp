#include "pipelines/image_processor.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "support/close.h"
#include "support/device.h"
#include "swan/error.h"

namespace swan::pipelines {
namespace {

Tensor ramp() {
  std::vector<float> values(12);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 6.0F - 1.0F;
  return Tensor::from(std::span<const float>(values), {1, 1, 3, 4});
}

// Expected values: diffusers' PixArtImageProcessor.resize_and_crop_tensor, torch 2.15.
TEST(ResizeAndCrop, MatchesTheReference) {
  const std::vector<float> wide = {-1.0F,        -0.88333333F, -0.75F,       -0.61666667F, -0.5F,
                                   -0.33333331F, -0.21666667F, -0.08333334F, 0.04999998F,  0.16666663F};
  EXPECT_TRUE(support::close(resize_and_crop(ramp(), {.height = 2, .width = 5}),
                             Tensor::from(std::span<const float>(wide), {1, 1, 2, 5}), 1e-6));
  const std::vector<float> tall = {-0.83333331F, -0.66666663F, -0.16666669F, 0.0F, 0.5F, 0.66666663F};
  EXPECT_TRUE(support::close(resize_and_crop(ramp(), {.height = 3, .width = 2}),
                             Tensor::from(std::span<const float>(tall), {1, 1, 3, 2}), 1e-6));
}

TEST(ResizeAndCrop, LeavesItsOwnSizeAlone) {
  const Tensor x = ramp();
  EXPECT_EQ(resize_and_crop(x, {.height = 3, .width = 4}).raw(), x.raw());
}

TEST(ResizeAndCrop, FillsEverySize) {
  for (int64_t height = 1; height < 20; ++height)
    for (int64_t width = 1; width < 20; ++width) {
      const Tensor y = resize_and_crop(Tensor::full({1, 1, 7, 5}, 0.25F), {height, width});
      ASSERT_EQ(y.shape(), (Shape{1, 1, height, width}));
      for (int64_t i = 0; i < y.numel(); ++i) ASSERT_EQ(y.data<float>()[i], 0.25F);
    }
}

TEST(ToTensor, ScalesAndNormalises) {
  const Image image{.width = 2, .height = 1, .rgb = {0, 255, 51, 102, 153, 204}};
  const std::vector<float> expected = {-1, -0.2F, 1, 0.2F, -0.6F, 0.6F};
  EXPECT_TRUE(support::close(to_tensor(image, {.height = 1, .width = 2}),
                             Tensor::from(std::span<const float>(expected), {1, 3, 1, 2}), 1e-6));
  EXPECT_EQ(to_tensor(image, {.height = 3, .width = 5}).shape(), (Shape{1, 3, 3, 5}));
  EXPECT_THROW((void)to_tensor({.width = 2, .height = 1, .rgb = {0}}, {.height = 1, .width = 2}), Error);
  EXPECT_THROW((void)to_tensor({}, {.height = 1, .width = 2}), Error);
}

TEST(ToImage, RoundsHalfToEvenAndClamps) {
  // (x / 2 + 0.5) * 255 = 0.5, 1.5, 127.5 exactly, then beyond both ends.
  const std::vector<float> x = {1.0F / 255 - 1, 3.0F / 255 - 1, 0.0F, -7.0F, 7.0F, 1.0F};
  Context ctx = support::test_context();
  const Image image = to_image(Tensor::from(std::span<const float>(x), {1, 3, 1, 2}).on(ctx.device()), ctx);
  // Planes to pixels: red holds x[0], x[1]; green x[2], x[3]; blue x[4], x[5].
  EXPECT_EQ(image.rgb[1], 128);  // 127.5 to even
  EXPECT_EQ(image.rgb[4], 0);
  EXPECT_EQ(image.rgb[2], 255);
  EXPECT_EQ(image.rgb[5], 255);
  EXPECT_LE(image.rgb[0], 1);
  EXPECT_GE(image.rgb[3], 1);
}

TEST(ToImage, TakesOnePictureWhereverItIs) {
  Context ctx = support::test_context();
  Tensor x = Tensor::full({2, 3, 2, 2}, -1.0F);
  for (int64_t i = 12; i < 24; ++i) x.data_mut<float>()[i] = 1.0F;
  EXPECT_EQ(to_image(x.slice(0, 1), ctx).rgb, std::vector<uint8_t>(12, 0));
  const Image image = to_image(x.slice(1, 2).on(ctx.device()), ctx);
  EXPECT_EQ(image.rgb, std::vector<uint8_t>(12, 255));
  EXPECT_EQ(image.width, 2);
  EXPECT_EQ(image.height, 2);
  EXPECT_THROW((void)to_image(Tensor::full({1, 4, 2, 2}, 0.0F), ctx), Error);
  EXPECT_THROW((void)to_image(x, ctx), Error) << "two pictures";
}

// Larger than a staging buffer's part, and no multiple of it.
TEST(ToImage, BringsEveryPixelOfALargePicture) {
  Context ctx = support::test_context();
  const int64_t height = 1501, width = 1903;
  Tensor x = Tensor::empty({1, 3, height, width}, DType::kF32);
  const auto level = [](int64_t i) { return static_cast<int>((i * 7919 + i / 1009) % 256); };
  for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] = static_cast<float>(level(i)) / 127.5F - 1.0F;
  const Image image = to_image(x.on(ctx.device()), ctx);
  int64_t wrong = 0;
  for (int64_t pixel = 0; pixel < height * width; ++pixel)
    for (int64_t c = 0; c < 3; ++c)
      wrong += image.rgb[static_cast<size_t>(3 * pixel + c)] == level(c * height * width + pixel) ? 0 : 1;
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace swan::pipelines
