#include "cpu/conv.h"

#include "cpu/entries.h"

namespace swan::backends {

Tensor conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  return winograd_suits(w) ? winograd_conv(frames, w, activation) : direct_conv(frames, w, activation);
}

}  // namespace swan::backends
