#include "cli/video_output.h"

#include <gtest/gtest.h>

#include "run_program.h"

namespace swan::cli {
namespace {

using Paths = std::vector<std::string>;

class VideoOutput : public ProgramFixture {};

TEST_F(VideoOutput, OneVideoKeepsItsName) {
  EXPECT_EQ(video_paths("out.mp4", 1), Paths{"out.mp4"});
  EXPECT_EQ(video_paths("frames/", 1), Paths{"frames/"});
  EXPECT_EQ(video_paths(folder_.string(), 1), Paths{folder_.string()});
}

TEST_F(VideoOutput, SeveralAreNumbered) {
  EXPECT_EQ(video_paths("a.b/out.mp4", 2), (Paths{"a.b/out_0.mp4", "a.b/out_1.mp4"}));
  EXPECT_EQ(video_paths("a.b/frames/", 2), (Paths{"a.b/frames_0/", "a.b/frames_1/"}));
  EXPECT_EQ(video_paths("frames//", 2), (Paths{"frames_0/", "frames_1/"}));
  EXPECT_EQ(video_paths(folder_.string(), 2), (Paths{folder_.string() + "_0/", folder_.string() + "_1/"}));
  EXPECT_EQ(video_paths("./", 2), (Paths{"./out_0/", "./out_1/"}));
  EXPECT_EQ(video_paths("..", 2), (Paths{"../out_0/", "../out_1/"}));
  EXPECT_EQ(video_paths("/", 2), (Paths{"/out_0/", "/out_1/"}));
}

TEST_F(VideoOutput, ExtensionsAreOfFiles) {
  EXPECT_EQ(video_extension("a/b.c.MP4"), ".mp4");
  EXPECT_EQ(video_extension("b.mp4/"), "");
  EXPECT_EQ(video_extension(folder_.string()), "");
  EXPECT_EQ(video_extension("plain"), "");
}

TEST_F(VideoOutput, ChecksLeaveNothingBehind) {
  check_video_outputs({path("a.mp4"), path("b.mp4")}, 64, 48, {.fps = 16, .crf = 20, .num_frames = 9});
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(fake_engine().opened_videos, Paths{path("a.mp4")});
  EXPECT_EQ(fake_engine().save_videos.front().num_frames, 9);
  check_video_outputs({path("a/"), path("b/")}, 64, 48, {});
  EXPECT_EQ(files(), 0U);
  EXPECT_EQ(fake_engine().opened_videos, (Paths{path("a.mp4"), path("a/"), path("b/")}));
}

TEST_F(VideoOutput, WhatCannotBeIsFoundOut) {
  EXPECT_THROW(check_video_outputs({path("a.bmp")}, 64, 48, {}), Error);
  EXPECT_THROW(check_video_outputs({path("a.mp4")}, 63, 48, {}), Error);
  EXPECT_THROW(check_video_outputs({path("none/a.mp4")}, 64, 48, {}), Error);
  EXPECT_THROW(check_video_outputs({path("a.mp4"), path("none/a.mp4")}, 64, 48, {}), Error);
  try {
    check_video_outputs({path("none/a//")}, 64, 48, {});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("none' does not exist; create it"), std::string::npos) << e.what();
  }
  EXPECT_EQ(files(), 0U);
}

}  // namespace
}  // namespace swan::cli
