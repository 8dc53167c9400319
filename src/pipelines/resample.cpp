#include "pipelines/resample.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"

namespace swan::pipelines {

namespace {

constexpr double kLobes = 3;
// Weights are whole numbers of 2^-22: a sum of products with 8-bit values then fits 32 bits, as Pillow has it.
constexpr int kFraction = 22;

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return x > -kLobes && x < kLobes ? sinc(x) * sinc(x / kLobes) : 0; }

// The inputs that an output is made of.
struct Window {
  int64_t first;
  std::vector<int32_t> weights;
};

std::vector<Window> windows(int64_t in, int64_t out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double stretch = std::max(scale, 1.0), support = kLobes * stretch;
  std::vector<Window> result(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const auto first = std::max<int64_t>(static_cast<int64_t>(center - support + 0.5), 0);
    const auto end = std::min(static_cast<int64_t>(center + support + 0.5), in);
    std::vector<double> weights;
    double sum = 0;
    for (int64_t x = first; x < end; ++x) {
      weights.push_back(lanczos((static_cast<double>(x) - center + 0.5) * (1 / stretch)));
      sum += weights.back();
    }
    Window& window = result[static_cast<size_t>(i)];
    window.first = first;
    for (double weight : weights) {
      if (sum != 0) weight /= sum;
      const double scaled = weight * (1 << kFraction);
      window.weights.push_back(static_cast<int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5));
    }
  }
  return result;
}

// One value of an output: `stride` bytes lie between its inputs.
uint8_t weighted(const uint8_t* values, int64_t stride, const Window& window) {
  int32_t sum = 1 << (kFraction - 1);  // rounds
  for (size_t i = 0; i < window.weights.size(); ++i)
    sum += values[(window.first + static_cast<int64_t>(i)) * stride] * window.weights[i];
  return static_cast<uint8_t>(std::clamp(sum >> kFraction, 0, 255));
}

Image resize_columns(const Image& image, int64_t width) {
  if (width == image.width) return image;
  const std::vector<Window> columns = windows(image.width, width);
  Image out{.width = width, .height = image.height, .rgb = {}};
  out.rgb.resize(static_cast<size_t>(3 * width * image.height));
  parallel_for(image.height, [&](int64_t y) {
    const uint8_t* row = image.rgb.data() + y * image.width * 3;
    uint8_t* to = out.rgb.data() + y * width * 3;
    for (int64_t i = 0; i < 3 * width; ++i) to[i] = weighted(row + i % 3, 3, columns[static_cast<size_t>(i / 3)]);
  });
  return out;
}

Image resize_rows(const Image& image, int64_t height) {
  if (height == image.height) return image;
  const std::vector<Window> rows = windows(image.height, height);
  const int64_t stride = 3 * image.width;
  Image out{.width = image.width, .height = height, .rgb = {}};
  out.rgb.resize(static_cast<size_t>(stride * height));
  parallel_for(height, [&](int64_t y) {
    uint8_t* to = out.rgb.data() + y * stride;
    for (int64_t i = 0; i < stride; ++i) to[i] = weighted(image.rgb.data() + i, stride, rows[static_cast<size_t>(y)]);
  });
  return out;
}

}  // namespace

Image resize_lanczos(const Image& image, Size size) {
  SWAN_ASSERT(size.width > 0 && size.height > 0);
  // As Pillow 13 orders them; it differs in roundings.
  if (size.width > image.width && size.height < image.height)
    return resize_columns(resize_rows(image, size.height), size.width);
  return resize_rows(resize_columns(image, size.width), size.height);
}

}  // namespace swan::pipelines
