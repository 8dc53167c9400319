#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "core/context.h"
#include "core/generator.h"
#include "swan/tensor.h"

namespace swan::pipelines {

/// The noise of a run: one generator's draw of the whole batch, or one draw by each of a list of generators.
/// Ref: diffusers utils/torch_utils.py, randn_tensor
class Noise {
 public:
  /// @param seeds  one, or one for each sample of the batch
  explicit Noise(const std::vector<uint64_t>& seeds);
  /// @param shape  [B, ...];  @return f32
  [[nodiscard]] Tensor draw(const Shape& shape, Context& ctx);
  /// On a device, makes the next draws now and puts them there, so that a loop waits for no upload: as many of `count`
  /// as fit into 64 MiB. What draw() returns stays the same.
  void prepare(const Shape& shape, int count, Context& ctx);

 private:
  [[nodiscard]] Tensor next(const Shape& shape, Context& ctx);

  std::vector<Generator> generators_;
  std::deque<Tensor> ahead_;
};

}  // namespace swan::pipelines
