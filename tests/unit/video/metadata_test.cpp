// Reading files from outside: those of other programs, truncated ones, damaged ones.
#include <cstdlib>
#include <filesystem>
#include <random>

#include "decode.h"

namespace swan {
namespace {

using test::error_of;
using test::expect_error;

std::string box(const std::string& name, const std::string& content) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>((content.size() + 8) >> shift & 0xFFU);
  return bytes + name + content;
}

class VideoMetadata : public testing::Test {
 protected:
  ImageMetadata read(const std::string& bytes) {
    return read_video_metadata(folder_.write(fmt::format("{}", count_++), bytes));
  }
  std::string clip(const std::string& name) {
    test::write_clip(folder_.file(name), 2, 32, 32, {{"swan", "{\"seed\":1}"}});
    return test::read_bytes(folder_.file(name));
  }

  support::TempDir folder_;
  int count_ = 0;
};

TEST_F(VideoMetadata, OfOtherPrograms) {
  test::write_clip(folder_.file("a.mp4"), 2, 32, 32, test::long_metadata());
  // Copied into other containers, and written by another program.
  for (const char* arguments :
       {"-i a.mp4 -c copy b.mp4", "-i a.mp4 -c copy b.mkv",
        "-i a.mp4 -c copy -movflags +frag_keyframe+empty_moov f.mp4", "-i a.mp4 -metadata comment=hello -c copy c.mp4",
        "-i a.mp4 -map_metadata -1 -c copy d.mp4", "-i a.mp4 -map_metadata -1 -f gif d.gif"}) {
    const std::string command = "cd " + folder_.path() + " && " + SWAN_FFMPEG + " -v error " + arguments;
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  EXPECT_EQ(read_video_metadata(folder_.file("b.mp4")), test::long_metadata());
  EXPECT_EQ(read_video_metadata(folder_.file("b.mkv")), test::long_metadata());
  EXPECT_EQ(read_video_metadata(folder_.file("f.mp4")), test::long_metadata());
  EXPECT_EQ(read_video_metadata(folder_.file("c.mp4")), (ImageMetadata{{"Comment", "hello"}}));
  EXPECT_TRUE(read_video_metadata(folder_.file("d.mp4")).empty());
  EXPECT_TRUE(read_video_metadata(folder_.file("d.gif")).empty());
}

TEST_F(VideoMetadata, IsWhatFfprobeSees) {
  test::write_clip(folder_.file("a.mp4"), 2, 32, 32, {{"swan", "{\"prompt\":\"一只猫\"}"}});
  test::write_clip(folder_.file("a.webm"), 2, 32, 32, {{"swan", "{\"prompt\":\"一只猫\"}"}});
  const std::string text = "Swan metadata: {\"swan\":\"{\\\"prompt\\\":\\\"一只猫\\\"}\"}";
  EXPECT_EQ(test::probe(folder_.file("a.mp4"))["format"]["tags"]["comment"], text);
  EXPECT_EQ(test::probe(folder_.file("a.webm"))["format"]["tags"]["COMMENT"], text);
}

TEST_F(VideoMetadata, OfOtherFiles) {
  expect_error(error_of([&] { (void)read_video_metadata(folder_.file("none.mp4")); }), ErrorCode::kNotFound,
               {"none.mp4"});
  for (const std::string& bytes : {std::string(), std::string("x"), std::string("a text of some length")})
    expect_error(error_of([&] { (void)read(bytes); }), ErrorCode::kUnsupported, {"MP4, WebM, WebP, GIF or PNG"});
}

TEST_F(VideoMetadata, BoxesOfEverySize) {
  const std::string ftyp = box("ftyp", "isom");
  const std::string text(8, '\0');
  const std::string moov = box("udta", box("meta", std::string(4, '\0') + box("ilst", box("\xA9"
                                                                                          "cmt",
                                                                                          box("data", text + "hi")))));
  const ImageMetadata expected{{"Comment", "hi"}};
  EXPECT_EQ(read(ftyp + box("moov", moov)), expected);
  EXPECT_EQ(read(ftyp + std::string("\0\0\0\0moov", 8) + moov), expected);  // to the end
  EXPECT_EQ(read(ftyp + std::string("\0\0\0\1free\0\0\0\0\0\0\0\x10", 16) + box("moov", moov)), expected);  // 64 bits
  const std::string quicktime = box("udta", box("meta", box("hdlr", "") + box("ilst", box("\xA9"
                                                                                          "cmt",
                                                                                          box("data", text + "hi")))) +
                                                std::string(4, '\0'));
  EXPECT_EQ(read(ftyp + box("moov", quicktime)), expected);
  EXPECT_TRUE(read(ftyp).empty());
  for (const std::string& bad :
       {std::string("\0\0\0\7free", 8),
        std::string("\0\0\0\x09"
                    "free",
                    8),
        std::string("\x7F\xFF\xFF\xFFmoov", 8), std::string("\0\0\0\1free\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16),
        std::string("\0\0\0\1free\0\0\0\0", 12)})
    expect_error(error_of([&] { (void)read(ftyp + bad); }), ErrorCode::kCorruptFile, {"claims", "left"});
}

TEST_F(VideoMetadata, CommentsTooLong) {
  const std::string text(17U << 20U, 'x');
  expect_error(
      error_of([&] {
        (void)read(box("ftyp", "isom") +
                   box("moov", box("udta", box("meta", std::string(4, '\0') + box("ilst", box("\xA9"
                                                                                              "cmt",
                                                                                              box("data", text)))))));
      }),
      ErrorCode::kCorruptFile, {"expected at most 16777216"});
}

// Every prefix, and thousands of small damages: an Error or some metadata, never anything else.
TEST_F(VideoMetadata, TruncatedAndDamaged) {
  for (const char* name : {"a.mp4", "a.webm", "a.webp", "a.gif"}) {
    const std::string whole = clip(name);
    const std::string path = folder_.file("damaged");
    const auto try_bytes = [&](const std::string& bytes) {
      std::filesystem::remove(path);
      folder_.write("damaged", bytes);
      try {
        (void)read_video_metadata(path);
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile || error.code() == ErrorCode::kUnsupported) << error.what();
      }
    };
    for (size_t bytes = 0; bytes < whole.size(); bytes += 1 + whole.size() / 1000) try_bytes(whole.substr(0, bytes));
    std::mt19937 random(7);
    for (int i = 0; i < 1500; ++i) {
      std::string damaged = whole;
      for (uint32_t changes = 1 + random() % 4; changes > 0; --changes)
        damaged[random() % damaged.size()] = static_cast<char>(random() % 4 == 0 ? 0xFF : random());
      try_bytes(damaged);
    }
  }
}

}  // namespace
}  // namespace swan
