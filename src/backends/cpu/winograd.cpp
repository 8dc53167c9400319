#include "cpu/kernels/winograd.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/parallel.h"
#include "cpu/conv.h"
#include "cpu/gemm.h"
#include "cpu/kernels/elementwise.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {

constexpr int kInputSlot = 2, kProductSlot = 3;

int64_t points_of(const ops::ConvWeight& w) { return w.upsample ? 3 : 4; }

// The weights' transforms G g G^T, [points, points, frames C, O]. On a doubled picture the second input transform is
// twice the middle pixel: its factor of two stands in G, and G's third row, which meets a zero, is left out.
struct PackedWinograd final : ops::Prepacked {
  explicit PackedWinograd(const ops::ConvWeight& w) {
    using Row = std::array<double, 3>;
    const std::vector<Row> g = w.upsample ? std::vector<Row>{{1, 0, 0}, {1, 1, 1}, {0, 0, 1}}
                                          : std::vector<Row>{{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}};
    const int64_t out = w.out_channels(), in = w.in_channels(), frames = w.frames(), depth = frames * in;
    const auto points = static_cast<int64_t>(g.size());
    const Tensor plain = w.weight.to(DType::kF32);
    transformed = Tensor::empty({points * points, depth, out}, DType::kF32);
    const auto* from = plain.data<float>();
    auto* to = transformed.data_mut<float>();
    parallel_for(depth, [&](int64_t k) {
      const int64_t t = k / in, c = k % in;
      for (int64_t o = 0; o < out; ++o) {
        const float* taps = from + ((o * in + c) * frames + t) * 9;
        for (int64_t i = 0; i < points; ++i) {
          std::array<double, 3> row{};
          for (size_t a = 0; a < 3; ++a)
            for (size_t b = 0; b < 3; ++b) row[b] += g[static_cast<size_t>(i)][a] * taps[3 * a + b];
          for (int64_t j = 0; j < points; ++j) {
            const Row& f = g[static_cast<size_t>(j)];
            to[((i * points + j) * depth + k) * out + o] =
                static_cast<float>(row[0] * f[0] + row[1] * f[1] + row[2] * f[2]);
          }
        }
      }
    });
    w.weight.drop_pages();
  }
  Tensor transformed;
};

}  // namespace

bool winograd_suits(const ops::ConvWeight& w) {
  constexpr int64_t kFewestChannels = 16;  // with fewer, the transforms cost more than the products they save
  return w.kernel() == 3 && w.stride == 1 && w.padding == 1 && w.trailing_padding == 0 && w.groups == 1 &&
         std::min(w.in_channels(), w.out_channels()) >= kFewestChannels;
}

Tensor winograd_conv(std::span<const Tensor> frames, const ops::ConvWeight& w, ops::Activation activation) {
  const Tensor x = ops::first_frame(frames);
  const int64_t batch = x.dim(0), height = x.dim(1), width = x.dim(2), channels = x.dim(3);
  const int64_t out_height = w.out_extent(height), out_width = w.out_extent(width), out_channels = w.out_channels();
  Tensor out = Tensor::empty({batch, out_height, out_width, out_channels}, DType::kF32);
  if (out.numel() == 0) return out;
  if (dynamic_cast<PackedWinograd*>(w.prepacked.get()) == nullptr) w.prepacked = std::make_shared<PackedWinograd>(w);
  const Tensor& weights = static_cast<const PackedWinograd*>(w.prepacked.get())->transformed;

  const int64_t points = points_of(w), transforms = points * points, depth = w.frames() * channels;
  // Frames of zeros are left out of the products, as far as they come first: before a clip they do.
  int64_t skipped = 0;
  while (!frames[static_cast<size_t>(skipped)].defined()) ++skipped;
  const int64_t used = depth - skipped * channels;
  // Tiles start a pixel above and left of their output; on a doubled picture that is half a pixel of x.
  const int64_t tile_step = w.upsample ? 1 : 2;
  const int64_t tile_rows = (out_height + 1) / 2, tile_columns = (out_width + 1) / 2;
  const int64_t tiles = tile_rows * tile_columns;
  // Tiles of one task: their transforms should stay in the caches between the passes, and each product should have rows
  // enough to pay for reading its weights.
  constexpr int64_t kTaskFloats = int64_t{1} << 20;
  constexpr int64_t kWantedTasks = 16;
  const int64_t by_cache = std::clamp<int64_t>(kTaskFloats / (transforms * (depth + out_channels)), 64, 256);
  const int64_t by_share = std::max<int64_t>(32, (batch * tiles + kWantedTasks - 1) / kWantedTasks);
  const int64_t block = std::min(by_cache, by_share);
  const int64_t blocks = (tiles + block - 1) / block;
  const Tensor nothing = Tensor::zeros({channels}, DType::kF32);

  const float* bias = w.bias.defined() ? w.bias.data<float>() : nullptr;
  auto* py = out.data_mut<float>();
  parallel_for(batch * blocks, [&](int64_t task) {
    const int64_t b = task / blocks, first = task % blocks * block;
    const int64_t count = std::min(block, tiles - first);
    float* v = thread_scratch(kInputSlot, static_cast<size_t>(transforms * count * used));
    float* m = thread_scratch(kProductSlot, static_cast<size_t>(transforms * count * out_channels));
    for (int64_t t = skipped; t < w.frames(); ++t) {
      const Tensor& f = frames[static_cast<size_t>(t)];
      const float* picture = f.defined() ? f.data<float>() + b * height * width * channels : nullptr;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t row = (first + i) / tile_columns * tile_step - 1;
        const int64_t column = (first + i) % tile_columns * tile_step - 1;
        std::array<const float*, 16> pixels{};
        for (int64_t r = 0; r < points; ++r) {
          for (int64_t c = 0; c < points; ++c) {
            const int64_t y = row + r, z = column + c;
            const bool inside = picture != nullptr && y >= 0 && y < height && z >= 0 && z < width;
            pixels[static_cast<size_t>(r * points + c)] =
                inside ? picture + (y * width + z) * channels : nothing.data<float>();
          }
        }
        kernels::winograd_input(pixels.data(), points, channels, v + i * used + (t - skipped) * channels, count * used);
      }
    }
    for (int64_t p = 0; p < transforms; ++p)
      gemm({.m = count,
            .n = out_channels,
            .k = used,
            .lda = used,
            .b_row = out_channels,
            .b_col = 1,
            .ldc = out_channels},
           v + p * count * used, weights.data<float>() + (p * depth + skipped * channels) * out_channels, nullptr,
           m + p * count * out_channels);
    for (int64_t i = 0; i < count; ++i) {
      const int64_t row = (first + i) / tile_columns * 2, column = (first + i) % tile_columns * 2;
      std::array<float*, 4> pixels{};
      for (int64_t q = 0; q < 4; ++q) {
        const int64_t y = row + q / 2, z = column + q % 2;
        if (y < out_height && z < out_width)
          pixels[static_cast<size_t>(q)] = py + ((b * out_height + y) * out_width + z) * out_channels;
      }
      kernels::winograd_output(m + i * out_channels, count * out_channels, points, out_channels, bias, pixels.data());
      if (activation == ops::Activation::kNone) continue;
      for (float* pixel : pixels)
        if (pixel != nullptr) kernels::activate(pixel, pixel, out_channels, activation);
    }
  });
  return out;
}

}  // namespace swan::backends
