#include "ops/conv.h"

#include <fmt/format.h>

#include <cmath>

#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct Geometry {
  int64_t batch, height, width, in, out, kernel, stride, padding, groups;
};
struct ConvCase {
  Geometry geometry;
  DType dtype;
  [[nodiscard]] std::string name() const {
    const Geometry& g = geometry;
    return fmt::format("{}x{}x{}x{}_o{}_k{}_s{}_p{}_g{}_{}", g.batch, g.height, g.width, g.in, g.out, g.kernel,
                       g.stride, g.padding, g.groups, dtype_name(dtype));
  }
};
std::ostream& operator<<(std::ostream& out, const ConvCase& c) { return out << c.name(); }

std::vector<ConvCase> cases() {
  const std::vector<Geometry> geometries = {
      // pointwise, plain and in groups
      {1, 1, 1, 1, 1, 1, 1, 0, 1},
      {2, 3, 5, 7, 11, 1, 1, 0, 1},
      {1, 4, 4, 16, 32, 1, 1, 0, 1},
      {1, 3, 4, 12, 24, 1, 1, 0, 4},
      {1, 3, 3, 96, 96, 1, 1, 0, 3},
      {2, 3, 4, 15, 10, 1, 1, 0, 5},
      {1, 7, 8, 3, 4, 1, 3, 0, 1},
      // 3x3
      {2, 5, 7, 3, 5, 3, 1, 1, 1},
      {1, 8, 6, 17, 33, 3, 1, 1, 1},
      {1, 1, 1, 4, 4, 3, 1, 1, 1},
      {1, 9, 7, 8, 8, 3, 2, 1, 1},
      {3, 4, 3, 2, 4, 3, 1, 0, 1},
      {1, 3, 4, 2, 3, 3, 1, 2, 1},
      {1, 3, 4, 2, 3, 1, 1, 1, 1},
      {1, 16, 12, 64, 32, 3, 1, 1, 1},
      {1, 13, 11, 37, 41, 3, 1, 1, 1},
      {1, 12, 10, 32, 3, 3, 1, 1, 1},
      {1, 12, 10, 3, 32, 3, 1, 1, 1},
      {2, 10, 9, 24, 24, 3, 2, 1, 1},
      // 5x5, and the even kernels of patch embeddings
      {1, 7, 9, 3, 4, 5, 1, 2, 1},
      {2, 6, 5, 4, 6, 5, 2, 2, 2},
      {2, 4, 6, 3, 5, 2, 2, 0, 1},
      {1, 8, 4, 5, 7, 4, 4, 0, 1},
      // groups, depthwise, and depthwise with several outputs a channel
      {1, 5, 4, 6, 9, 3, 1, 1, 3},
      {2, 4, 5, 12, 12, 3, 1, 1, 12},
      {1, 6, 7, 9, 9, 5, 1, 2, 9},
      {1, 6, 7, 33, 33, 3, 2, 1, 33},
      {2, 5, 6, 96, 96, 5, 1, 2, 96},
      {1, 4, 5, 3, 6, 3, 1, 1, 3},
  };
  std::vector<ConvCase> all;
  for (const Geometry& g : geometries)
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) all.push_back({g, dtype});
  return all;
}

// As for linear (linear_test.cpp), with kernel^2 C / groups terms. Twice that on a GPU, which adds them one by one (of
// 323,136 elements of 576 terms the worst was at 1.5 with cuDNN).
Tolerance tolerance(const Tensor& x, const ConvWeight& w, const Context& ctx) {
  const int64_t terms = w.weight.numel() / w.out_channels();
  const double root = std::sqrt(static_cast<double>(terms));
  const double size = root * rms(x) * rms(w.weight) + (w.bias.defined() ? rms(w.bias) : 0);
  return {.relative = 4 * kEpsilon, .absolute = (ctx.device() == nullptr ? 1.0 : 2.0) * kEpsilon * (2 + root) * size};
}

