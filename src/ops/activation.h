#pragma once

namespace swan::ops {

/// Functions that linear, conv2d and gated_activation can apply to their result.
enum class Activation {
  kNone,
  kRelu,
  kSilu,      ///< x * sigmoid(x)
  kGeluTanh,  ///< 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
};

}  // namespace swan::ops
