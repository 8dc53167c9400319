#include "pipelines/latent_preview.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "pipelines/stages.h"

namespace swan::pipelines {

namespace {

constexpr int64_t kColours = 3;

// The channels of one frame, position by position: [h w, C].
std::vector<double> positions(const Tensor& latents, int64_t sample, int64_t frame) {
  const bool clip = latents.rank() == 5;
  const int64_t channels = latents.dim(1), frames = clip ? latents.dim(2) : 1;
  const int64_t area = latents.numel() / (latents.dim(0) * channels * frames);
  std::vector<double> z(static_cast<size_t>(area * channels));
  for (int64_t c = 0; c < channels; ++c) {
    const float* from = latents.data<float>() + ((sample * channels + c) * frames + frame) * area;
    for (int64_t i = 0; i < area; ++i) z[static_cast<size_t>(i * channels + c)] = from[i];
  }
  return z;
}

uint8_t level(double value) { return static_cast<uint8_t>(std::lround(std::clamp(value, 0.0, 1.0) * 255)); }

}  // namespace

LatentPreview::LatentPreview(int64_t channels, int64_t compression)
    : channels_(channels),
      patch_(compression >= 16  ? 4
             : compression >= 4 ? 2
                                : 1) {
  const auto n = static_cast<size_t>(channels_ + 1);
  moments_.assign(n * n, 0);
  targets_.assign(n * static_cast<size_t>(kColours * patch_ * patch_), 0);
}

void LatentPreview::show(const Tensor& latents, int step, const Stages& stages) const {
  const Tensor here = latents.cpu();
  const int64_t height = here.dim(static_cast<int>(here.rank()) - 2),
                width = here.dim(static_cast<int>(here.rank()) - 1);
  const int64_t middle = here.rank() == 5 ? here.dim(2) / 2 : 0;
  for (int64_t b = 0; b < here.dim(0); ++b) {
    const std::vector<double> z = positions(here, b, middle);
    stages.preview(weights_.empty() ? unlearned(z, height, width) : picture(z, height, width), b, step);
  }
}

void LatentPreview::learn(const Tensor& latents, int64_t sample, int64_t frame, const Image& picture) {
  const int64_t height = latents.dim(static_cast<int>(latents.rank()) - 2);
  const int64_t width = latents.dim(static_cast<int>(latents.rank()) - 1);
  if (picture.rgb.empty() || picture.height % (height * patch_) != 0 || picture.width % (width * patch_) != 0) return;
  const int64_t down = picture.height / (height * patch_), across = picture.width / (width * patch_);
  const std::vector<double> z = positions(latents, sample, frame);
  if (!std::all_of(z.begin(), z.end(), [](double value) { return std::isfinite(value); })) return;
  constexpr double kKept = 0.9;
  for (double& m : moments_) m *= kKept;
  for (double& t : targets_) t *= kKept;
  const auto n = static_cast<size_t>(channels_ + 1), outputs = static_cast<size_t>(kColours * patch_ * patch_);
  std::vector<double> x(n), y(outputs);
  for (int64_t row = 0; row < height; ++row) {
    for (int64_t column = 0; column < width; ++column) {
      std::copy_n(z.begin() + (row * width + column) * channels_, channels_, x.begin());
      x.back() = 1;
      for (int64_t p = 0; p < patch_ * patch_; ++p) {
        const int64_t top = (row * patch_ + p / patch_) * down, left = (column * patch_ + p % patch_) * across;
        double sums[kColours] = {};
        for (int64_t i = 0; i < down; ++i)
          for (int64_t j = 0; j < across * kColours; ++j)
            sums[j % kColours] += picture.rgb[static_cast<size_t>(((top + i) * picture.width + left) * kColours + j)];
        for (int64_t c = 0; c < kColours; ++c)
          y[static_cast<size_t>(p * kColours + c)] = sums[c] / (255.0 * static_cast<double>(down * across));
      }
      for (size_t i = 0; i < n; ++i) {
        for (size_t j = 0; j < n; ++j) moments_[i * n + j] += x[i] * x[j];
        for (size_t j = 0; j < outputs; ++j) targets_[i * outputs + j] += x[i] * y[j];
      }
    }
  }
  solve();
}

// Ridge regression by Cholesky's decomposition.
void LatentPreview::solve() {
  const auto n = static_cast<size_t>(channels_ + 1), outputs = targets_.size() / n;
  std::vector<double> l = moments_;
  double trace = 0;
  for (size_t i = 0; i < n; ++i) trace += l[i * n + i];
  for (size_t i = 0; i < n; ++i) l[i * n + i] += 1e-4 * trace / static_cast<double>(n);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = l[i * n + j];
      for (size_t k = 0; k < j; ++k) sum -= l[i * n + k] * l[j * n + k];
      if (i == j && !(sum > 0)) return;  // too large to square: what was learned before stays
      l[i * n + j] = i == j ? std::sqrt(sum) : sum / l[j * n + j];
    }
  }
  std::vector<double> w = targets_;
  for (size_t o = 0; o < outputs; ++o) {
    for (size_t i = 0; i < n; ++i) {
      for (size_t k = 0; k < i; ++k) w[i * outputs + o] -= l[i * n + k] * w[k * outputs + o];
      w[i * outputs + o] /= l[i * n + i];
    }
    for (size_t i = n; i-- > 0;) {
      for (size_t k = i + 1; k < n; ++k) w[i * outputs + o] -= l[k * n + i] * w[k * outputs + o];
      w[i * outputs + o] /= l[i * n + i];
    }
  }
  weights_ = std::move(w);
}

