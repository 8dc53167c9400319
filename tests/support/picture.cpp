#include "support/picture.h"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace swan::support {

Image read_png(const std::string& path) {
  png_image png = {};
  png.version = PNG_IMAGE_VERSION;
  if (png_image_begin_read_from_file(&png, path.c_str()) == 0) throw std::runtime_error(path + ": " + png.message);
  png.format = PNG_FORMAT_RGB;
  Image image{.width = png.width, .height = png.height, .rgb = {}};
  image.rgb.resize(PNG_IMAGE_SIZE(png));
  if (png_image_finish_read(&png, nullptr, image.rgb.data(), 0, nullptr) == 0)
    throw std::runtime_error(path + ": " + png.message);
  return image;
}

PictureDifference compare(const Image& actual, const Image& expected) {
  if (actual.width != expected.width || actual.height != expected.height || actual.rgb.size() != expected.rgb.size())
    throw std::runtime_error(fmt::format("a picture of {}x{} was compared with one of {}x{}", actual.width,
                                         actual.height, expected.width, expected.height));
  if (expected.rgb.empty()) throw std::runtime_error("pictures without pixels were compared");
  PictureDifference result;
  int64_t equal = 0;
  int64_t sum = 0;
  for (size_t i = 0; i < expected.rgb.size(); ++i) {
    const int level = std::abs(int{actual.rgb[i]} - int{expected.rgb[i]});
    result.max_level = std::max(result.max_level, level);
    sum += level;
    equal += level == 0 ? 1 : 0;
  }
  const auto count = static_cast<double>(expected.rgb.size());
  result.equal_share = static_cast<double>(equal) / count;
  result.mean_level = static_cast<double>(sum) / count;
  return result;
}

::testing::AssertionResult same_picture(const Image& actual, const Image& expected, int max_level,
                                        double min_equal_share) {
  if (actual.width != expected.width || actual.height != expected.height)
    return ::testing::AssertionFailure() << fmt::format("the picture is {}x{}, expected {}x{}", actual.width,
                                                        actual.height, expected.width, expected.height);
  const PictureDifference d = compare(actual, expected);
  const std::string report = fmt::format("largest difference {} (at most {}), equal on {:.4f} % (at least {:.4f} %)",
                                         d.max_level, max_level, 100 * d.equal_share, 100 * min_equal_share);
  if (!(d.max_level <= max_level && d.equal_share >= min_equal_share)) return ::testing::AssertionFailure() << report;
  return ::testing::AssertionSuccess() << report;
}

}  // namespace swan::support
