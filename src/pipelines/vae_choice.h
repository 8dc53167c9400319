#pragma once

#include <memory>
#include <string>

#include "io/repository.h"
#include "models/autoencoder_tiny.h"
#include "pipelines/compute.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// The folder of one component, config.json beside its weights: `given` itself, or that component's of the repository
/// which `given` is.
/// @param name              "controlnet", what it is called in a repository
/// @param noun, class_name  for the message: "ControlNet", "SanaControlNetModel"
/// @throws Error kNotFound saying what to give
[[nodiscard]] std::string component_folder(const std::string& given, const std::string& name, const std::string& noun,
                                           const std::string& class_name);

/// Puts the autoencoder of LoadOptions::vae in the place of the repository's, where it is a folder. A tiny one takes
/// nothing's place: the pipelines open it beside the repository's.
/// @throws Error kNotFound; kUnsupported when it is of another class than the repository's; kCorruptFile
void choose_vae(io::Repository& repository, const LoadOptions& options);

/// What decodes latents instead of the repository's vae. Small, so that it stays in memory.
struct TinyVae {
  std::unique_ptr<models::AutoencoderTiny> network;  ///< null: none was asked for
  DType dtype = DType::kF32;                         ///< of its weights

  /// What the repository's vae is like, which it must match.
  struct Expected {
    int64_t latent_channels, spatial_compression_ratio, temporal_compression_ratio;
    bool video;
  };
  /// Opens LoadOptions::vae, if it is a file. @throws Error kShapeMismatch for one of another model; as AutoencoderTiny
  [[nodiscard]] static TinyVae open(const LoadOptions& options, const Compute& compute, const Expected& expected);
  [[nodiscard]] bool used() const noexcept { return network != nullptr; }
  /// @throws Error kInvalidArgument when tiles are asked for: it needs none
  void check_tiling(bool asked) const;
  [[nodiscard]] Context context(const Context& ctx, const Compute& compute) const {
    return ctx.with_dtype(compute.activations(dtype, Compute::Part::kVae));
  }
};

}  // namespace swan::pipelines
