#include "nn/linear_input.h"

namespace swan::nn {

LinearInput LinearInput::slice(int64_t begin, int64_t end) const {
  const auto part = [&](const Tensor& x) { return x.reshape({rows(), shape()[-1]}).slice(begin, end); };
  if (!is_rounded()) return part(plain_);
  const ops::QuantizedRows rounded = {.values = part(rounded_.values), .scales = rounded_.scales.slice(begin, end)};
  return {plain_.defined() ? part(plain_) : Tensor(), rounded};
}

}  // namespace swan::nn
