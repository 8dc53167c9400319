#include "pipelines/noise.h"

#include "ops/layout.h"

namespace swan::pipelines {

Noise::Noise(const std::vector<uint64_t>& seeds) {
  for (const uint64_t seed : seeds) generators_.emplace_back(seed);
}

Tensor Noise::draw(const Shape& shape, Context& ctx) {
  if (generators_.size() == 1) return generators_[0].randn(shape);
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = 1;
  std::vector<Tensor> rows;
  for (Generator& generator : generators_) rows.push_back(generator.randn(Shape(std::span<const int64_t>(dims))));
  return ops::concat_rows(rows, ctx);
}

}  // namespace swan::pipelines
