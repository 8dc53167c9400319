#include "pipelines/canny.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "core/parallel.h"

namespace swan::pipelines {

namespace {

// Values of a picture, row by row; beyond its borders those of the nearest pixel.
struct Plane {
  Plane(int64_t w, int64_t h) : width(w), height(h), values(static_cast<size_t>(w * h)) {}
  [[nodiscard]] int32_t at(int64_t x, int64_t y) const {
    return values[index(std::clamp<int64_t>(x, 0, width - 1), std::clamp<int64_t>(y, 0, height - 1))];
  }
  [[nodiscard]] size_t index(int64_t x, int64_t y) const { return static_cast<size_t>(y * width + x); }

  int64_t width, height;
  std::vector<int32_t> values;
};

// value(x, y) of every pixel.
template <typename Value>
Plane plane_of(int64_t width, int64_t height, const Value& value) {
  Plane plane(width, height);
  parallel_for(height, [&](int64_t y) {
    for (int64_t x = 0; x < width; ++x) plane.values[plane.index(x, y)] = value(x, y);
  });
  return plane;
}

// [0, 255]
Plane grey_of(const Image& image) {
  return plane_of(image.width, image.height, [&](int64_t x, int64_t y) {
    const uint8_t* p = image.rgb.data() + 3 * (y * image.width + x);
    return (p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16;
  });
}

constexpr int32_t kBlurSum = 16 * 16;  // of the blur's weights: what it multiplies values by

// 1 4 6 4 1 along each axis, not divided: [0, 255 * kBlurSum], exact
Plane blurred(const Plane& grey) {
  const auto binomial = [](const auto& at) { return at(-2) + 4 * at(-1) + 6 * at(0) + 4 * at(1) + at(2); };
  const Plane rows = plane_of(grey.width, grey.height, [&](int64_t x, int64_t y) {
    return binomial([&](int64_t i) { return grey.at(x + i, y); });
  });
  return plane_of(grey.width, grey.height,
                  [&](int64_t x, int64_t y) { return binomial([&](int64_t i) { return rows.at(x, y + i); }); });
}

struct Gradient {
  int32_t x, y;
};

// By Sobel's kernels, each a difference of two sums of three.
Gradient sobel(const Plane& p, int64_t x, int64_t y) {
  const auto column = [&](int64_t i) { return p.at(i, y - 1) + 2 * p.at(i, y) + p.at(i, y + 1); };
  const auto row = [&](int64_t i) { return p.at(x - 1, i) + 2 * p.at(x, i) + p.at(x + 1, i); };
  return {.x = column(x + 1) - column(x - 1), .y = row(y + 1) - row(y - 1)};
}

// The step from a pixel to its neighbour across an edge.
struct Direction {
  int8_t dx, dy;
};

// The nearest of four to the gradient: 22.5 degrees either side of each, by tan(22.5 degrees) in 15 bits.
Direction direction_of(Gradient g) {
  constexpr int64_t kTangent = 13573, kOne = 1 << 15;
  const int64_t ax = std::abs(g.x), ay = std::abs(g.y);
  if (ay * kOne < ax * kTangent) return {1, 0};
  if (ax * kOne < ay * kTangent) return {0, 1};
  return {1, static_cast<int8_t>((g.x < 0) == (g.y < 0) ? 1 : -1)};
}

}  // namespace

Image canny(const Image& image, const CannyThresholds& thresholds) {
  const int64_t width = image.width, height = image.height;
  const Plane smooth = blurred(grey_of(image));
  const auto gradient = [&](int64_t x, int64_t y) { return sobel(smooth, x, y); };
  const Plane size = plane_of(width, height, [&](int64_t x, int64_t y) {
    const Gradient g = gradient(x, y);
    return std::abs(g.x) + std::abs(g.y);
  });

  // Where the gradient is the largest across its edge; of two that are equal the second. There is none outside.
  const auto size_at = [&](int64_t x, int64_t y) {
    return x < 0 || y < 0 || x >= width || y >= height ? 0 : size.values[size.index(x, y)];
  };
  const int32_t low = thresholds.low * kBlurSum, high = thresholds.high * kBlurSum;
  const Plane ridge = plane_of(width, height, [&](int64_t x, int64_t y) {
    const int32_t here = size_at(x, y);
    if (here <= low) return 0;
    const Direction d = direction_of(gradient(x, y));
    return here > size_at(x + d.dx, y + d.dy) && here >= size_at(x - d.dx, y - d.dy) ? here : 0;
  });

  // From what is above the high threshold along what is above the low one.
  Image out{.width = width, .height = height, .rgb = std::vector<uint8_t>(static_cast<size_t>(width * height * 3), 0)};
  struct Pixel {
    int64_t x, y;
  };
  std::vector<Pixel> edge;
  const auto mark = [&](int64_t x, int64_t y) {
    uint8_t* p = out.rgb.data() + 3 * ridge.index(x, y);
    if (p[0] != 0) return;
    std::fill_n(p, 3, uint8_t{255});
    edge.push_back({x, y});
  };
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      if (ridge.values[ridge.index(x, y)] > high) mark(x, y);
  while (!edge.empty()) {
    const Pixel p = edge.back();
    edge.pop_back();
    for (int64_t y = std::max<int64_t>(p.y - 1, 0); y <= std::min(p.y + 1, height - 1); ++y)
      for (int64_t x = std::max<int64_t>(p.x - 1, 0); x <= std::min(p.x + 1, width - 1); ++x)
        if (ridge.values[ridge.index(x, y)] > 0) mark(x, y);
  }
  return out;
}

}  // namespace swan::pipelines
