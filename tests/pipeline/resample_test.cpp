// Expected values: Pillow 13, Image.resize(size, Image.LANCZOS), to the bit.
#include "pipelines/resample.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <vector>

namespace swan::pipelines {
namespace {

Image pattern(int64_t width, int64_t height) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < 3; ++c)
        image.rgb.push_back(static_cast<uint8_t>(7 * x * x + 13 * y * 5 + 31 * c * x + x * y * 11));
  return image;
}

TEST(ResizeLanczos, IsPillows) {
  const auto resized = [](int64_t width, int64_t height) {
    return resize_lanczos(pattern(7, 5), {.height = height, .width = width}).rgb;
  };
  EXPECT_EQ(resized(3, 4), (std::vector<uint8_t>{10,  38,  68,  88, 172, 187, 188, 143, 162, 109, 122, 151,
                                                 140, 156, 155, 88, 128, 160, 186, 110, 139, 88,  100, 99,
                                                 91,  127, 159, 73, 76,  106, 134, 117, 132, 76,  114, 134}));
  EXPECT_EQ(resized(11, 2),
            (std::vector<uint8_t>{66,  63,  61,  71,  84,  92,  86,  104, 141, 104, 93,  160, 90,  130, 167, 81,  190,
                                  167, 134, 185, 152, 151, 148, 148, 113, 127, 163, 127, 123, 171, 152, 128, 172, 111,
                                  121, 119, 139, 102, 110, 159, 84,  121, 124, 98,  165, 105, 114, 150, 115, 118, 95,
                                  113, 120, 87,  108, 112, 112, 96,  105, 141, 64,  122, 170, 44,  137, 181}));
  EXPECT_EQ(resized(1, 1), (std::vector<uint8_t>{107, 119, 138}));
}

TEST(ResizeLanczos, IsPillowsAtLargerSizes) {
  const auto checksum = [](Size size) {
    const Image image = resize_lanczos(pattern(300, 200), size);
    EXPECT_EQ(image.width, size.width);
    EXPECT_EQ(image.height, size.height);
    return crc32(0, image.rgb.data(), static_cast<uInt>(image.rgb.size()));
  };
  EXPECT_EQ(checksum({.height = 64, .width = 96}), 956243199U);
  EXPECT_EQ(checksum({.height = 301, .width = 512}), 1002985011U);
}

TEST(ResizeLanczos, LeavesItsOwnSizeAlone) {
  EXPECT_EQ(resize_lanczos(pattern(7, 5), {.height = 5, .width = 7}).rgb, pattern(7, 5).rgb);
}

}  // namespace
}  // namespace swan::pipelines
