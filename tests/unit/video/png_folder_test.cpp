#include <filesystem>

#include "decode.h"
#include "support/picture.h"
#include "video/frame_sink.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::expect_error;
using test::moving_frame;
using test::names;
using test::write_clip;

TEST(PngFolder, HoldsTheFramesInOrder) {
  const support::TempDir folder;
  const std::string path = folder.file("frames/");
  write_clip(path, 12, 33, 17, test::long_metadata());
  const std::vector<std::string> found = names(path);
  ASSERT_EQ(found.size(), 12U);
  EXPECT_EQ(found.front(), "frame_0000.png");
  EXPECT_EQ(found.back(), "frame_0011.png");
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(support::read_png(path + found[i]).rgb, moving_frame(static_cast<int64_t>(i), 33, 17).rgb);
    EXPECT_EQ(read_video_metadata(path + found[i]), test::long_metadata());
  }
  EXPECT_EQ(read_video_metadata(folder.file("frames")), test::long_metadata());
}

TEST(PngFolder, AnExistingFolderNeedsNoSlash) {
  const support::TempDir folder;
  folder.write("frames/notes.txt", "mine");
  folder.write("frames/frame_1.png", "not one of Swan's names");
  write_clip(folder.file("frames"), 2);
  EXPECT_EQ(names(folder.file("frames")),
            (std::vector<std::string>{"frame_0000.png", "frame_0001.png", "frame_1.png", "notes.txt"}));
}

TEST(PngFolder, AbandonedInAnExistingFolder) {
  const support::TempDir folder;
  folder.write("frames/notes.txt", "mine");
  {
    const auto writer = VideoWriter::open(folder.file("frames/"), 8, 8);
    writer->write(moving_frame(0, 8, 8));
    EXPECT_FALSE(fs::exists(folder.file("frames/frame_0000.png")));
  }
  EXPECT_EQ(names(folder.file("frames")), std::vector<std::string>{"notes.txt"});
}

TEST(PngFolder, TwoClipsAreNotMixed) {
  const support::TempDir folder;
  const std::string path = folder.file("frames/");
  write_clip(path, 4, 8, 8);
  const std::string old = test::read_bytes(path + "frame_0003.png");
  const std::vector<std::string> parts{"frames", "frame_0003.png", "mixed", "another folder"};
  expect_error(error_of([&] { write_clip(path, 9, 8, 8); }), ErrorCode::kInvalidArgument, parts);
  expect_error(error_of([&] { write_clip(path, 3, 8, 8, {}, {.num_frames = 3}); }), ErrorCode::kInvalidArgument, parts);
  // Fewer came than were promised: the old ones are still whole.
  expect_error(error_of([&] { write_clip(path, 3, 10, 8, {}, {.num_frames = 4}); }), ErrorCode::kInvalidArgument,
               parts);
  EXPECT_EQ(names(path).size(), 4U);
  EXPECT_EQ(test::read_bytes(path + "frame_0003.png"), old);
  EXPECT_EQ(support::read_png(path + "frame_0000.png").width, 8);

  write_clip(path, 4, 10, 8, {}, {.num_frames = 4});
  EXPECT_EQ(names(path).size(), 4U);
  EXPECT_EQ(support::read_png(path + "frame_0003.png").width, 10);
}

TEST(PngFolder, AFileIsNoFolder) {
  const support::TempDir folder;
  folder.write("file", "x");
  expect_error(error_of([&] { (void)VideoWriter::open(folder.file("file/"), 8, 8); }), ErrorCode::kIo,
               {"file", "not a folder"});
  EXPECT_EQ(test::read_bytes(folder.file("file")), "x");
}

TEST(PngFolder, MoreFramesThanNames) {
  EXPECT_EQ(video::folder_frame_name(video::kMaxFolderFrames - 1), "frame_9999.png");
  const support::TempDir folder;
  expect_error(error_of([&] { (void)VideoWriter::open(folder.file("f/"), 8, 8, {}, {.num_frames = 10'001}); }),
               ErrorCode::kInvalidArgument, {"10001 frames", "at most 10000"});
}

TEST(PngFolder, TheCurrentFolder) {
  const support::TempDir folder;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  write_clip("frames/", 1, 8, 8);
  write_clip(".", 1, 8, 8);
  fs::current_path(before);
  EXPECT_EQ(names(folder.path()), (std::vector<std::string>{"frame_0000.png", "frames"}));
}

TEST(PngFolder, MetadataOfAFolderWithoutFrames) {
  const support::TempDir folder;
  expect_error(error_of([&] { (void)read_video_metadata(folder.path()); }), ErrorCode::kNotFound, {"frame_0000.png"});
}

}  // namespace
}  // namespace swan
