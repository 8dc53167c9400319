#include <swan/error.h>
#include <swan/image.h>
#include <swan/log.h>
#include <swan/pipeline.h>
#include <swan/progress.h>
#include <swan/tensor.h>
#include <swan/version.h>

#include <cstdio>

// Prints the version, the embedded model and the size of its pictures.
int main() {
  try {
    const auto pipeline = swan::ImagePipeline::open("");
    std::printf("swan %s opened %s: %ld pixels\n", swan::version(), swan::default_image_model().c_str(),
                static_cast<long>(pipeline->default_size()));
    return 0;
  } catch (const swan::Error& error) {
    std::fprintf(stderr, "%s: %s\n", swan::error_code_name(error.code()), error.what());
    return 1;
  }
}
