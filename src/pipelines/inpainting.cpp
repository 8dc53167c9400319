#include "pipelines/inpainting.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <utility>

#include "core/error.h"
#include "core/parallel.h"
#include "ops/elementwise.h"
#include "pipelines/image_processor.h"
#include "pipelines/resample.h"

namespace swan::pipelines {

namespace {
constexpr uint8_t kDrawn = 128;  // this light and lighter
}  // namespace

PixelMask::PixelMask(const Image& mask, Size size) : size_(size) {
  check_picture(mask);
  const Image scaled = resize_lanczos(mask, size);
  levels_.resize(static_cast<size_t>(size.height * size.width));
  // Luma as Pillow has it: ITU-R 601-2 in 16 bits.
  for (size_t i = 0; i < levels_.size(); ++i) {
    const uint8_t* p = scaled.rgb.data() + 3 * i;
    levels_[i] = static_cast<uint8_t>((p[0] * 19595 + p[1] * 38470 + p[2] * 7471 + 0x8000) >> 16);
  }
}

Tensor PixelMask::latent_mask(const Shape& latents) const {
  const std::span<const int64_t> dims = latents.dims();
  const int64_t width = dims.back(), height = dims[dims.size() - 2], plane = height * width;
  SWAN_ASSERT(size_.height % height == 0 && size_.width % width == 0);
  const int64_t rows = size_.height / height, columns = size_.width / width;
  Tensor mask = Tensor::zeros(latents, DType::kF32);
  auto* m = mask.data_mut<float>();
  for (int64_t y = 0; y < size_.height; ++y)
    for (int64_t x = 0; x < size_.width; ++x)
      if (levels_[static_cast<size_t>(y * size_.width + x)] >= kDrawn) m[y / rows * width + x / columns] = 1;
  for (int64_t p = 1; p < mask.numel() / plane; ++p) std::copy_n(m, plane, m + p * plane);
  return mask;
}

void PixelMask::restore(Image& picture, const Image& original) const {
  SWAN_ASSERT(picture.rgb.size() == original.rgb.size() && picture.rgb.size() == 3 * levels_.size());
  parallel_for(size_.height, [&](int64_t y) {
    for (int64_t x = 0; x < size_.width; ++x) {
      const auto i = static_cast<size_t>(y * size_.width + x);
      const int drawn = levels_[i];
      for (size_t c = 3 * i; c < 3 * i + 3; ++c)
        picture.rgb[c] = static_cast<uint8_t>((picture.rgb[c] * drawn + original.rgb[c] * (255 - drawn) + 127) / 255);
    }
  });
}

LatentBlend::LatentBlend(const Tensor& mask, Tensor known, Tensor noise, Context& ctx)
    : known_(std::move(known)), noise_(std::move(noise)) {
  Tensor inverse = Tensor::empty(mask.shape(), DType::kF32);
  for (int64_t i = 0; i < mask.numel(); ++i) inverse.data_mut<float>()[i] = 1 - mask.data<float>()[i];
  mask_ = mask.on(ctx.device());
  inverse_ = inverse.on(ctx.device());
}

// Two products, so that each side is exact where the mask is whole.
Tensor LatentBlend::operator()(const Tensor& latents, float signal, float amplitude, Context& ctx) const {
  const Tensor there = ops::linear_combination(std::array{signal, amplitude}, std::array{known_, noise_}, ctx);
  const Tensor drawn = ops::gated_activation(mask_, latents, ops::Activation::kNone, ctx);
  return ops::add(drawn, ops::gated_activation(inverse_, there, ops::Activation::kNone, ctx), ctx);
}

int first_step(double strength, int steps, bool whole_steps) {
  if (!(strength >= 0 && strength <= 1))
    fail(ErrorCode::kInvalidArgument, "strength is {}: 0 to 1 are possible.", strength);
  const double taken = steps * strength;
  const int first = static_cast<int>(steps - (whole_steps ? std::floor(taken) : taken));
  if (first >= steps)
    fail(ErrorCode::kInvalidArgument, "a strength of {} leaves none of {} steps: choose a larger one.", strength,
         steps);
  return first;
}

void check_start(const Start& s) {
  if (s.strength && !s.given)
    fail(ErrorCode::kInvalidArgument, "strength is given, but no {} to start from: give '{}' too.", s.noun, s.option);
  if (s.mask && !s.given)
    fail(ErrorCode::kInvalidArgument, "a mask is given, but no {} that it is of: give '{}' too.", s.noun, s.option);
  if (s.given && s.latents)
    fail(ErrorCode::kInvalidArgument, "both a {} and initial latents are given to start from: give one of them.",
         s.noun);
}

}  // namespace swan::pipelines