ConvWeight weight_of(const ConvCase& c, const Tensor& bias) {
  const Geometry& g = c.geometry;
  return {.weight = normal({g.out, g.in / g.groups, g.kernel, g.kernel}, 2, 0.5).to(c.dtype),
          .bias = bias,
          .stride = g.stride,
          .padding = g.padding,
          .groups = g.groups};
}

using ConvTest = OracleTest<ConvCase>;
SWAN_FOR_EACH_CASE(ConvTest, cases());

TEST_P(ConvTest, MatchesReference) {
  const Geometry& g = param().geometry;
  const Tensor x = normal({g.batch, g.height, g.width, g.in}, 1);
  for (const Tensor& bias : {Tensor(), normal({g.out}, 3)}) {
    const ConvWeight w = weight_of(param(), bias);  // one for all activations: packed once, used four times
    for (const Activation activation :
         {Activation::kNone, Activation::kRelu, Activation::kSilu, Activation::kGeluTanh}) {
      SCOPED_TRACE(fmt::format("activation {}, bias {}", static_cast<int>(activation), bias.defined()));
      EXPECT_TRUE(close(conv2d(x, w, activation, ctx), conv2d(x, w, activation, oracle), tolerance(x, w, ctx)));
    }
  }
}

TEST_P(ConvTest, UsesWeightsWhereverTheyAreMapped) {
  const Geometry& g = param().geometry;
  const Tensor x = misaligned(normal({g.batch, g.height, g.width, g.in}, 4));
  ConvWeight w = weight_of(param(), misaligned(normal({g.out}, 5)));
  w.weight = misaligned(w.weight);
  EXPECT_TRUE(
      close(conv2d(x, w, Activation::kNone, ctx), conv2d(x, w, Activation::kNone, oracle), tolerance(x, w, ctx)));
}

struct ClipCase {
  int64_t batch, height, width, in, out;
  int64_t frames, zeros, kernel, stride, padding, trailing_padding;
  bool upsample = false;
  DType dtype = DType::kF32;
  [[nodiscard]] std::string name() const {
    return fmt::format("{}x{}x{}x{}_o{}_t{}_z{}_k{}_s{}_p{}{}{}_{}", batch, height, width, in, out, frames, zeros,
                       kernel, stride, padding, trailing_padding > 0 ? "_trailing" : "", upsample ? "_up" : "",
                       dtype_name(dtype));
  }
};
std::ostream& operator<<(std::ostream& out, const ClipCase& c) { return out << c.name(); }

std::vector<ClipCase> clip_cases() {
  std::vector<ClipCase> all = {{1, 4, 5, 3, 4, 3, 0, 3, 1, 1, 0},         {1, 6, 5, 16, 17, 3, 0, 3, 1, 1, 0},
                               {2, 9, 7, 33, 18, 3, 1, 3, 1, 1, 0},       {1, 9, 7, 33, 18, 3, 2, 3, 1, 1, 0},
                               {1, 3, 4, 6, 12, 3, 1, 1, 1, 0, 0},        {2, 3, 4, 20, 9, 3, 0, 1, 1, 0, 0},
                               {1, 3, 4, 20, 9, 1, 0, 1, 1, 0, 0},        {2, 8, 6, 12, 20, 1, 0, 3, 2, 0, 1},
                               {2, 7, 9, 12, 20, 1, 0, 3, 2, 0, 1},       {2, 5, 6, 24, 16, 1, 0, 3, 1, 1, 0, true},
                               {1, 1, 1, 16, 16, 1, 0, 3, 1, 1, 0, true}, {3, 17, 33, 64, 48, 1, 0, 3, 1, 1, 0, true},
                               {2, 5, 6, 3, 16, 1, 0, 3, 1, 1, 0, true},  {1, 3, 4, 16, 16, 2, 1, 3, 1, 1, 0, true},
                               {1, 33, 31, 48, 96, 3, 0, 3, 1, 1, 0},     {1, 64, 65, 128, 64, 1, 0, 3, 1, 1, 0}};
  for (size_t i = 0, n = all.size(); i < n; ++i) {
    all.push_back(all[i]);
    all.back().dtype = i % 2 == 0 ? DType::kF16 : DType::kBF16;
  }
  return all;
}

