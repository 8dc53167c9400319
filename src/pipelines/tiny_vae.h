#pragma once

#include <memory>
#include <string>

#include "models/autoencoder_tiny.h"
#include "pipelines/compute.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// Whether LoadOptions::vae is the file of a tiny autoencoder, which decodes beside the repository's and takes no
/// component's place. @throws Error as open_tensor_file
[[nodiscard]] bool is_tiny_vae(const std::string& path);

/// What decodes latents instead of the repository's vae. Small, so that it stays in memory.
struct TinyVae {
  std::unique_ptr<models::AutoencoderTiny> network;  ///< null: none was asked for
  DType dtype = DType::kF32;                         ///< of its weights

  /// What the repository's vae is like, which it must match.
  struct Expected {
    int64_t latent_channels, spatial_compression_ratio, temporal_compression_ratio;
    bool video;
  };
  /// Opens LoadOptions::vae, if it is one. @throws Error kShapeMismatch for one of another model; as AutoencoderTiny
  [[nodiscard]] static TinyVae open(const LoadOptions& options, const Compute& compute, const Expected& expected);
  [[nodiscard]] bool used() const noexcept { return network != nullptr; }
  /// @throws Error kInvalidArgument when tiles are asked for: it needs none
  void check_tiling(bool asked) const;
  [[nodiscard]] Context context(const Context& ctx, const Compute& compute) const {
    return ctx.with_dtype(compute.activations(dtype, Compute::Part::kVae));
  }
};

}  // namespace swan::pipelines
