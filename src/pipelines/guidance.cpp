#include "pipelines/guidance.h"

#include <array>

#include "ops/elementwise.h"

namespace swan::pipelines {

Tensor guide(const Tensor& uncond, const Tensor& cond, double scale, Context& ctx) {
  const Tensor direction = ops::linear_combination(std::array{1.0F, -1.0F}, std::array{cond, uncond}, ctx);
  return ops::linear_combination(std::array{1.0F, static_cast<float>(scale)}, std::array{uncond, direction}, ctx);
}

}  // namespace swan::pipelines
