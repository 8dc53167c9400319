#include "pipelines/aspect_ratio.h"

#include <gtest/gtest.h>

namespace swan::pipelines {
namespace {

// Expected values: diffusers' PixArtImageProcessor.classify_height_width_bin with the table of each sample size.
TEST(AspectRatio, FindsTheReferencesBins) {
  EXPECT_EQ(classify_height_width_bin(32, {1024, 1024}), (Size{1024, 1024}));
  EXPECT_EQ(classify_height_width_bin(32, {720, 1280}), (Size{768, 1344}));
  EXPECT_EQ(classify_height_width_bin(32, {100, 10000}), (Size{512, 2048}));
  EXPECT_EQ(classify_height_width_bin(32, {10000, 100}), (Size{2048, 512}));
  EXPECT_EQ(classify_height_width_bin(16, {200, 328}), (Size{384, 640}));
  EXPECT_EQ(classify_height_width_bin(64, {1000, 3500}), (Size{1024, 3712}));
  EXPECT_EQ(classify_height_width_bin(128, {4096, 4096}), (Size{4096, 4096}));
  EXPECT_EQ(classify_height_width_bin(128, {3000, 1000}), (Size{6912, 2304}));
}

TEST(AspectRatio, HasNoTableForOtherSizes) {
  for (const int64_t sample_size : {1, 8, 15, 33, 256})
    EXPECT_FALSE(classify_height_width_bin(sample_size, {256, 256}).has_value()) << sample_size;
}

}  // namespace
}  // namespace swan::pipelines
