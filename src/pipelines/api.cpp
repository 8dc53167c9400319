#include "core/error.h"
#include "core/parallel.h"
#include "pipelines/model_files.h"
#include "pipelines/parameters.h"
#include "pipelines/sana.h"
#include "pipelines/sana_controlnet.h"
#include "pipelines/sana_sprint.h"
#include "pipelines/wan.h"
#include "swan/pipeline.h"

namespace swan {

ImagePipeline::~ImagePipeline() = default;
VideoPipeline::~VideoPipeline() = default;

namespace {
bool is_sana(const io::Repository& r) {
  return r.class_name() == "SanaPipeline" || r.class_name() == "SanaPAGPipeline" ||
         r.class_name() == "SanaControlNetPipeline";
}
bool is_controlled(const io::Repository& r, const LoadOptions& options) {
  return r.class_name() == "SanaControlNetPipeline" || !options.controlnet.empty();
}
void refuse_controlnet(const io::Repository& r, const LoadOptions& options) {
  if (!options.controlnet.empty())
    fail(ErrorCode::kUnsupported,
         "{}: a repository of {}, which cannot be controlled by the ControlNet {}; ControlNets are for SanaPipeline "
         "alone. Leave it out.",
         r.path(), r.class_name(), options.controlnet);
}
bool is_sprint(const io::Repository& r) {
  return r.class_name() == "SanaSprintPipeline" || r.class_name() == "SanaSprintImg2ImgPipeline";
}
bool makes_pictures(const io::Repository& r) { return is_sana(r) || is_sprint(r); }
bool makes_videos(const io::Repository& r) {
  return r.class_name() == "WanPipeline" || r.class_name() == "WanDMDPipeline";
}
}  // namespace

std::string model_kind(const std::string& path, const LoadOptions& options) {
  if (path == pipelines::kEmbeddedVideoModel) return "video";
  const io::Repository repository = pipelines::open_model(path, options, pipelines::kEmbeddedModel).repository;
  if (makes_pictures(repository)) return "image";
  if (makes_videos(repository)) return "video";
  fail(ErrorCode::kUnsupported, "{}: a repository of {}, which this version of Swan does not run.", repository.path(),
       repository.class_name());
}

std::unique_ptr<ImagePipeline> ImagePipeline::open(const std::string& path, const LoadOptions& options) {
  pipelines::ModelFiles files = pipelines::open_model(path, options, pipelines::kEmbeddedModel);
  io::Repository& repository = files.repository;
  if (is_sana(repository) && is_controlled(repository, options))
    return std::make_unique<pipelines::SanaControlNetPipeline>(std::move(repository), files.name, files.options);
  if (is_sana(repository))
    return std::make_unique<pipelines::SanaPipeline>(std::move(repository), files.name, files.options);
  if (is_sprint(repository)) {
    refuse_controlnet(repository, options);
    return std::make_unique<pipelines::SanaSprintPipeline>(std::move(repository), files.name, files.options);
  }
  if (makes_videos(repository))
    fail(ErrorCode::kUnsupported, "{}: a model of WanPipeline, which makes videos; use 'swan video'.",
         repository.path());
  fail(ErrorCode::kUnsupported,
       "{}: a repository of {}; this version of Swan makes pictures with SanaPipeline, "
       "SanaControlNetPipeline and SanaSprintPipeline.",
       repository.path(), repository.class_name());
}

std::unique_ptr<VideoPipeline> VideoPipeline::open(const std::string& path, const LoadOptions& options) {
  pipelines::ModelFiles files = pipelines::open_model(path, options, pipelines::kEmbeddedVideoModel);
  io::Repository& repository = files.repository;
  if (makes_videos(repository)) {
    refuse_controlnet(repository, options);
    return std::make_unique<pipelines::WanPipeline>(std::move(repository), files.name, files.options);
  }
  if (makes_pictures(repository))
    fail(ErrorCode::kUnsupported, "{}: a model of {}, which makes pictures; use 'swan image'.", repository.path(),
         repository.class_name());
  fail(ErrorCode::kUnsupported, "{}: a repository of {}; this version of Swan makes videos with WanPipeline.",
       repository.path(), repository.class_name());
}

void set_threads(int threads) { set_num_threads(threads); }

}  // namespace swan
