#include "pipelines/load_options.h"

#include "core/error.h"

namespace swan::pipelines {

std::optional<DType> storage_of(const LoadOptions& options) {
  const std::string& name = options.dtype;
  if (name == "auto") return std::nullopt;
  if (name == "f32" || name == "f16" || name == "bf16") return parse_dtype(name);
  fail(ErrorCode::kInvalidArgument, "dtype '{}' is not known; use auto, f32, f16 or bf16.", name);
}

void check_device(const LoadOptions& options) {
  if (options.device == "auto" || options.device == "cpu") return;
  fail(ErrorCode::kUnsupported, "device '{}' is not there: this build of Swan has the CPU alone; use auto or cpu.",
       options.device);
}

}  // namespace swan::pipelines