using Conv3dTest = OracleTest<ClipCase>;
SWAN_FOR_EACH_CASE(Conv3dTest, clip_cases());

TEST_P(Conv3dTest, MatchesReference) {
  const ClipCase& c = param();
  std::vector<Tensor> frames(static_cast<size_t>(c.zeros));
  for (int64_t t = c.zeros; t < c.frames; ++t)
    frames.push_back(normal({c.batch, c.height, c.width, c.in}, static_cast<uint64_t>(10 + t)));
  for (const Tensor& bias : {Tensor(), normal({c.out}, 3)}) {
    const ConvWeight w = {.weight = normal({c.out, c.in, c.frames, c.kernel, c.kernel}, 2, 0.5).to(c.dtype),
                          .bias = bias,
                          .stride = c.stride,
                          .padding = c.padding,
                          .trailing_padding = c.trailing_padding,
                          .upsample = c.upsample};
    for (const Activation activation : {Activation::kNone, Activation::kSilu})
      EXPECT_TRUE(close(conv3d(frames, w, activation, ctx), conv3d(frames, w, activation, oracle),
                        tolerance(frames.back(), w, ctx)));
  }
}

TEST_P(Conv3dTest, ZerosMayBeLeftOut) {
  const ClipCase& c = param();
  const Shape shape = {c.batch, c.height, c.width, c.in};
  std::vector<Tensor> frames(static_cast<size_t>(c.frames), Tensor::zeros(shape, DType::kF32));
  frames.back() = normal(shape, 1);
  std::vector<Tensor> fewer(static_cast<size_t>(c.frames));
  fewer.back() = frames.back();
  const ConvWeight w = {.weight = normal({c.out, c.in, c.frames, c.kernel, c.kernel}, 2, 0.5).to(c.dtype),
                        .stride = c.stride,
                        .padding = c.padding,
                        .trailing_padding = c.trailing_padding,
                        .upsample = c.upsample};
  EXPECT_TRUE(close(conv3d(fewer, w, Activation::kNone, ctx), conv3d(frames, w, Activation::kNone, ctx),
                    tolerance(frames.back(), w, ctx)));
}

using ConvPacking = BackendTest;
INSTANTIATE_TEST_SUITE_P(Backends, ConvPacking, ::testing::ValuesIn(backends_under_test()), name_of_backend);

TEST_P(ConvPacking, PackedWeightsServeEverySize) {
  // One weight, packed at its first use, then pictures of other sizes and batches, as a tiled decoder has them.
  Context oracle(oracle_kernels());
  const ConvWeight w = {.weight = normal({19, 23, 3, 3}, 2).to(DType::kBF16), .bias = normal({19}, 3), .padding = 1};
  for (const Shape& shape : {Shape{1, 16, 16, 23}, Shape{2, 3, 5, 23}, Shape{1, 1, 1, 23}, Shape{1, 33, 4, 23},
                             Shape{3, 16, 16, 23}, Shape{1, 16, 16, 23}}) {
    const Tensor x = normal(shape, 1);
    EXPECT_TRUE(
        close(conv2d(x, w, Activation::kNone, ctx), conv2d(x, w, Activation::kNone, oracle), tolerance(x, w, ctx)))
        << shape.str();
  }
}

