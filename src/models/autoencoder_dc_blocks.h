#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/autoencoder_dc.h"
#include "models/glumbconv.h"
#include "nn/layers.h"

namespace swan::models {

/// A block of the autoencoder: [B, H, W, C] to [B, H', W', C']. Given x for good, it may write over it.
class DCBlock : public nn::Module {
 public:
  using Module::Module;
  virtual ~DCBlock() = default;
  [[nodiscard]] virtual Tensor forward(Tensor x, Context& ctx) const = 0;

  /// How far a row of the result looks, and how many there are for each row of x.
  struct Reach {
    int64_t halo;  ///< rows of x above and below
    int64_t scale = 1;
  };
  /// Nothing: a row of the result depends on all rows of x, as with attention.
  [[nodiscard]] virtual std::optional<Reach> reach() const { return std::nullopt; }
};

/// What a ResBlock or EfficientViTBlock is made from.
struct DCBlockOptions {
  std::string type;
  int64_t channels;
  int64_t attention_head_dim;
  std::string norm_type;
  ops::Activation act_fn;
  std::vector<int64_t> qkv_multiscales;
};

/// @throws Error kUnsupported for a type we lack
[[nodiscard]] std::unique_ptr<DCBlock> make_dc_block(const DCBlockOptions& options, const nn::Scope& scope);

/// Halves the size: a strided convolution, or a convolution and pixel unshuffling; the shortcut unshuffles the input
/// and averages groups of channels.
class DCDownBlock2d : public DCBlock {
 public:
  struct Options {
    bool pixel_unshuffle;
    bool shortcut = true;
  };
  DCDownBlock2d(const nn::Scope& scope, int64_t in, int64_t out, const Options& options);
  [[nodiscard]] Tensor forward(Tensor x, Context& ctx) const override;

 private:
  Options options_;
  int64_t group_;
  nn::Conv2d conv_;
};

/// Doubles the size: nearest neighbours and a convolution, or a convolution and pixel shuffling; the shortcut repeats
/// channels and shuffles them.
class DCUpBlock2d : public DCBlock {
 public:
  struct Options {
    bool pixel_shuffle;
    bool shortcut = true;
  };
  DCUpBlock2d(const nn::Scope& scope, int64_t in, int64_t out, const Options& options);
  [[nodiscard]] Tensor forward(Tensor x, Context& ctx) const override;
  [[nodiscard]] std::optional<Reach> reach() const override { return Reach{.halo = 1, .scale = 2}; }

 private:
  [[nodiscard]] Tensor upsample(const Tensor& hidden, Context& ctx) const;

  Options options_;
  int64_t repeats_;
  nn::Conv2d conv_;
};

}  // namespace swan::models
