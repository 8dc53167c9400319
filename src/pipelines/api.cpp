#include <filesystem>

#include "core/error.h"
#include "core/parallel.h"
#include "io/repository.h"
#include "pipelines/parameters.h"
#include "pipelines/sana.h"
#include "swan/pipeline.h"

namespace swan {

ImagePipeline::~ImagePipeline() = default;

std::unique_ptr<ImagePipeline> ImagePipeline::open(const std::string& path, const LoadOptions& options) {
  const bool embedded = path.empty() || path == pipelines::kEmbeddedModel;
  io::Repository repository = io::Repository::open(embedded ? default_image_model() : path);
  const std::string name =
      embedded ? pipelines::kEmbeddedModel : std::filesystem::absolute(path).lexically_normal().string();
  if (repository.class_name() == "SanaPipeline" || repository.class_name() == "SanaPAGPipeline")
    return std::make_unique<pipelines::SanaPipeline>(std::move(repository), name, options);
  fail(ErrorCode::kUnsupported, "{}: a repository of {}; this version of Swan makes pictures with SanaPipeline.",
       repository.path(), repository.class_name());
}

void set_threads(int threads) { set_num_threads(threads); }

}  // namespace swan