TEST_P(ConvPacking, OneWeightServesBothConvolutions) {
  // What conv2d packed must not be taken for what depthwise_conv_glu packs, nor the other way round.
  Context oracle(oracle_kernels());
  const Tensor x = normal({1, 5, 6, 10}, 1);
  for (const bool glu_first : {false, true}) {
    const ConvWeight w = {.weight = normal({10, 1, 3, 3}, 2), .bias = normal({10}, 3), .padding = 1, .groups = 10};
    Tensor glu, conv;
    if (glu_first) glu = depthwise_conv_glu(x, w, ctx);
    conv = conv2d(x, w, Activation::kNone, ctx);
    if (!glu_first) glu = depthwise_conv_glu(x, w, ctx);
    EXPECT_TRUE(close(conv, conv2d(x, w, Activation::kNone, oracle), tolerance(x, w, ctx))) << glu_first;
    EXPECT_TRUE(close(glu, depthwise_conv_glu(x, w, oracle), {.relative = 8 * kEpsilon, .absolute = 200 * kEpsilon}))
        << glu_first;
  }
}

TEST_P(ConvPacking, WeightsOfOneShapeAreToldApart) {
  const Tensor x = normal({1, 5, 5, 8}, 1);
  const ConvWeight first = {.weight = normal({8, 8, 3, 3}, 2), .padding = 1};
  const ConvWeight second = {.weight = normal({8, 8, 3, 3}, 3), .padding = 1};
  const Tensor before = conv2d(x, first, Activation::kNone, ctx);
  const Tensor other = conv2d(x, second, Activation::kNone, ctx);
  EXPECT_TRUE(identical(conv2d(x, first, Activation::kNone, ctx), before));
  EXPECT_FALSE(identical(other, before));
}

struct GluCase {
  int64_t batch, height, width, half, kernel;
  DType dtype;
  [[nodiscard]] std::string name() const {
    return fmt::format("{}x{}x{}x{}_k{}_{}", batch, height, width, 2 * half, kernel, dtype_name(dtype));
  }
};
std::ostream& operator<<(std::ostream& out, const GluCase& c) { return out << c.name(); }

std::vector<GluCase> glu_cases() {
  std::vector<GluCase> all;
  const std::vector<std::array<int64_t, 5>> sizes = {
      {1, 1, 1, 1, 1},  {1, 1, 1, 1, 3},  {2, 3, 5, 3, 3},   {1, 4, 7, 17, 3}, {3, 2, 2, 15, 3},
      {1, 8, 5, 33, 3}, {2, 5, 3, 7, 5},  {1, 1, 9, 8, 3},   {1, 9, 1, 8, 3},  {1, 6, 6, 65, 5},
      {1, 2, 3, 16, 7}, {2, 3, 4, 20, 1}, {1, 33, 31, 31, 3}};
  for (const auto& [batch, height, width, half, kernel] : sizes)
    for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16})
      all.push_back({batch, height, width, half, kernel, dtype});
  return all;
}

using DepthwiseConvGluTest = OracleTest<GluCase>;
SWAN_FOR_EACH_CASE(DepthwiseConvGluTest, glu_cases());

TEST_P(DepthwiseConvGluTest, MatchesReference) {
  const auto& [batch, height, width, half, kernel, dtype] = param();
  const Tensor x = normal({batch, height, width, 2 * half}, 1);
  for (const Tensor& bias : {Tensor(), normal({2 * half}, 3)}) {
    const ConvWeight w = {.weight = normal({2 * half, 1, kernel, kernel}, 2, 0.5).to(dtype),
                          .bias = bias,
                          .padding = kernel / 2,
                          .groups = 2 * half};
    // The errors of both factors, each times the other factor, of which 5 RMS occur in a tensor of this size.
    const Tolerance factor = tolerance(x, w, ctx);
    const double size = static_cast<double>(kernel) * rms(x) * rms(w.weight) + (bias.defined() ? rms(bias) : 0);
    EXPECT_TRUE(close(depthwise_conv_glu(x, w, ctx), depthwise_conv_glu(x, w, oracle),
                      {.relative = 8 * kEpsilon, .absolute = 5 * size * factor.absolute}))
        << "bias " << bias.defined();
  }
}

}  // namespace
}  // namespace swan::ops::testing
