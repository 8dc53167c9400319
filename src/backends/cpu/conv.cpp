#include "cpu/conv.h"

#include "cpu/entries.h"

namespace swan::backends {

Tensor conv(const Tensor& x, const ops::ConvWeight& w, ops::Activation activation) {
  return winograd_suits(w) ? winograd_conv(x, w, activation) : direct_conv(x, w, activation);
}

}  // namespace swan::backends
