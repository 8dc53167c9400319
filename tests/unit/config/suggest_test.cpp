#include "config/suggest.h"

#include <gtest/gtest.h>

namespace swan::config {
namespace {

TEST(Suggest, EditDistanceCountsTheFourMistakes) {
  EXPECT_EQ(edit_distance("seed", "seed"), 0U);
  EXPECT_EQ(edit_distance("sed", "seed"), 1U);    // left out
  EXPECT_EQ(edit_distance("seeed", "seed"), 1U);  // put in
  EXPECT_EQ(edit_distance("sead", "seed"), 1U);   // another
  EXPECT_EQ(edit_distance("sede", "seed"), 1U);   // swapped
  EXPECT_EQ(edit_distance("SEED", "seed"), 0U);
  EXPECT_EQ(edit_distance("", "seed"), 4U);
  EXPECT_EQ(edit_distance("seed", ""), 4U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(Suggest, NearestIsCloseOrNone) {
  const std::vector<std::string> names = {"seed", "steps", "guidance-scale", "output", "height", "width"};
  EXPECT_EQ(nearest("guidence-scale", names), "guidance-scale");
  EXPECT_EQ(nearest("guidance_scale", names), "guidance-scale");
  EXPECT_EQ(nearest("guid", names), "guidance-scale");
  EXPECT_EQ(nearest("step", names), "steps");
  EXPECT_EQ(nearest("hieght", names), "height");
  EXPECT_EQ(nearest("out", names), "output");
  EXPECT_EQ(nearest("xyzzy", names), "");
  EXPECT_EQ(nearest("", names), "");
  EXPECT_EQ(nearest(std::string(5000, 's'), names), "");
}

}  // namespace
}  // namespace swan::config