Image LatentPreview::picture(const std::vector<double>& z, int64_t height, int64_t width) const {
  const int64_t outputs = kColours * patch_ * patch_, stride = width * patch_;
  Image image{.width = stride, .height = height * patch_, .rgb = {}};
  image.rgb.resize(static_cast<size_t>(image.width * image.height * kColours));
  std::vector<double> values(static_cast<size_t>(outputs));
  for (int64_t at = 0; at < height * width; ++at) {
    std::copy_n(weights_.begin() + channels_ * outputs, outputs, values.begin());
    for (int64_t c = 0; c < channels_; ++c)
      for (int64_t o = 0; o < outputs; ++o)
        values[static_cast<size_t>(o)] +=
            z[static_cast<size_t>(at * channels_ + c)] * weights_[static_cast<size_t>(c * outputs + o)];
    for (int64_t o = 0; o < outputs; ++o) {
      const int64_t p = o / kColours, y = at / width * patch_ + p / patch_, x = at % width * patch_ + p % patch_;
      image.rgb[static_cast<size_t>((y * stride + x) * kColours + o % kColours)] =
          level(values[static_cast<size_t>(o)]);
    }
  }
  return image;
}

// How far each position is from the mean of all, in standard deviations of each channel.
Image LatentPreview::unlearned(const std::vector<double>& z, int64_t height, int64_t width) const {
  const int64_t area = height * width;
  std::vector<double> distance(static_cast<size_t>(area));
  for (int64_t c = 0; c < channels_; ++c) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < area; ++i) {
      const double value = z[static_cast<size_t>(i * channels_ + c)];
      sum += value;
      squares += value * value;
    }
    const double mean = sum / static_cast<double>(area);
    const double variance = std::max(squares / static_cast<double>(area) - mean * mean, 1e-12);
    for (int64_t i = 0; i < area; ++i) {
      const double away = z[static_cast<size_t>(i * channels_ + c)] - mean;
      distance[static_cast<size_t>(i)] += away * away / variance;
    }
  }
  const double most = std::max(*std::max_element(distance.begin(), distance.end()), 1e-12);
  Image image{.width = width, .height = height, .rgb = {}};
  for (const double d : distance) image.rgb.insert(image.rgb.end(), kColours, level(std::sqrt(d / most)));
  return image;
}

}  // namespace swan::pipelines
