#include "pipelines/image_processor.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/device.h"
#include "core/error.h"
#include "core/parallel.h"
#include "cpu/kernels.h"
#include "ops/picture.h"
#include "pipelines/resample.h"

namespace swan::pipelines {

namespace {
// For each output position the two inputs it lies between and the share of the second.
struct Tap {
  int64_t first, second;
  float share;
};

std::vector<Tap> taps(int64_t in, int64_t out) {
  const float scale = static_cast<float>(in) / static_cast<float>(out);
  std::vector<Tap> result(static_cast<size_t>(out));
  for (int64_t i = 0; i < out; ++i) {
    const float at = std::max(0.0F, (static_cast<float>(i) + 0.5F) * scale - 0.5F);
    const auto first = std::min(static_cast<int64_t>(at), in - 1);
    result[static_cast<size_t>(i)] = {first, std::min(first + 1, in - 1), at - static_cast<float>(first)};
  }
  return result;
}
}  // namespace

Tensor resize_and_crop(const Tensor& x, Size size) {
  const int64_t height = x.dim(2), width = x.dim(3);
  if (height == size.height && width == size.width) return x;
  const double ratio = std::max(static_cast<double>(size.height) / static_cast<double>(height),
                                static_cast<double>(size.width) / static_cast<double>(width));
  // Truncated as the reference does, but never to less than what is cropped: 0.1 + 0.2 style products can fall short.
  const int64_t resized_width = std::max(static_cast<int64_t>(static_cast<double>(width) * ratio), size.width);
  const int64_t resized_height = std::max(static_cast<int64_t>(static_cast<double>(height) * ratio), size.height);
  const std::vector<Tap> rows = taps(height, resized_height), columns = taps(width, resized_width);
  const int64_t left = (resized_width - size.width) / 2, top = (resized_height - size.height) / 2;

  Tensor out = Tensor::empty({x.dim(0), x.dim(1), size.height, size.width}, DType::kF32);
  const auto* px = x.data<float>();
  auto* py = out.data_mut<float>();
  parallel_for(x.dim(0) * x.dim(1) * size.height, [&](int64_t line) {
    const int64_t plane = line / size.height;
    const Tap& row = rows[static_cast<size_t>(top + line % size.height)];
    const float* a = px + (plane * height + row.first) * width;
    const float* b = px + (plane * height + row.second) * width;
    for (int64_t i = 0; i < size.width; ++i) {
      const Tap& c = columns[static_cast<size_t>(left + i)];
      const float above = a[c.first] * (1 - c.share) + a[c.second] * c.share;
      const float below = b[c.first] * (1 - c.share) + b[c.second] * c.share;
      py[line * size.width + i] = above * (1 - row.share) + below * row.share;
    }
  });
  return out;
}

void check_picture(const Image& image) {
  if (image.width < 1 || image.height < 1 ||
      image.rgb.size() != static_cast<size_t>(image.width) * static_cast<size_t>(image.height) * 3)
    fail(ErrorCode::kInvalidArgument, "a picture of {} x {} pixels with {} bytes: 3 a pixel are needed.", image.width,
         image.height, image.rgb.size());
}

Tensor to_tensor(const Image& image, Size size) {
  check_picture(image);
  const Image resized = resize_lanczos(image, size);
  const int64_t pixels = size.width * size.height;
  Tensor out = Tensor::empty({1, 3, size.height, size.width}, DType::kF32);
  auto* planes = out.data_mut<float>();
  for (int64_t i = 0; i < pixels; ++i)
    for (int64_t c = 0; c < 3; ++c)
      planes[c * pixels + i] = 2 * (static_cast<float>(resized.rgb[static_cast<size_t>(3 * i + c)]) / 255.0F) - 1;
  return out;
}

Image to_image(const Tensor& x, Context& ctx) {
  check_rank("to_image", "picture", x, 4);
  if (x.dim(1) != 3) fail(ErrorCode::kUnsupported, "the decoder made {} channels; a picture has 3.", x.dim(1));
  check_same_shape("to_image", "picture", x.shape(), {1, 3, x.dim(2), x.dim(3)});
  Context host(backends::cpu_kernels());  // what has come back already is not sent again to be packed
  const Tensor packed = ops::pack_rgb(x, x.device() == nullptr ? host : ctx);  // [1, H, W, 3]
  Image image{.width = x.dim(3), .height = x.dim(2), .rgb = {}};
  image.rgb.resize(packed.nbytes());
  if (packed.device() != nullptr) {
    packed.device()->download(image.rgb.data(), packed.raw(), packed.nbytes());
  } else {
    std::copy_n(packed.data<uint8_t>(), packed.nbytes(), image.rgb.data());
  }
  return image;
}

}  // namespace swan::pipelines
