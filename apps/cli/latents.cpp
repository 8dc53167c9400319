#include "cli/latents.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <span>

#include "swan/error.h"
#include "swan/pipeline.h"

namespace swan::cli {

Tensor read_latents(const std::string& path) {
  Tensor latents = load_tensor(path, "latents");
  const Tensor values = latents.to(DType::kF32);
  const std::span<const float> all(values.data<float>(), static_cast<size_t>(values.numel()));
  const auto bad = std::count_if(all.begin(), all.end(), [](float value) { return !std::isfinite(value); });
  if (bad > 0) {
    throw Error(
        ErrorCode::kCorruptFile,
        fmt::format("cannot start from --latents '{}': {} of {} values are NaN or infinite; write the file anew.", path,
                    bad, all.size()));
  }
  return latents;
}

Tensor concatenate(const std::vector<Tensor>& parts) {
  if (parts.size() == 1) return parts.front();
  const Tensor& first = parts.front();
  int64_t rows = 0;
  for (const Tensor& part : parts) {
    if (part.rank() != first.rank() || part.dtype() != first.dtype() ||
        !std::ranges::equal(part.shape().dims().subspan(1), first.shape().dims().subspan(1))) {
      throw Error(ErrorCode::kInternal, fmt::format("latents of shapes {} and {} are of one command; please report it.",
                                                    first.shape().str(), part.shape().str()));
    }
    rows += part.dim(0);
  }
  std::vector<int64_t> dims(first.shape().dims().begin(), first.shape().dims().end());
  dims[0] = rows;
  Tensor all = Tensor::empty(Shape(dims), first.dtype());
  auto* out = static_cast<std::byte*>(all.raw_mut());
  for (const Tensor& part : parts) {
    std::memcpy(out, part.raw(), part.nbytes());
    out += part.nbytes();
  }
  return all;
}

}  // namespace swan::cli
