// Reading clips: what Swan writes, what ffmpeg makes of it, folders, and files that are none.
#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "decode.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::expect_error;
using test::moving_frame;

class ReadVideo : public testing::TestWithParam<const char*> {
 protected:
  support::TempDir folder_;
};
INSTANTIATE_TEST_SUITE_P(Formats, ReadVideo, testing::Values("a.mp4", "a.webm", "a.gif", "frames/"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.ends_with('/') ? std::string("folder") : name.substr(2);
                         });

TEST_P(ReadVideo, GivesTheFramesThatWereWritten) {
  const std::string path = folder_.file(GetParam());
  test::write_clip(path, 7);
  const std::vector<Image> frames = read_video(path, 100);
  ASSERT_EQ(frames.size(), 7U);
  for (int64_t i = 0; i < 7; ++i) {
    const Image &found = frames[static_cast<size_t>(i)], expected = moving_frame(i, 64, 48);
    ASSERT_EQ(found.width, 64);
    ASSERT_EQ(found.height, 48);
    // GIF has 256 colours; the others' errors are those of their compression.
    EXPECT_GT(test::psnr(found, expected), path.ends_with(".gif") ? 24 : 30) << i;
    EXPECT_GT(test::psnr(found, expected), test::psnr(found, moving_frame((i + 3) % 7, 64, 48))) << i;
  }
  EXPECT_EQ(read_video(path, 3).size(), 3U);
  EXPECT_EQ(read_video(path, 3)[2].rgb, frames[2].rgb);
}

// As ffmpeg converts them, by the tags of the file: the matrix and the range are not taken for others.
TEST_P(ReadVideo, ColoursAreThoseThatFfmpegSees) {
  const std::string path = folder_.file(GetParam());
  if (path.ends_with('/')) GTEST_SKIP() << "one file a frame";
  test::write_clip(path, 2, 32, 32);
  const std::vector<Image> expected = test::decode(path), found = read_video(path, 2);
  ASSERT_EQ(expected.size(), 2U);
  for (size_t i = 0; i < 2; ++i) EXPECT_GT(test::psnr(found[i], expected[i]), 45) << i;
}

TEST_F(ReadVideo, OddSizesAndOtherPixelFormats) {
  const std::string first = folder_.file("frames/"), path = folder_.file("x.mp4");
  test::write_clip(first, 3, 34, 26);
  const std::string command = std::string(SWAN_FFMPEG) + " -v error -i '" + first + "frame_%04d.png' -vf scale=33:25 " +
                              "-pix_fmt yuv444p -color_range pc -c:v libx264 -qp 1 '" + path + "'";
  ASSERT_EQ(std::system(command.c_str()), 0);  // NOLINT(cert-env33-c): what people have was made by ffmpeg
  const std::vector<Image> frames = read_video(path, 9);
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].width, 33);
  EXPECT_EQ(frames[0].height, 25);
  EXPECT_GT(test::psnr(frames[1], test::decode(path)[1]), 40);
}

TEST_F(ReadVideo, PicturesAndFoldersOfThem) {
  const Image one = moving_frame(1, 20, 10), two = moving_frame(2, 20, 10);
  save_image(folder_.file("b.png"), two);
  save_image(folder_.file("a.png"), one);
  (void)folder_.write("notes.txt", "not a picture");
  const std::vector<Image> frames = read_video(folder_.path(), 5);
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].rgb, one.rgb);
  EXPECT_EQ(frames[1].rgb, two.rgb);
  EXPECT_EQ(read_video(folder_.file("b.png"), 5).at(0).rgb, two.rgb);
  save_image(folder_.file("c.png"), moving_frame(1, 22, 10));
  expect_error(error_of([&] { (void)read_video(folder_.path(), 5); }), ErrorCode::kInvalidArgument,
               {"c.png", "22 x 10", "20 x 10"});
}

TEST_F(ReadVideo, WhatIsNoVideoIsRefused) {
  const auto refused = [](const std::string& path, ErrorCode code, const std::string& part) {
    expect_error(error_of([&] { (void)read_video(path, 5); }), code, {path, part});
  };
  refused(folder_.file("nothing.mp4"), ErrorCode::kNotFound, "no such file");
  refused(folder_.write("text.mp4", "hello"), ErrorCode::kCorruptFile, "libav cannot open it");
  refused(folder_.write("empty/x.txt", "").substr(0, folder_.path().size() + 6), ErrorCode::kNotFound, "no picture");
  // Files that name others are not followed.
  const std::string clip = folder_.file("clip.mp4");
  test::write_clip(clip, 5);
  refused(folder_.write("list.m3u8", "#EXTM3U\n#EXTINF:1,\nclip.mp4\n#EXT-X-ENDLIST\n"), ErrorCode::kCorruptFile, "");
  refused(folder_.write("list.ffconcat", "ffconcat version 1.0\nfile clip.mp4\n"), ErrorCode::kCorruptFile, "");
  expect_error(error_of([&] { (void)read_video(clip, 0); }), ErrorCode::kInvalidArgument, {"0 frames"});
  // A file that was cut gives what is whole, or says so; it never ends the program.
  const std::string bytes = test::read_bytes(clip);
  for (const size_t share : {2U, 3U, 10U}) {
    const std::string cut = folder_.write("cut.mp4", bytes.substr(0, bytes.size() / share));
    try {
      EXPECT_LE(read_video(cut, 9).size(), 5U);
    } catch (const Error& error) {
      EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile || error.code() == ErrorCode::kUnsupported) << error.what();
    }
  }
}

}  // namespace
}  // namespace swan
