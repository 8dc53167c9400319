#pragma once

#include <cstdint>
#include <vector>

#include "swan/image.h"
#include "swan/tensor.h"

namespace swan::pipelines {

class Stages;

/// Rough pictures of latents, at next to no cost, for people who watch them come. A latent becomes a patch of pixels,
/// each a linear function of its channels, which is fitted to what the decoder made of earlier latents: nothing about
/// an autoencoder need be known. Before the first picture there is only a grey one, bright where latents are unlike the
/// rest.
class LatentPreview {
 public:
  /// @param channels  of a latent;  @param compression  pixels of the decoder's a latent stands for, in each direction
  LatentPreview(int64_t channels, int64_t compression);

  /// Shows every sample to Callbacks::preview; of clips the frame in the middle.
  /// @param latents  [B, C, h, w] or [B, C, T, h, w] f32 on any device, about as the decoder will get them
  /// @param step     of the stage, from 1
  void show(const Tensor& latents, int step, const Stages& stages) const;

  /// Learns from what the decoder made. @param latents  as of show, on the host;  @param sample  which of them
  /// @param picture  of its frame `frame`, h and w times a whole number of pixels; other sizes teach nothing
  void learn(const Tensor& latents, int64_t sample, int64_t frame, const Image& picture);

 private:
  void solve();
  [[nodiscard]] Image picture(const std::vector<double>& z, int64_t height, int64_t width) const;
  [[nodiscard]] Image unlearned(const std::vector<double>& z, int64_t height, int64_t width) const;

  int64_t channels_, patch_;  // a latent is patch_ x patch_ pixels of a preview
  // Least squares of pixels by [channels, 1], with what was seen before counting less and less.
  std::vector<double> moments_;  // [C + 1, C + 1]
  std::vector<double> targets_;  // [C + 1, 3 patch patch]
  std::vector<double> weights_;  // [C + 1, 3 patch patch]; empty: nothing was learned
};

}  // namespace swan::pipelines
