// Edges of pictures whose edges are known.
#include "pipelines/canny.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>

#include "core/generator.h"
#include "core/parallel.h"

namespace swan::pipelines {
namespace {

// A grey picture. @param level  of a pixel
Image picture(int64_t width, int64_t height, const std::function<int(int64_t x, int64_t y)>& level) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) image.rgb.insert(image.rgb.end(), 3, static_cast<uint8_t>(level(x, y)));
  return image;
}

bool is_edge(const Image& edges, int64_t x, int64_t y) {
  return edges.rgb[static_cast<size_t>(3 * (y * edges.width + x))] != 0;
}

int64_t count(const Image& edges) { return std::count(edges.rgb.begin(), edges.rgb.end(), uint8_t{255}) / 3; }

// Rows of '.' and '#', for what is short enough to be read.
std::string drawn(const Image& edges) {
  std::string text;
  for (int64_t y = 0; y < edges.height; ++y) {
    for (int64_t x = 0; x < edges.width; ++x) text += is_edge(edges, x, y) ? '#' : '.';
    text += '\n';
  }
  return text;
}

TEST(Canny, ASquareHasFourThinSides) {
  const auto inside = [](int64_t x, int64_t y) { return x >= 10 && x < 30 && y >= 8 && y < 24; };
  const Image edges = canny(picture(41, 33, [&](int64_t x, int64_t y) { return inside(x, y) ? 255 : 0; }));
  ASSERT_EQ(edges.width, 41);
  ASSERT_EQ(edges.height, 33);
  // Of the two pixels beside a border that are equal, the one further right or down; corners are rounded.
  for (int64_t y = 12; y < 20; ++y)
    for (int64_t x = 0; x < 41; ++x) EXPECT_EQ(is_edge(edges, x, y), x == 10 || x == 30) << x << " " << y;
  for (int64_t x = 14; x < 26; ++x)
    for (int64_t y = 0; y < 33; ++y) EXPECT_EQ(is_edge(edges, x, y), y == 8 || y == 24) << x << " " << y;
  for (int64_t y = 0; y < 33; ++y)
    for (int64_t x = 0; x < 41; ++x) {
      if (x >= 9 && x <= 31 && y >= 7 && y <= 25) continue;
      EXPECT_FALSE(is_edge(edges, x, y)) << x << " " << y;
    }
  for (const uint8_t value : edges.rgb) EXPECT_TRUE(value == 0 || value == 255);
  for (size_t i = 0; i < edges.rgb.size(); i += 3)
    EXPECT_TRUE(edges.rgb[i] == edges.rgb[i + 1] && edges.rgb[i] == edges.rgb[i + 2]);
}

TEST(Canny, TurningAPictureTurnsItsEdges) {
  const auto level = [](int64_t x, int64_t y) { return x * x + 3 * y > 120 ? 240 : 15; };
  const Image edges = canny(picture(24, 17, level));
  const Image turned = canny(picture(17, 24, [&](int64_t x, int64_t y) { return level(y, x); }));
  ASSERT_GT(count(edges), 10);
  for (int64_t y = 0; y < 17; ++y)
    for (int64_t x = 0; x < 24; ++x) EXPECT_EQ(is_edge(edges, x, y), is_edge(turned, y, x)) << x << " " << y;
}

TEST(Canny, AThinLineHasAnEdgeOnEachSide) {
  // One pixel wide, from border to border.
  const std::string row = "...#.#...\n";
  EXPECT_EQ(drawn(canny(picture(9, 3, [](int64_t x, int64_t) { return x == 4 ? 255 : 0; }))), row + row + row);
}

TEST(Canny, ASlantHasAnEdgeAlongIt) {
  const Image edges = canny(picture(20, 20, [](int64_t x, int64_t y) { return x > y ? 255 : 0; }));
  for (int64_t y = 3; y < 17; ++y) {
    int64_t found = 0;
    for (int64_t x = 0; x < 20; ++x) {
      if (!is_edge(edges, x, y)) continue;
      ++found;
      EXPECT_LE(std::abs(x - y), 1) << x << " " << y;
    }
    EXPECT_GE(found, 1) << y;
    EXPECT_LE(found, 2) << y;
  }
}

