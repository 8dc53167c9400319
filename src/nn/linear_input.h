#pragma once

#include "ops/quantized.h"
#include "swan/tensor.h"

namespace swan::nn {

/// What linear layers read: a tensor or, for layers that multiply in e4m3, its rows rounded to that, once for all the
/// layers that share them (Linear::read).
class LinearInput {
 public:
  LinearInput(Tensor plain) : plain_(std::move(plain)) {}  // implicit: every tensor is one
  LinearInput(ops::QuantizedRows rounded) : rounded_(std::move(rounded)) {}
  /// Both, for layers with adapters, which read the tensor itself.
  LinearInput(Tensor plain, ops::QuantizedRows rounded) : plain_(std::move(plain)), rounded_(std::move(rounded)) {}

  [[nodiscard]] bool is_rounded() const noexcept { return rounded_.values.defined(); }
  /// Undefined where only the rounded rows were made.
  [[nodiscard]] const Tensor& plain() const noexcept { return plain_; }
  [[nodiscard]] const ops::QuantizedRows& rounded() const noexcept { return rounded_; }
  [[nodiscard]] const Shape& shape() const noexcept { return is_rounded() ? rounded_.values.shape() : plain_.shape(); }
  /// All dimensions but the last.
  [[nodiscard]] int64_t rows() const { return shape().numel() / shape()[-1]; }
  /// Rows [begin, end) as [end - begin, K], sharing the bytes.
  [[nodiscard]] LinearInput slice(int64_t begin, int64_t end) const;

 private:
  Tensor plain_;
  ops::QuantizedRows rounded_;
};

}  // namespace swan::nn
