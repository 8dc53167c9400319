#include "pipelines/tiny_vae.h"

#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "io/open_tensor_file.h"
#include "io/weights.h"

namespace swan::pipelines {

bool is_tiny_vae(const std::string& path) {
  std::error_code error;
  return !path.empty() && std::filesystem::is_regular_file(path, error) &&
         models::AutoencoderTiny::is_one(*io::Weights::of(io::open_tensor_file(path)));
}

TinyVae TinyVae::open(const LoadOptions& options, const Compute& compute, const Expected& expected) {
  if (!is_tiny_vae(options.vae)) return {};
  const std::shared_ptr<io::Weights> weights = io::Weights::of(io::open_tensor_file(options.vae));
  TinyVae tiny;
  tiny.network = std::make_unique<models::AutoencoderTiny>(weights, compute.storage());
  tiny.dtype = weights->dtype();
  const models::AutoencoderTiny& n = *tiny.network;
  if (n.latent_channels() != expected.latent_channels ||
      n.spatial_compression_ratio() != expected.spatial_compression_ratio ||
      n.temporal_compression_ratio() != expected.temporal_compression_ratio || n.is_video() != expected.video)
    fail(ErrorCode::kShapeMismatch,
         "the vae {} is not this model's: it decodes {} of {} channels to {} pixels a side and {} frames each, and the "
         "model's latents have {} channels of {} pixels and {} frames; give the decoder that was made for the model "
         "(taesana_decoder for Sana, taew2_1 for Wan).",
         options.vae, n.is_video() ? "clips" : "pictures", n.latent_channels(), n.spatial_compression_ratio(),
         n.temporal_compression_ratio(), expected.latent_channels, expected.spatial_compression_ratio,
         expected.temporal_compression_ratio);
  return tiny;
}

void TinyVae::check_tiling(bool asked) const {
  if (asked && used())
    fail(ErrorCode::kInvalidArgument,
         "vae_tiling is asked for, but the vae is a tiny one, which decodes pictures of any size without tiles; leave "
         "it out.");
}

}  // namespace swan::pipelines
