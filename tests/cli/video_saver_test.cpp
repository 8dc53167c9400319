#include "cli/video_saver.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "run_program.h"

namespace swan::cli {
namespace {

using Paths = std::vector<std::string>;
using namespace std::chrono_literals;

class VideoSaverTest : public ProgramFixture {
 protected:
  static VideoFrame frame(int64_t video, int64_t index) {
    return {.video = video, .frame = index, .image = {.width = 4, .height = 2, .rgb = {}}};
  }
  static std::vector<ImageMetadata> metadata(size_t count) {
    return std::vector<ImageMetadata>(count, ImageMetadata{{"swan", "{}"}});
  }
  Paths paths(const Paths& names) const {
    Paths out;
    for (const std::string& name : names) out.push_back(name.empty() ? "" : path(name));
    return out;
  }
};

TEST_F(VideoSaverTest, WritesVideoAfterVideo) {
  VideoSaver saver(paths({"a.mp4", "b.mp4"}), metadata(2), {});
  for (int64_t video = 0; video < 2; ++video) {
    for (int64_t i = 0; i < 20; ++i) saver.put(frame(video, i));
  }
  saver.finish();
  EXPECT_EQ(saver.files(), paths({"a.mp4", "b.mp4"}));
  EXPECT_EQ(content("a.mp4"), "20 frames 4x2 {}");
  EXPECT_EQ(files(), 2U);
}

TEST_F(VideoSaverTest, NothingHasItsNameBeforeTheEnd) {
  {
    VideoSaver saver(paths({"a.mp4"}), metadata(1), {});
    for (int64_t i = 0; i < 20; ++i) saver.put(frame(0, i));
    EXPECT_FALSE(std::filesystem::exists(path("a.mp4")));
  }
  EXPECT_EQ(files(), 0U) << "given up";
}

TEST_F(VideoSaverTest, ACompleteVideoStaysWhenTheNextIsGivenUp) {
  {
    VideoSaver saver(paths({"a.mp4", "b.mp4"}), metadata(2), {});
    for (int64_t video = 0; video < 2; ++video) {
      for (int64_t i = 0; i < 9; ++i) saver.put(frame(video, i));
    }
  }
  EXPECT_TRUE(std::filesystem::exists(path("a.mp4")));
  EXPECT_EQ(files(), 1U);
}

TEST_F(VideoSaverTest, VideosWithoutAPathAreLeftOut) {
  VideoSaver saver(paths({"", "b.mp4", ""}), metadata(3), {});
  for (int64_t video = 0; video < 3; ++video) {
    for (int64_t i = 0; i < 5; ++i) saver.put(frame(video, i));
  }
  saver.finish();
  EXPECT_EQ(saver.files(), paths({"b.mp4"}));
  EXPECT_EQ(files(), 1U);
}

TEST_F(VideoSaverTest, VideosWithoutAFrameAreLeftOut) {
  VideoSaver saver(paths({"a.mp4", "b.mp4"}), metadata(2), {});
  saver.put(frame(1, 0));
  saver.finish();
  EXPECT_EQ(saver.files(), paths({"b.mp4"}));
  VideoSaver idle(paths({"c.mp4"}), metadata(1), {});
  idle.finish();
  EXPECT_EQ(files(), 1U);
}

TEST_F(VideoSaverTest, FewFramesWait) {
  std::atomic<bool> blocked{true};
  fake_engine().writing = [&](const std::string&, int64_t) {
    while (blocked) std::this_thread::sleep_for(1ms);
  };
  VideoSaver saver(paths({"a.mp4"}), metadata(1), {});
  std::atomic<int> taken{0};
  std::thread producer([&] {
    for (int64_t i = 0; i < 30; ++i) {
      saver.put(frame(0, i));
      ++taken;
    }
  });
  std::this_thread::sleep_for(100ms);
  // Those that wait, and the one in the writer's hands.
  EXPECT_LE(taken, static_cast<int>(VideoSaver::kMaxWaiting) + 1);
  EXPECT_GE(taken, static_cast<int>(VideoSaver::kMaxWaiting));
  blocked = false;
  producer.join();
  saver.finish();
  EXPECT_EQ(content("a.mp4"), "30 frames 4x2 {}");
}

TEST_F(VideoSaverTest, WhatTheWriterThrowsStopsTheOneWhoPuts) {
  fake_engine().writing = [](const std::string&, int64_t index) {
    if (index == 3) throw Error(ErrorCode::kIo, "No space left on device");
  };
  VideoSaver saver(paths({"a.mp4"}), metadata(1), {});
  const auto put_many = [&] {
    for (int64_t i = 0; i < 100; ++i) saver.put(frame(0, i));
  };
  EXPECT_THROW(put_many(), Error);
  EXPECT_THROW(saver.check(), Error);
  EXPECT_THROW(saver.finish(), Error);
  EXPECT_EQ(files(), 0U);
}

TEST_F(VideoSaverTest, WhatTheWriterThrowsAtTheEndIsNotLost) {
  fake_engine().writing = [](const std::string&, int64_t index) {
    if (index == -1) throw Error(ErrorCode::kIo, "No space left on device");
  };
  VideoSaver saver(paths({"a.mp4"}), metadata(1), {});
  saver.put(frame(0, 0));
  EXPECT_THROW(saver.finish(), Error);
  EXPECT_TRUE(saver.files().empty());
  EXPECT_EQ(files(), 0U);
}

TEST_F(VideoSaverTest, FramesOfNoVideoAreADefect) {
  for (const int64_t video : {int64_t{-1}, int64_t{1}}) {
    VideoSaver saver(paths({"a.mp4"}), metadata(1), {});
    saver.put(frame(video, 0));
    EXPECT_THROW(saver.finish(), Error);
  }
}

}  // namespace
}  // namespace swan::cli
