#pragma once

#include <span>

#include "core/context.h"
#include "ops/linear.h"
#include "swan/tensor.h"

namespace swan::nn {

/// One adapter's change of one weight [N, ...], K values a row: scale * up down, and with DoRA the rows' norms.
struct LowRankUpdate {
  Tensor down;       ///< A, [r, K], f32 | f16 | bf16
  Tensor up;         ///< B, [N, r]
  Tensor magnitude;  ///< [N], the norm that each row of the sum gets; undefined: plain LoRA
  float scale = 1;   ///< the user's times alpha / r
};

/// What adapters add to a linear layer's output, computed beside its weight: B (A x), of all of them at once.
struct LowRank {
  ops::LinearWeight down;  ///< [R, K], the adapters' A one below the other
  ops::LinearWeight up;    ///< [N, R], their B side by side, each times its scale
  [[nodiscard]] bool defined() const noexcept { return down.weight.defined(); }

  /// @param updates  of one weight, without magnitudes; R is the sum of their ranks
  [[nodiscard]] static LowRank of(std::span<const LowRankUpdate> updates);
  /// activation(y + B h). @param y  the layer's output without its activation;  @param h  A x, [..., R]
  [[nodiscard]] Tensor add_to(const Tensor& y, const Tensor& h, ops::Activation activation, Context& ctx) const;
};

/// The weight with the updates added in f32, rounded to its dtype: a copy.
/// Ref: PEFT lora/layer.py; Liu et al. 2024 (arXiv:2402.09353), DoRA
[[nodiscard]] Tensor merge(const Tensor& weight, std::span<const LowRankUpdate> updates);

/// parameter + scale * delta, two of one shape, in f32, rounded to the parameter's dtype: a copy.
[[nodiscard]] Tensor merge(const Tensor& parameter, const Tensor& delta, float scale);

}  // namespace swan::nn
