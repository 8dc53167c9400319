#include "ops/layout.h"

#include <fmt/format.h>

#include "ops/elementwise.h"
#include "ops_testing.h"

namespace swan::ops::testing {
namespace {

struct LayoutCase {
  int64_t batch, height, width, channels, factor;
  [[nodiscard]] std::string name() const {
    return fmt::format("{}x{}x{}x{}_f{}", batch, height, width, channels, factor);
  }
};
std::ostream& operator<<(std::ostream& out, const LayoutCase& c) { return out << c.name(); }

std::vector<LayoutCase> cases() {
  return {{1, 1, 1, 1, 1},    {2, 3, 5, 1, 2},    {1, 2, 1, 3, 3},   {3, 5, 7, 4, 2},
          {1, 7, 3, 15, 2},   {2, 4, 6, 17, 1},   {1, 9, 2, 33, 4},  {1, 1, 9, 8, 2},
          {2, 16, 16, 16, 2}, {1, 31, 33, 32, 2}, {1, 65, 67, 7, 2}, {1, 3, 3, 129, 3}};
}

// Nothing is computed, so every result is exact; iota shows where each value came from.
class LayoutTest : public OracleTest<LayoutCase> {
 protected:
  [[nodiscard]] const LayoutCase& c() const { return param(); }
  Tensor x = iota({c().batch, c().height, c().width, c().channels});
};
SWAN_FOR_EACH_CASE(LayoutTest, cases());

TEST_P(LayoutTest, Transposes) {
  EXPECT_TRUE(identical(nchw_to_nhwc(x, ctx), nchw_to_nhwc(x, oracle)));
  EXPECT_TRUE(identical(nhwc_to_nchw(x, ctx), nhwc_to_nchw(x, oracle)));
  EXPECT_TRUE(identical(nhwc_to_nchw(nchw_to_nhwc(x, ctx), ctx), x));
}

TEST_P(LayoutTest, PixelShuffles) {
  const int64_t f = c().factor;
  const Tensor small = iota({c().batch, c().height, c().width, c().channels * f * f});
  const Tensor large = iota({c().batch, c().height * f, c().width * f, c().channels});
  EXPECT_TRUE(identical(pixel_shuffle(small, f, ctx), pixel_shuffle(small, f, oracle)));
  EXPECT_TRUE(identical(pixel_unshuffle(large, f, ctx), pixel_unshuffle(large, f, oracle)));
  EXPECT_TRUE(identical(pixel_unshuffle(pixel_shuffle(small, f, ctx), f, ctx), small));
}

TEST_P(LayoutTest, Upsamples) {
  EXPECT_TRUE(identical(upsample_nearest(x, c().factor, ctx), upsample_nearest(x, c().factor, oracle)));
}

TEST_P(LayoutTest, RepeatsChannels) {
  EXPECT_TRUE(identical(repeat_channels(x, c().factor, ctx), repeat_channels(x, c().factor, oracle)));
  const Tensor row = iota({c().channels});
  EXPECT_TRUE(identical(repeat_channels(row, c().factor, ctx), repeat_channels(row, c().factor, oracle)));
}

// One rounding: exact. Also in vectors, where the channels are multiples of their length.
TEST_P(LayoutTest, AddsWhatIsUpsampled) {
  for (const int64_t channels : {c().channels, 16 * c().factor})
    for (const int64_t share : {1, 2, 4}) {
      const Tensor made = normal({c().batch, 2 * c().height, 2 * c().width, channels}, 1);
      const Tensor shortcut = normal({c().batch, c().height, c().width, channels * share}, 2);
      const Tensor found = add_upsampled(made, shortcut, ctx);
      EXPECT_TRUE(identical(found, add_upsampled(made, shortcut, oracle))) << channels << " " << share;
      EXPECT_TRUE(identical(found, add(made, pixel_shuffle(repeat_channels(shortcut, 4 / share, ctx), 2, ctx), ctx)));
    }
}

TEST_P(LayoutTest, AveragesChannelGroups) {
  const Tensor wide = normal({c().batch, c().height, c().width, c().channels * c().factor}, 1);
  // At most 4 terms below 5.
  EXPECT_TRUE(close(mean_channel_groups(wide, c().factor, ctx), mean_channel_groups(wide, c().factor, oracle),
                    {.absolute = 4 * kEpsilon}));
  EXPECT_TRUE(identical(mean_channel_groups(x, 1, ctx), x));
}

TEST_P(LayoutTest, ConcatenatesAndSlicesChannels) {
  const Tensor other = iota({c().batch, c().height, c().width, c().factor}, -1000);
  const Tensor both = concat_channels(x, other, ctx);
  EXPECT_TRUE(identical(both, concat_channels(x, other, oracle)));
  EXPECT_TRUE(identical(slice_channels(both, 0, c().channels, ctx), x));
  EXPECT_TRUE(identical(slice_channels(both, c().channels, both.dim(-1), ctx), other));
  for (const int64_t begin : {int64_t{0}, c().channels / 2, c().channels - 1})
    EXPECT_TRUE(identical(slice_channels(x, begin, c().channels, ctx), slice_channels(x, begin, c().channels, oracle)));
}

TEST_P(LayoutTest, ConcatenatesRows) {
  const std::vector<Tensor> parts = {x, iota({c().factor, c().height, c().width, c().channels}, -1000), x};
  const Tensor all = concat_rows(parts, ctx);
  EXPECT_TRUE(identical(all, concat_rows(parts, oracle)));
  EXPECT_TRUE(identical(all.slice(0, c().batch), x));
  EXPECT_TRUE(identical(concat_rows(std::vector<Tensor>{x}, ctx), x));
}

TEST_P(LayoutTest, Unpatchifies) {
  const Tensor tokens = iota({c().batch, c().height * c().width, c().channels * c().factor * c().factor});
  EXPECT_TRUE(identical(unpatchify(tokens, c().height, c().width, c().factor, ctx),
                        unpatchify(tokens, c().height, c().width, c().factor, oracle)));
}

TEST_P(LayoutTest, PatchesOfAClip) {
  const Patch patch = {c().factor, 2, c().factor};
  const Patch grid = {2, c().height, c().width};
  const Tensor clip =
      iota({c().batch, c().channels, grid.frames * patch.frames, grid.height * patch.height, grid.width * patch.width});
  EXPECT_TRUE(identical(patchify_video(clip, patch, ctx), patchify_video(clip, patch, oracle)));
  const Tensor tokens = iota(
      {c().batch, grid.frames * grid.height * grid.width, c().channels * patch.frames * patch.height * patch.width});
  EXPECT_TRUE(identical(unpatchify_video(tokens, grid, patch, ctx), unpatchify_video(tokens, grid, patch, oracle)));
}

}  // namespace
}  // namespace swan::ops::testing
