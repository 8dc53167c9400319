#include "io/safetensors.h"
#include "swan/pipeline.h"

namespace swan {

Tensor load_tensor(const std::string& path, const std::string& name) {
  return io::SafetensorsFile::open(path)->tensor(name);
}

void save_tensor(const std::string& path, const std::string& name, const Tensor& tensor) {
  io::write_safetensors(path, {{name, tensor}});
}

}  // namespace swan
