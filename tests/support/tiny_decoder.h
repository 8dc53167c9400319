#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/generator.h"
#include "swan/tensor.h"

namespace swan::support {

/// The layout of a tiny autoencoder's decoder, with fewer channels than the published ones.
struct TinyDecoderKind {
  bool video;
  int64_t latent_channels;
  std::vector<int64_t> channels;  ///< of each stage; the last is what the last convolution reads
  std::vector<int64_t> grow;      ///< frames that each stage makes of one, of clips
  int64_t blocks = 3;
};

/// taesana_decoder's: five doublings.
inline TinyDecoderKind tiny_sana(int64_t latent_channels) {
  return {.video = false, .latent_channels = latent_channels, .channels = {9, 6, 4, 4, 4, 4}, .grow = {}};
}
/// taew2_1's: three doublings, of which two multiply frames.
inline TinyDecoderKind tiny_wan(int64_t latent_channels) {
  return {.video = true, .latent_channels = latent_channels, .channels = {7, 6, 4, 5}, .grow = {1, 2, 2}};
}

/// Random weights by the names of such a file. @param prefix  "" or "decoder."
class TinyDecoderWeights {
 public:
  TinyDecoderWeights(const TinyDecoderKind& kind, std::string prefix) : video_(kind.video), prefix_(std::move(prefix)) {
    int64_t i = 1;
    const auto& n = kind.channels;
    add(i, "weight", {n[0], kind.latent_channels, 3, 3});
    add(i, "bias", {n[0]});
    i = 3;
    for (size_t s = 0; s + 1 < n.size(); ++s) {
      for (int64_t b = 0; b < kind.blocks; ++b) add_block(i++, n[s]);
      ++i;  // nn.Upsample
      if (video_) add(i++, "conv.weight", {n[s] * kind.grow[s], n[s], 1, 1});
      add(i++, "weight", {n[s + 1], n[s], 3, 3});
    }
    if (video_) {
      ++i;  // ReLU
    } else {
      add_block(i++, n.back());
    }
    add(i, "weight", {3, n.back(), 3, 3});
    add(i, "bias", {3});
  }
  std::map<std::string, Tensor> tensors;

 private:
  void add(int64_t i, const std::string& what, const Shape& shape) {
    Tensor t = generator_.randn(shape);
    const double size = shape.rank() == 4 ? 1.2 / std::sqrt(static_cast<double>(shape[1] * shape[2] * shape[3])) : 0.1;
    for (int64_t n = 0; n < t.numel(); ++n) t.data_mut<float>()[n] *= static_cast<float>(size);
    tensors[prefix_ + std::to_string(i) + "." + what] = t;
  }
  void add_block(int64_t i, int64_t n) {
    add(i, "conv.0.weight", {n, video_ ? 2 * n : n, 3, 3});
    for (const char* at : {"2", "4"}) add(i, std::string("conv.") + at + ".weight", {n, n, 3, 3});
    for (const char* at : {"0", "2", "4"}) add(i, std::string("conv.") + at + ".bias", {n});
  }

  bool video_;
  std::string prefix_;
  Generator generator_{11};
};

}  // namespace swan::support
