#include "pipelines/vae_choice.h"

#include <filesystem>
#include <system_error>

#include "core/error.h"
#include "io/config.h"
#include "io/open_tensor_file.h"

namespace swan::pipelines {

namespace {

namespace fs = std::filesystem;

constexpr const char* kVae = "vae";
constexpr const char* kGive =
    "give the folder of an autoencoder of the same kind (config.json beside diffusion_pytorch_model.safetensors), or "
    "the file of a tiny one (taesana_decoder for Sana, taew2_1 for Wan)";

bool is_there(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}
bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

}  // namespace

std::string component_folder(const std::string& given, const std::string& name, const std::string& noun,
                             const std::string& class_name) {
  if (is_there(fs::path(given) / "model_index.json")) return io::Repository::open(given).component(name).directory;
  if (!is_there(fs::path(given) / "config.json"))
    fail(ErrorCode::kNotFound,
         "cannot open the {} {}: {}; give the folder of a {}, which holds config.json beside "
         "diffusion_pytorch_model.safetensors, or that of a whole repository with one.",
         noun, given, is_there(given) ? "there is no config.json in it" : "there is no such folder", class_name);
  return given;
}

void choose_vae(io::Repository& repository, const LoadOptions& options) {
  if (options.vae.empty()) return;
  if (!is_there(options.vae))
    fail(ErrorCode::kNotFound, "cannot open the vae {}: there is no such folder or file; {}.", options.vae, kGive);
  if (!is_folder(options.vae)) return;
  io::Component component = repository.component(kVae);
  component.directory = component_folder(options.vae, kVae, kVae, component.class_name);
  const io::Config config = io::Config::read((fs::path(component.directory) / "config.json").string());
  const auto class_name = config.get<std::string>("_class_name", component.class_name);
  if (class_name != component.class_name)
    fail(ErrorCode::kUnsupported, "the vae {} is an {}, and the model {} decodes with an {}; {}.", options.vae,
         class_name, repository.path(), component.class_name, kGive);
  repository.replace(std::move(component));
}

TinyVae TinyVae::open(const LoadOptions& options, const Compute& compute, const Expected& expected) {
  if (options.vae.empty() || is_folder(options.vae)) return {};
  const std::shared_ptr<io::Weights> weights = io::Weights::of(io::open_tensor_file(options.vae));
  if (!models::AutoencoderTiny::is_one(*weights))
    fail(ErrorCode::kUnsupported, "the vae {} is not the decoder of a tiny autoencoder: {}.", options.vae, kGive);
  TinyVae tiny{std::make_unique<models::AutoencoderTiny>(weights, compute.storage()), weights->dtype()};
  const models::AutoencoderTiny& n = *tiny.network;
  if (n.latent_channels() != expected.latent_channels ||
      n.spatial_compression_ratio() != expected.spatial_compression_ratio ||
      n.temporal_compression_ratio() != expected.temporal_compression_ratio || n.is_video() != expected.video)
    fail(ErrorCode::kShapeMismatch,
         "the vae {} is not this model's: it decodes {} of {} channels to {} pixels a side and {} frames each, and the "
         "model's latents have {} channels of {} pixels and {} frames; {}.",
         options.vae, n.is_video() ? "clips" : "pictures", n.latent_channels(), n.spatial_compression_ratio(),
         n.temporal_compression_ratio(), expected.latent_channels, expected.spatial_compression_ratio,
         expected.temporal_compression_ratio, kGive);
  return tiny;
}

void TinyVae::check_tiling(bool asked) const {
  if (asked && used())
    fail(ErrorCode::kInvalidArgument,
         "vae_tiling is asked for, but the vae is a tiny one, which decodes pictures of any size without tiles; leave "
         "it out.");
}

}  // namespace swan::pipelines
