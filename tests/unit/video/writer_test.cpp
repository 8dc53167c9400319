// What VideoWriter promises of every format: names, checks, order of calls.
#include <cmath>
#include <filesystem>
#include <limits>

#include "decode.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using test::error_of;
using test::expect_error;
using test::moving_frame;

class AnyWriter : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] std::string path() const { return folder_.file(GetParam()); }
  [[nodiscard]] std::unique_ptr<VideoWriter> open(int64_t width = 64, int64_t height = 48,
                                                  const SaveVideoOptions& options = {}) const {
    return VideoWriter::open(path(), width, height, {}, options);
  }

  support::TempDir folder_;
};
INSTANTIATE_TEST_SUITE_P(All, AnyWriter, testing::Values("a.mp4", "a.webm", "a.webp", "a.gif", "frames/"),
                         [](const auto& info) {
                           const std::string name = info.param;
                           return name.ends_with('/') ? std::string("folder") : name.substr(2);
                         });

TEST_P(AnyWriter, NothingIsSeenBeforeFinish) {
  const auto writer = open();
  for (int i = 0; i < 5; ++i) writer->write(moving_frame(i, 64, 48));
  ASSERT_EQ(test::names(folder_.path()).size(), 1U);
  EXPECT_TRUE(test::names(folder_.path())[0].starts_with(".swan-")) << test::names(folder_.path())[0];
  EXPECT_FALSE(fs::exists(path()));
  writer->finish();
  EXPECT_EQ(test::names(folder_.path()),
            std::vector<std::string>{std::string(GetParam()).substr(0, path().ends_with('/') ? 6 : 99)});
}

TEST_P(AnyWriter, AbandonedLeavesNothing) {
  for (const int frames : {0, 1, 20}) {
    const auto writer = open();
    for (int i = 0; i < frames; ++i) writer->write(moving_frame(i, 64, 48));
  }
  EXPECT_TRUE(test::names(folder_.path()).empty());
}

TEST_P(AnyWriter, SizesThatCannotBe) {
  const int64_t huge = std::numeric_limits<int64_t>::max();
  const std::vector<std::pair<int64_t, int64_t>> cases{{0, 48},    {64, 0},    {-64, 48},      {huge, huge},
                                                       {16386, 2}, {2, 16386}, {16384, 16384}, {int64_t{1} << 32, 2}};
  for (const auto& [width, height] : cases)
    expect_error(error_of([&, w = width, h = height] { (void)open(w, h); }), ErrorCode::kInvalidArgument,
                 {path(), fmt::format("{}x{}", width, height), "from 1 to 16384"});
  EXPECT_TRUE(test::names(folder_.path()).empty());
}

TEST_P(AnyWriter, FrameOfAnotherSize) {
  const auto writer = open();
  writer->write(moving_frame(0, 64, 48));
  expect_error(error_of([&] { writer->write(moving_frame(1, 48, 64)); }), ErrorCode::kInvalidArgument,
               {"frame 1", GetParam(), "48x64", "64x48"});
  Image short_of_bytes = moving_frame(1, 64, 48);
  short_of_bytes.rgb.pop_back();
  expect_error(error_of([&] { writer->write(short_of_bytes); }), ErrorCode::kInvalidArgument, {"9216 bytes", "9215"});
  writer->write(moving_frame(1, 64, 48));  // a refused frame is not an accident
  writer->finish();
}

TEST_P(AnyWriter, OrderOfCalls) {
  const auto writer = open();
  expect_error(error_of([&] { writer->finish(); }), ErrorCode::kInvalidArgument, {"no frame was written"});
  writer->write(moving_frame(0, 64, 48));
  writer->finish();
  expect_error(error_of([&] { writer->finish(); }), ErrorCode::kInvalidArgument, {"cannot finish", "it is finished"});
  expect_error(error_of([&] { writer->write(moving_frame(0, 64, 48)); }), ErrorCode::kInvalidArgument,
               {"cannot write a frame", "it is finished"});
}

