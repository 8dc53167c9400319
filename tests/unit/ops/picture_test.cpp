#include "ops/picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "ops_testing.h"
#include "support/device.h"

namespace swan::ops::testing {
namespace {

struct Picture {
  int64_t batch, height, width;
  [[nodiscard]] std::string name() const { return fmt::format("{}x{}x{}", batch, height, width); }
};
std::ostream& operator<<(std::ostream& out, const Picture& c) { return out << c.name(); }

// Pixels that are multiples of four, which the GPU takes together, and that are not.
class PackRgb : public OracleTest<Picture> {};
SWAN_FOR_EACH_CASE(PackRgb, (std::vector<Picture>{
                                {1, 1, 1}, {1, 2, 2}, {1, 3, 5}, {2, 4, 7}, {3, 5, 3}, {1, 64, 97}, {2, 33, 64}}));

TEST_P(PackRgb, MatchesTheOracle) {
  const Tensor x = normal({param().batch, 3, param().height, param().width}, 1, 0.8);
  EXPECT_TRUE(identical(pack_rgb(x, ctx).cpu(), pack_rgb(x, oracle)));
  EXPECT_TRUE(identical(pack_rgb(misaligned(x), ctx).cpu(), pack_rgb(x, oracle)));
}

TEST_P(PackRgb, MatchesTheOracleInHalves) {
  if (ctx.device() == nullptr) GTEST_SKIP() << "the CPU computes in f32";
  const Tensor x = normal({param().batch, 3, param().height, param().width}, 1, 0.8);
  for (const DType dtype : {DType::kBF16, DType::kF16}) {
    const Tensor half = x.to(dtype);
    EXPECT_TRUE(identical(pack_rgb(half.on(ctx.device()), ctx).cpu(), pack_rgb(half.to(DType::kF32), oracle)));
  }
}

class PictureOps : public BackendTest {};
INSTANTIATE_TEST_SUITE_P(Backends, PictureOps, ::testing::ValuesIn(all_backends()), name_of_backend);

TEST_P(PictureOps, PacksKnownValues) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInf = std::numeric_limits<float>::infinity();
  // 2 n / 255 - 1 is level n; -1 + 1 / 255 is 0.5, and the even level is 0; 1.5 and 2.5 levels give 2.
  const auto at = [](float n) { return 2 * n / 255 - 1; };
  const std::vector<float> x = {-1, 0,     1,        at(1),    at(128), at(254),  // red
                                -2, 2,     -kInf,    kInf,     kNan,    at(77),   // green
                                0,  -0.0F, at(3.4F), at(3.6F), 1e30F,   -1e30F};  // blue
  const std::vector<uint8_t> expected = {0, 0, 128, 128, 255, 128, 255, 0, 3, 1, 255, 4, 128, 0, 255, 254, 77, 0};
  const Tensor packed = pack_rgb(Tensor::from(std::span<const float>(x), {1, 3, 2, 3}), ctx).cpu();
  ASSERT_EQ(packed.shape(), (Shape{1, 2, 3, 3}));
  ASSERT_EQ(packed.dtype(), DType::kU8);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(packed.data<uint8_t>()[i], expected[i]) << i;
}

// Every level and what lies half way between two, in f32 as image processors compute it.
TEST_P(PictureOps, RoundsHalvesToEven) {
  Tensor x = Tensor::zeros({1, 3, 1, 511}, DType::kF32);
  for (int64_t i = 0; i < 511; ++i) x.data_mut<float>()[i] = static_cast<float>(i) / 255.0F - 1.0F;
  const Tensor packed = pack_rgb(x, ctx).cpu();
  for (int64_t i = 0; i < 511; ++i) {
    const float share = std::min(std::max(x.data<float>()[i] / 2 + 0.5F, 0.0F), 1.0F);
    EXPECT_EQ(packed.data<uint8_t>()[3 * i], static_cast<int>(std::nearbyint(share * 255.0F))) << i;
    EXPECT_EQ(packed.data<uint8_t>()[3 * i + 1], 128) << i;
  }
}

TEST_P(PictureOps, RefusesWhatIsNoPicture) {
  expect_error([&] { (void)pack_rgb(normal({1, 4, 2, 2}, 1), ctx); }, ErrorCode::kShapeMismatch, {"pack_rgb", "4"});
  expect_error([&] { (void)pack_rgb(normal({3, 2, 2}, 1), ctx); }, ErrorCode::kShapeMismatch, {"pack_rgb"});
  expect_error(
      [&] {
        (void)fade_in(normal({1, 2, 3, 3}, 1), normal({1, 3, 3, 3}, 1), Neighbour::kAbove, 2, ctx);
      },
      ErrorCode::kShapeMismatch, {"fade_in"});
}

struct Tiles {
  Shape neighbour, tile;
  int64_t extent;
  [[nodiscard]] std::string name() const {
    return fmt::format("{}x{}_{}x{}_over{}", neighbour[2], neighbour[3], tile[2], tile[3], extent);
  }
};
std::ostream& operator<<(std::ostream& out, const Tiles& c) { return out << c.name(); }

class FadeIn : public OracleTest<Tiles> {};
SWAN_FOR_EACH_CASE(FadeIn, (std::vector<Tiles>{{{1, 1, 1, 1}, {1, 1, 1, 1}, 1},
                                               {{1, 3, 8, 8}, {1, 3, 8, 8}, 4},
                                               {{2, 3, 9, 7}, {2, 3, 5, 11}, 3},
                                               {{2, 2, 9, 11}, {2, 2, 13, 7}, 100},
                                               {{1, 3, 64, 64}, {1, 3, 64, 64}, 16},
                                               {{1, 2, 5, 5}, {1, 2, 6, 6}, 0}}));

TEST_P(FadeIn, MatchesTheOracle) {
  const Tensor neighbour = normal(param().neighbour, 1), tile = normal(param().tile, 2);
  for (const Neighbour where : {Neighbour::kAbove, Neighbour::kLeft}) {
    // Two products below 5 and their sum, each rounded.
    EXPECT_TRUE(close(fade_in(neighbour, tile, where, param().extent, ctx).cpu(),
                      fade_in(neighbour, tile, where, param().extent, oracle), {.absolute = 20 * kEpsilon}));
  }
}

// A GPU gives what the host gives, to the bit: tiles may be blended where they are.
TEST_P(FadeIn, GivesTheHostsBits) {
  Context host = backends_under_test().front().context();
  ASSERT_EQ(host.device(), nullptr);
  const Tensor neighbour = normal(param().neighbour, 1), tile = normal(param().tile, 2);
  for (const Neighbour where : {Neighbour::kAbove, Neighbour::kLeft})
    EXPECT_TRUE(identical(fade_in(neighbour, tile, where, param().extent, ctx).cpu(),
                          fade_in(neighbour, tile, where, param().extent, host)));
}

TEST_P(PictureOps, FadesLinearly) {
  const Tensor above = Tensor::full({1, 1, 6, 2}, 1), tile = Tensor::full({1, 1, 5, 2}, 3);
  const Tensor down = fade_in(above, tile, Neighbour::kAbove, 4, ctx).cpu();
  const std::vector<float> expected = {1, 1.5F, 2, 2.5F, 3};
  for (int64_t row = 0; row < 5; ++row)
    for (int64_t column = 0; column < 2; ++column)
      EXPECT_FLOAT_EQ(down.data<float>()[row * 2 + column], expected[static_cast<size_t>(row)]);
  // The neighbour's last columns, and only as many rows as it has.
  const Tensor left = iota({1, 1, 1, 4}), wide = Tensor::zeros({1, 1, 2, 3}, DType::kF32);
  const Tensor right = fade_in(left, wide, Neighbour::kLeft, 2, ctx).cpu();
  const std::vector<float> values = {2, 1.5F, 0, 0, 0, 0};
  for (size_t i = 0; i < values.size(); ++i) EXPECT_FLOAT_EQ(right.data<float>()[i], values[i]) << i;
}

}  // namespace
}  // namespace swan::ops::testing
