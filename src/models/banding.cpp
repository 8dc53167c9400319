#include "models/banding.h"

#include <algorithm>
#include <cstring>

#include "core/parallel.h"

namespace swan::models {

namespace {
constexpr int64_t kBandBytes = int64_t{64} << 20;
constexpr int64_t kLeastRowsPerHalo = 8;  // a band this many times its halo: the rows computed twice stay few
}  // namespace

Tensor banded(const Tensor& x, const Band& band, const std::function<Tensor(const Tensor&)>& fn, Context& ctx) {
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  // Even, as is every halo but an upsampler's: the tiles of a minimal-filtering convolution then lie as in the whole.
  const int64_t rows =
      std::max({kBandBytes / std::max<int64_t>(band.row_bytes, 1), kLeastRowsPerHalo * band.halo, int64_t{2}}) / 2 * 2;
  if (batch * height <= rows || ctx.recording()) return fn(x);
  Tensor out;
  for (int64_t b = 0; b < batch; ++b) {
    const Tensor picture = x.slice(b, b + 1).reshape({height, width, channels});
    for (int64_t r0 = 0; r0 < height; r0 += rows) {
      ctx.check_cancelled();
      const int64_t r1 = std::min(height, r0 + rows);
      const int64_t h0 = std::max<int64_t>(0, r0 - band.halo), h1 = std::min(height, r1 + band.halo);
      const Tensor part = fn(picture.slice(h0, h1).reshape({1, h1 - h0, width, channels}));
      if (!out.defined()) out = Tensor::empty({batch, height * band.scale, part.dim(2), part.dim(3)}, DType::kF32);
      const int64_t row = part.dim(2) * part.dim(3);
      // On several threads for the first touch of the output's pages, which costs more than the copy.
      float* to = out.data_mut<float>() + (b * height + r0) * band.scale * row;
      const float* from = part.data<float>() + (r0 - h0) * band.scale * row;
      parallel_ranges((r1 - r0) * band.scale * row, int64_t{1} << 18, [&](int64_t begin, int64_t end) {
        std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(float));
      });
    }
  }
  return out;
}

}  // namespace swan::models