TEST(Canny, ABorderOfMoreThan50LevelsIsAnEdge) {
  const auto border = [](int from, int to) {
    return count(canny(picture(15, 7, [&](int64_t x, int64_t) { return x < 8 ? from : to; })));
  };
  EXPECT_EQ(border(60, 110), 0);
  EXPECT_EQ(border(60, 111), 7);
  EXPECT_EQ(border(111, 60), 7);  // whichever side is the lighter
  const Image step = picture(15, 7, [](int64_t x, int64_t) { return x < 8 ? 60 : 80; });
  EXPECT_EQ(count(canny(step)), 0);
  EXPECT_EQ(count(canny(step, {.low = 20, .high = 40})), 7);
}

TEST(Canny, AWeakBorderIsAnEdgeWhereAStrongOneContinuesIt) {
  // Black on the left; the right fades from `from` to `to`, seven levels a row from the tenth on.
  const auto edges_of = [](int64_t from, int64_t to) {
    return canny(picture(16, 50, [&](int64_t x, int64_t y) {
      return x < 8 ? 0 : static_cast<int>(std::max(to, from - 7 * std::max<int64_t>(y - 10, 0)));
    }));
  };
  EXPECT_EQ(count(edges_of(40, 40)), 0);  // between the thresholds: above 25, below 50
  const Image edges = edges_of(200, 40);
  for (int64_t y = 0; y < 50; ++y) EXPECT_TRUE(is_edge(edges, 8, y)) << y;
  // Below the lower threshold, from row 36 on, it ends.
  const Image fading = edges_of(200, 15);
  for (int64_t y = 0; y < 32; ++y) EXPECT_TRUE(is_edge(fading, 8, y)) << y;
  for (int64_t y = 38; y < 50; ++y) EXPECT_FALSE(is_edge(fading, 8, y)) << y;
}

TEST(Canny, NoiseBelowTheThresholdsIsNone) {
  Generator generator(7);
  const Tensor noise = generator.randn({48, 64});
  const auto level = [&](int64_t x, int64_t y) {
    return std::clamp(128 + static_cast<int>(6 * noise.data<float>()[y * 64 + x]), 100, 156);
  };
  const Image noisy = picture(64, 48, level);
  EXPECT_EQ(count(canny(noisy)), 0);
  EXPECT_GT(count(canny(noisy, {.low = 5, .high = 10})), 50);  // it is there
}

TEST(Canny, ColoursCountByTheirLight) {
  const auto between = [](std::vector<uint8_t> left, std::vector<uint8_t> right) {
    Image image{.width = 12, .height = 5, .rgb = {}};
    for (int64_t i = 0; i < 60; ++i) {
      const auto& colour = i % 12 < 6 ? left : right;
      image.rgb.insert(image.rgb.end(), colour.begin(), colour.end());
    }
    return count(canny(image));
  };
  EXPECT_EQ(between({0, 0, 0}, {0, 255, 0}), 5);    // green is light
  EXPECT_EQ(between({0, 0, 0}, {0, 0, 255}), 0);    // and blue is dark: 29 levels
  EXPECT_EQ(between({255, 0, 0}, {0, 130, 0}), 0);  // of one light
}

TEST(Canny, EverySizeWorks) {
  for (const auto& [width, height] : {std::pair<int64_t, int64_t>{1, 1}, {1, 9}, {9, 1}, {2, 2}, {3, 5}, {101, 67}}) {
    const Image edges =
        canny(picture(width, height, [](int64_t x, int64_t y) { return (x / 4 + y / 4) % 2 == 0 ? 0 : 255; }));
    EXPECT_EQ(edges.width, width);
    EXPECT_EQ(edges.height, height);
    EXPECT_EQ(edges.rgb.size(), static_cast<size_t>(3 * width * height));
    EXPECT_EQ(count(edges) > 0, std::max(width, height) > 4) << width << " x " << height;  // squares of four
  }
  EXPECT_EQ(drawn(canny(picture(9, 1, [](int64_t x, int64_t) { return x < 4 ? 0 : 255; }))), "....#....\n");
}

TEST(Canny, DoesNotDependOnTheNumberOfThreads) {
  const Image image = picture(97, 61, [](int64_t x, int64_t y) { return static_cast<int>(x * y * 37 % 256); });
  set_num_threads(1);
  const Image one = canny(image);
  set_num_threads(5);
  EXPECT_EQ(canny(image).rgb, one.rgb);
  set_num_threads(0);
}

}  // namespace
}  // namespace swan::pipelines
