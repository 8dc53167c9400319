#include "pipelines/noise.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "ops/layout.h"

namespace swan::pipelines {

Noise::Noise(const std::vector<uint64_t>& seeds) {
  for (const uint64_t seed : seeds) generators_.emplace_back(seed);
}

Tensor Noise::draw(const Shape& shape, Context& ctx) {
  if (ahead_.empty()) return next(shape, ctx);
  Tensor drawn = std::move(ahead_.front());
  ahead_.pop_front();
  SWAN_ASSERT(drawn.shape() == shape);
  return drawn;
}

void Noise::prepare(const Shape& shape, int count, Context& ctx) {
  constexpr int64_t kBytes = int64_t{64} << 20;
  if (ctx.device() == nullptr) return;
  const int64_t fitting = kBytes / (shape.numel() * static_cast<int64_t>(sizeof(float)));
  for (int64_t i = 0; i < std::min<int64_t>(count, fitting); ++i) ahead_.push_back(next(shape, ctx).on(ctx.device()));
}

Tensor Noise::next(const Shape& shape, Context& ctx) {
  if (generators_.size() == 1) return generators_[0].randn(shape);
  std::vector<int64_t> dims(shape.dims().begin(), shape.dims().end());
  dims[0] = 1;
  std::vector<Tensor> rows;
  for (Generator& generator : generators_) rows.push_back(generator.randn(Shape(std::span<const int64_t>(dims))));
  return ops::concat_rows(rows, ctx);
}

}  // namespace swan::pipelines
