#include "models/banding.h"

#include <algorithm>

#include "core/device.h"

namespace swan::models {

namespace {
constexpr int64_t kLeastRowsPerHalo = 8;  // a band this many times its halo: the rows computed twice stay few
}  // namespace

Tensor banded(Tensor x, const Band& band, const std::function<Tensor(const Tensor&)>& fn, Context& ctx) {
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const int64_t row = width * channels * static_cast<int64_t>(size_of(x.dtype()));  // bytes
  // Even, as is every halo but an upsampler's: the tiles of a minimal-filtering convolution then lie as in the whole.
  const int64_t rows =
      std::max({ctx.band_bytes() / std::max<int64_t>(band.row_bytes, 1), kLeastRowsPerHalo * band.halo, int64_t{2}}) /
      2 * 2;
  if (batch * height <= rows || ctx.recording()) return fn(x);
  const bool may_overwrite = x.unique();
  Tensor out, above;  // above: the halo over the next band as it was, once x is being written over
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t r0 = 0; r0 < height; r0 += rows) {
      ctx.check_cancelled();
      const int64_t r1 = std::min(height, r0 + rows);
      const int64_t h0 = std::max<int64_t>(0, r0 - band.halo), h1 = std::min(height, r1 + band.halo);
      Tensor part = x.reshape({batch * height, width, channels}).slice(b * height + h0, b * height + h1);
      if (above.defined() && r0 > 0) {
        Tensor whole = Tensor::empty({h1 - h0, width, channels}, x.dtype(), x.device());
        copy_bytes(whole, 0, above, 0, (r0 - h0) * row);
        copy_bytes(whole, (r0 - h0) * row, part, (r0 - h0) * row, (h1 - r0) * row);
        part = whole;
      }
      const Tensor made = fn(part.reshape({1, h1 - h0, width, channels}));
      const int64_t made_row = made.dim(2) * made.dim(3) * static_cast<int64_t>(size_of(made.dtype()));
      const Shape shape = {batch, height * band.scale, made.dim(2), made.dim(3)};
      if (!out.defined())
        out = may_overwrite && shape == x.shape() && made.dtype() == x.dtype()
                  ? x
                  : Tensor::empty(shape, made.dtype(), made.device());
      if (out.raw() == x.raw()) {
        const int64_t kept = std::min(band.halo, r1);
        above = Tensor::empty({kept, width, channels}, x.dtype(), x.device());
        copy_bytes(above, 0, part, (r1 - kept - h0) * row, kept * row);
      }
      copy_bytes(out, (b * height + r0) * band.scale * made_row, made, (r0 - h0) * band.scale * made_row,
                 (r1 - r0) * band.scale * made_row);
    }
  }
  return out;
}

}  // namespace swan::models