TEST_P(AnyWriter, OptionsThatCannotBe) {
  for (const double fps : {0.0, -1.0, 1001.0, 0.001, std::nan(""), std::numeric_limits<double>::infinity()})
    expect_error(error_of([&] { (void)open(64, 48, {.fps = fps}); }), ErrorCode::kInvalidArgument,
                 {"fps is", "0.01 to 1000"});
  expect_error(error_of([&] { (void)open(64, 48, {.num_frames = -1}); }), ErrorCode::kInvalidArgument, {"num_frames"});
  if (path().ends_with(".gif"))
    expect_error(error_of([&] { (void)open(64, 48, {.fps = 60}); }), ErrorCode::kInvalidArgument, {"GIF", "50"});
  if (path().ends_with(".webp"))
    expect_error(error_of([&] { (void)open(64, 48, {.fps = 120}); }), ErrorCode::kInvalidArgument, {"WebP", "90"});
}

TEST_P(AnyWriter, MetadataThatCannotBe) {
  const auto open_with = [&](const ImageMetadata& metadata) { (void)VideoWriter::open(path(), 64, 48, metadata); };
  expect_error(error_of([&] { open_with({{"swan", "\xFF"}}); }), ErrorCode::kInvalidArgument, {"not UTF-8"});
  expect_error(error_of([&] {
                 open_with({{"swan", std::string(1, '\0')}});
               }),
               ErrorCode::kInvalidArgument, {"zero byte"});
  expect_error(error_of([&] { open_with({{"", "x"}}); }), ErrorCode::kInvalidArgument, {"key ''"});
  EXPECT_TRUE(test::names(folder_.path()).empty());
}

TEST_P(AnyWriter, MissingFolder) {
  const std::string missing = folder_.file("none/") + GetParam();
  expect_error(error_of([&] { (void)VideoWriter::open(missing, 64, 48); }), ErrorCode::kIo,
               {"none/", "No such file or directory"});
}

TEST_P(AnyWriter, MetadataComesBack) {
  const std::vector<ImageMetadata> cases{
      {},
      {{"swan", R"({"prompt":"a red apple","seed":42})"}},
      test::long_metadata(),
      {{"swan", std::string(300'000, 'x') + "\xE4\xB8\xAD"}, {"Caf\xC3\xA9", "\t\x01\x7F\xEF\xBF\xBF"}},
  };
  for (size_t i = 0; i < cases.size(); ++i) {
    const std::string target = folder_.file(std::to_string(i) + GetParam());
    test::write_clip(target, 3, 64, 48, cases[i]);
    EXPECT_EQ(read_video_metadata(target), cases[i]) << i;
    if (!target.ends_with('/')) {
      EXPECT_EQ(test::decode(target).size(), 3U) << i;
    }
  }
}

TEST_P(AnyWriter, CheckVideoPathAgrees) { EXPECT_NO_THROW(check_video_path(path())); }

TEST(VideoPath, UnknownExtension) {
  for (const char* path : {"clip.avi", "clip", "clip.png", "folder.mp4.d/clip", ".mp4", ""}) {
    const Error error = error_of([&] { check_video_path(path); });
    expect_error(error, ErrorCode::kInvalidArgument,
                 {std::string("'") + path + "'", ".mp4, .webm, .webp or .gif", "/'"});
    EXPECT_STREQ(error_of([&] { (void)VideoWriter::open(path, 64, 48); }).what(), error.what());
  }
}

TEST(WebPWriter, FramesGoIntoTheFileAsTheyCome) {
  const support::TempDir folder;
  const auto writer = VideoWriter::open(folder.file("a.webp"), 64, 48);
  const auto size = [&] { return fs::file_size(folder.file(test::names(folder.path())[0])); };
  writer->write(moving_frame(0, 64, 48));
  const auto first = size();
  writer->write(moving_frame(1, 64, 48));
  EXPECT_GT(size(), first);
}

}  // namespace
}  // namespace swan
