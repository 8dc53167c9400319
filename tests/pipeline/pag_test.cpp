#include "pipelines/pag.h"

#include <gtest/gtest.h>

#include "cpu/kernels.h"
#include "support/close.h"
#include "swan/error.h"

namespace swan::pipelines {
namespace {

TEST(Pag, FindsBlocksByTheNamesOfTheirAttention) {
  using Blocks = std::vector<bool>;
  EXPECT_EQ(pag_blocks({"transformer_blocks.1"}, 4), (Blocks{false, true, false, false}));
  EXPECT_EQ(pag_blocks({"transformer_blocks.(0|2)"}, 4), (Blocks{true, false, true, false}));
  EXPECT_EQ(pag_blocks({"blocks.3", "blocks.0"}, 4), (Blocks{true, false, false, true}));
  EXPECT_EQ(pag_blocks({"attn1"}, 2), (Blocks{true, true}));
  // It is a search, as in the reference: 1 also finds 10.
  const Blocks twelve = pag_blocks({"transformer_blocks.1"}, 12);
  EXPECT_TRUE(twelve[1] && twelve[10] && twelve[11]);
  EXPECT_FALSE(twelve[0] || twelve[2] || twelve[9]);
  EXPECT_EQ(pag_blocks({"transformer_blocks\\.1\\."}, 12)[10], false);
}

TEST(Pag, RefusesWhatFindsNothing) {
  const auto refuses = [](const std::vector<std::string>& layers, const std::string& text) {
    try {
      (void)pag_blocks(layers, 4);
      ADD_FAILURE() << "no error; expected one with: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    }
  };
  refuses({}, "is empty");
  refuses({"transformer_blocks.1", "transformer_blocks.4"}, "'transformer_blocks.4' finds none");
  refuses({"attn2"}, "transformer_blocks.3.attn1");
  refuses({"(1"}, "'(1' is no regular expression");
  refuses({std::string(201, 'a')}, "201 bytes");
}

TEST(Pag, TheAdaptiveScaleFallsToNothing) {
  EXPECT_EQ((Pag{.scale = 3}).scale_at(10), 3);
  const Pag adaptive = {.scale = 3, .adaptive_scale = 0.006};
  EXPECT_DOUBLE_EQ(adaptive.scale_at(1000), 3);
  EXPECT_DOUBLE_EQ(adaptive.scale_at(750), 1.5);
  EXPECT_EQ(adaptive.scale_at(400), 0);
  EXPECT_FALSE((Pag{}).used());
}

TEST(Pag, GuidesAwayFromThePerturbed) {
  Context ctx(backends::cpu_kernels());
  const auto full = [](float value) { return Tensor::full({1, 2, 3, 1}, value); };
  // 1 + 4 (2 - 1) + 3 (2 - 1.5)
  EXPECT_TRUE(support::close(guide_perturbed(full(1), full(2), full(1.5F), 4, 3, ctx), full(6.5F), 1e-6));
  EXPECT_TRUE(support::close(guide_perturbed({}, full(2), full(1.5F), 4, 3, ctx), full(3.5F), 1e-6));
}

}  // namespace
}  // namespace swan::pipelines
