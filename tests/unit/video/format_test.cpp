// What is in the files, as ffprobe, ffmpeg and libwebp see it.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>

#include "decode.h"

namespace swan {
namespace {

using test::decode;
using test::moving_frame;
using test::probe;
using test::psnr;
using test::write_clip;

class VideoFormat : public testing::TestWithParam<const char*> {
 protected:
  [[nodiscard]] std::string path(const std::string& stem = "clip") const { return folder_.file(stem + GetParam()); }
  [[nodiscard]] bool is(const char* extension) const { return std::string(GetParam()) == extension; }

  support::TempDir folder_;
};
INSTANTIATE_TEST_SUITE_P(All, VideoFormat, testing::Values(".mp4", ".webm", ".webp", ".gif"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

TEST_P(VideoFormat, FramesAreThoseWritten) {
  write_clip(path(), 17);
  const std::vector<Image> frames = decode(path());
  ASSERT_EQ(frames.size(), 17U);
  // 256 colours a frame, and dither, are less than what others can do.
  const double bound = is(".gif") ? 30 : 35;
  double worst = 99;
  for (size_t i = 0; i < frames.size(); ++i)
    worst = std::min(worst, psnr(frames[i], moving_frame(static_cast<int64_t>(i), 64, 48)));
  std::printf("worst PSNR of %s: %.2f dB\n", GetParam(), worst);
  EXPECT_GT(worst, bound);
}

// A wrong matrix or range would shift flat colours by tens of levels.
TEST_P(VideoFormat, ColoursAreExact) {
  const std::vector<std::array<uint8_t, 3>> colours{{255, 0, 0}, {0, 255, 0},     {0, 0, 255},  {255, 255, 255},
                                                    {0, 0, 0},   {128, 128, 128}, {200, 30, 90}};
  const auto writer = VideoWriter::open(path(), 32, 32);
  for (const auto& colour : colours) {
    Image frame{32, 32, {}};
    for (int i = 0; i < 32 * 32; ++i) frame.rgb.insert(frame.rgb.end(), colour.begin(), colour.end());
    writer->write(frame);
  }
  writer->finish();
  const std::vector<Image> frames = decode(path());
  ASSERT_EQ(frames.size(), colours.size());
  for (size_t i = 0; i < colours.size(); ++i) {
    for (size_t channel = 0; channel < 3; ++channel) {
      EXPECT_NEAR(frames[i].rgb[(16 * 32 + 16) * 3 + channel], colours[i][channel], 4) << "colour " << i;
    }
  }
}

TEST_P(VideoFormat, TheSameFramesGiveTheSameBytes) {
  write_clip(path("a"), 17, 64, 48, test::long_metadata());
  write_clip(path("b"), 17, 64, 48, test::long_metadata());
  EXPECT_EQ(test::read_bytes(path("a")), test::read_bytes(path("b")));
}

TEST_P(VideoFormat, OneFrame) {
  write_clip(path(), 1);
  EXPECT_EQ(decode(path()).size(), 1U);
}

TEST_P(VideoFormat, SmallestSizes) {
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{2, 2}, {2, 50}, {34, 2}}) {
    write_clip(path(), 3, width, height);
    const std::vector<Image> frames = decode(path());
    ASSERT_EQ(frames.size(), 3U) << width << "x" << height;
    EXPECT_EQ(frames[0].width, width);
    EXPECT_EQ(frames[0].height, height);
  }
}

TEST_P(VideoFormat, OddSizes) {
  if (is(".mp4")) {
    for (const auto& [width, height] : std::vector<std::pair<int, int>>{{33, 48}, {64, 1}}) {
      test::expect_error(test::error_of([&, w = width, h = height] { write_clip(path(), 1, w, h); }),
                         ErrorCode::kInvalidArgument,
                         {"clip.mp4", std::to_string(width) + "x" + std::to_string(height), "even sides", ".webm"});
    }
    EXPECT_TRUE(test::names(folder_.path()).empty());
    return;
  }
  for (const auto& [width, height] : std::vector<std::pair<int, int>>{{33, 47}, {1, 1}, {1, 30}}) {
    write_clip(path(), 3, width, height);
    const std::vector<Image> frames = decode(path());
    ASSERT_EQ(frames.size(), 3U) << width << "x" << height;
    EXPECT_EQ(frames[0].width, width);
    EXPECT_EQ(frames[0].height, height);
    EXPECT_GT(psnr(frames[2], moving_frame(2, width, height)), 28);
  }
}

TEST_P(VideoFormat, AnyCaseOfExtension) {
  std::string name = path();
  std::transform(name.end() - 3, name.end(), name.end() - 3, [](char c) { return static_cast<char>(std::toupper(c)); });
  write_clip(name, 2);
  EXPECT_GT(std::filesystem::file_size(name), 0U);
}

TEST_P(VideoFormat, AnOlderFileStaysUntilFinish) {
  folder_.write(std::string("clip") + GetParam(), "yesterday's");
  {
    const auto writer = VideoWriter::open(path(), 64, 48);
    writer->write(moving_frame(0, 64, 48));
  }
  EXPECT_EQ(test::read_bytes(path()), "yesterday's");
  write_clip(path(), 2);
  EXPECT_EQ(decode(path()).size(), 2U);
  EXPECT_EQ(test::names(folder_.path()).size(), 1U);
}

class YuvFormat : public VideoFormat {};
INSTANTIATE_TEST_SUITE_P(All, YuvFormat, testing::Values(".mp4", ".webm"),
                         [](const auto& info) { return std::string(info.param).substr(1); });

TEST_P(YuvFormat, StreamIsWhatBrowsersPlay) {
  write_clip(path(), 17);
  const nlohmann::json found = probe(path());
  ASSERT_EQ(found["streams"].size(), 1U);
  const nlohmann::json& stream = found["streams"][0];
  EXPECT_EQ(stream["codec_name"], is(".mp4") ? "h264" : "vp9");
  EXPECT_EQ(stream["profile"], is(".mp4") ? "High" : "Profile 0");
  EXPECT_EQ(stream["pix_fmt"], "yuv420p");
  EXPECT_EQ(stream["color_range"], "tv");
  EXPECT_EQ(stream["color_space"], "bt709");
  EXPECT_EQ(stream["color_transfer"], "bt709");
  EXPECT_EQ(stream["color_primaries"], "bt709");
  EXPECT_EQ(stream["sample_aspect_ratio"], "1:1");
  EXPECT_EQ(stream["width"], 64);
  EXPECT_EQ(stream["height"], 48);
  EXPECT_EQ(stream["nb_read_frames"], "17");
  EXPECT_EQ(stream["avg_frame_rate"], "16/1");
  EXPECT_EQ(stream["r_frame_rate"], "16/1");
  EXPECT_NEAR(std::stod(found["format"]["duration"].get<std::string>()), 17 / 16.0, 0.001);
  EXPECT_NEAR(std::stod(found["format"]["start_time"].get<std::string>()), 0, 1e-9);
  EXPECT_FALSE(found["format"]["tags"].contains("creation_time"));
}

// Frames have times of i / fps, to the container's unit.
TEST_P(YuvFormat, TimesAreExact) {
  const std::vector<std::pair<double, const char*>> cases{
      {24000 / 1001.0, "24000/1001"}, {23.976, "2997/125"}, {30, "30/1"}, {12.5, "25/2"}, {0.5, "1/2"}, {120, "120/1"}};
  for (const auto& [fps, text] : cases) {
    write_clip(path(), 9, 16, 16, {}, {.fps = fps});
    const nlohmann::json found = probe(path());
    EXPECT_EQ(found["streams"][0]["avg_frame_rate"], text);
    std::vector<double> times;
    for (const nlohmann::json& packet : found["packets"])
      times.push_back(std::stod(packet["pts_time"].get<std::string>()));
    std::sort(times.begin(), times.end());
    ASSERT_EQ(times.size(), 9U);
    const double unit = is(".mp4") ? 2e-6 : 6e-4;  // ffprobe prints 1e-6; WebM counts in ms
    for (size_t i = 0; i < times.size(); ++i) EXPECT_NEAR(times[i], static_cast<double>(i) / fps, unit) << fps;
    EXPECT_NEAR(std::stod(found["format"]["duration"].get<std::string>()), 9 / fps, 0.0011) << fps;
  }
}

TEST_P(YuvFormat, CrfDecidesTheSize) {
  // With noise, or there is nothing to save.
  uint32_t state = 1;
  std::vector<Image> frames;
  for (int i = 0; i < 5; ++i) {
    frames.push_back(moving_frame(i, 64, 48));
    for (uint8_t& value : frames.back().rgb) {
      state = state * 1664525U + 1013904223U;
      value = static_cast<uint8_t>(std::clamp(value + static_cast<int>(state >> 27U) - 16, 0, 255));
    }
  }
  const auto size = [&](std::optional<int> crf) {
    const auto writer = VideoWriter::open(path(), 64, 48, {}, {.crf = crf});
    for (const Image& frame : frames) writer->write(frame);
    writer->finish();
    return std::filesystem::file_size(path());
  };
  EXPECT_GT(size(1), size({}));
  EXPECT_GT(size({}), size(45));
  const int most = is(".mp4") ? 51 : 63;
  for (const int crf : {-1, 0, most + 1})
    test::expect_error(test::error_of([&] { (void)size(crf); }), ErrorCode::kInvalidArgument,
                       {"crf is " + std::to_string(crf), "1 (best) to " + std::to_string(most)});
}

TEST(Mp4, IndexIsInFront) {
  const support::TempDir folder;
  write_clip(folder.file("clip.mp4"), 17, 64, 48, test::long_metadata());
  const std::string bytes = test::read_bytes(folder.file("clip.mp4"));
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
  EXPECT_NE(bytes.find("colr"), std::string::npos);
}

TEST(Gif, TimesAddUp) {
  const support::TempDir folder;
  const std::string path = folder.file("clip.gif");
  write_clip(path, 17);
  const nlohmann::json found = probe(path);
  EXPECT_EQ(found["streams"][0]["codec_name"], "gif");
  int64_t end = 0;
  ASSERT_EQ(found["packets"].size(), 17U);
  for (size_t i = 0; i < 17; ++i) {
    EXPECT_EQ(found["packets"][i]["pts"], std::llround(static_cast<double>(i) * 100 / 16));
    end += found["packets"][i]["duration"].get<int64_t>();
  }
  EXPECT_EQ(end, std::llround(1700 / 16.0));
  EXPECT_NE(test::read_bytes(path).find(std::string("NETSCAPE2.0\x03\x01\0\0", 15)), std::string::npos);  // for ever
}

TEST(WebP, TimesAddUp) {
  const support::TempDir folder;
  write_clip(folder.file("clip.webp"), 17, 64, 48, {}, {.fps = 24});
  const test::WebPTimes times = test::webp_times(folder.file("clip.webp"));
  EXPECT_EQ(times.loops, 0);
  ASSERT_EQ(times.ends_ms.size(), 17U);
  for (size_t i = 0; i < 17; ++i) EXPECT_EQ(times.ends_ms[i], std::llround(static_cast<double>(i + 1) * 1000 / 24));
}

TEST(WebP, QualityDecidesTheSize) {
  const support::TempDir folder;
  const auto size = [&](int quality) {
    write_clip(folder.file("clip.webp"), 2, 64, 48, {}, {.quality = quality});
    return std::filesystem::file_size(folder.file("clip.webp"));
  };
  EXPECT_GT(size(100), size(90));
  EXPECT_GT(size(90), size(10));
  for (const int quality : {0, 101})
    test::expect_error(test::error_of([&] { (void)size(quality); }), ErrorCode::kInvalidArgument,
                       {"quality is " + std::to_string(quality), "1 to 100"});
}

}  // namespace
}  // namespace swan
