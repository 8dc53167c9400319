#include "pipelines/stages.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <utility>

#include "support/fake_device.h"

namespace swan::pipelines {
namespace {

struct Seen {
  std::vector<std::string> lines;
  Callbacks callbacks;
  Seen() {
    callbacks.progress = [this](const std::string& stage, int done, int total) {
      lines.push_back(fmt::format("{} {}/{}", stage, done, total));
    };
  }
  std::vector<std::string> take() { return std::exchange(lines, {}); }
};
using Lines = std::vector<std::string>;

TEST(Stages, OnTheHostAStepIsDoneWhenItReturns) {
  Seen seen;
  Stages stages(seen.callbacks, nullptr);
  stages.begin("denoise", 2);
  EXPECT_EQ(seen.take(), Lines{"denoise 0/2"});
  stages.step();
  EXPECT_EQ(seen.take(), Lines{"denoise 1/2"});
}

TEST(Stages, OnADeviceTheHostIsOneStepAhead) {
  support::FakeDevice device;
  Seen seen;
  Stages stages(seen.callbacks, &device);
  stages.begin("denoise", 3);
  EXPECT_EQ(seen.take(), Lines{"denoise 0/3"});
  stages.step();
  EXPECT_EQ(seen.take(), Lines()) << "it has only been asked for";
  EXPECT_EQ(device.waits, 0);
  stages.step();
  EXPECT_EQ(seen.take(), Lines{"denoise 1/3"});
  EXPECT_EQ(device.waits, 1);
  stages.step();
  stages.begin("decode", 1);
  EXPECT_EQ(seen.take(), (Lines{"denoise 2/3", "denoise 3/3", "decode 0/1"}));
  stages.step();
  stages.end();
  EXPECT_EQ(seen.take(), Lines{"decode 1/1"});
  EXPECT_EQ(device.waits, 4);
  EXPECT_EQ(stages.seconds().size(), 2U);
}

}  // namespace
}  // namespace swan::pipelines
