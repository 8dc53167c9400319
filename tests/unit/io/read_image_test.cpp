// read_image against what Pillow 13 wrote, and against damage.
#include <gtest/gtest.h>

#include <fstream>
#include <random>
#include <string>

#include "support/picture.h"
#include "support/temp_dir.h"
#include "swan/error.h"
#include "swan/image.h"

namespace swan {
namespace {

using Rgb = std::vector<uint8_t>;

std::string bytes_of(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

Image gradient(int64_t width, int64_t height) {
  Image image{.width = width, .height = height, .rgb = {}};
  for (int64_t i = 0; i < width * height; ++i)
    for (const int64_t value : {255 * (i % width) / width, 255 * (i / width) / height, int64_t{128}})
      image.rgb.push_back(static_cast<uint8_t>(value));
  return image;
}

class ReadImage : public ::testing::Test {
 protected:
  // The file's name says nothing: its bytes do.
  [[nodiscard]] Image read(const std::string& bytes) const { return read_image(folder_.write("file", bytes)); }
  [[nodiscard]] std::string written(const std::string& name, const Image& image) const {
    save_image(folder_.file(name), image, {{"swan", "{}"}});
    std::ifstream file(folder_.file(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }
  void expect_error(const std::string& bytes, ErrorCode code, const std::string& text) const {
    try {
      (void)read(bytes);
      ADD_FAILURE() << "no error; expected one with: " << text;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), code) << e.what();
      EXPECT_NE(std::string(e.what()).find(text), std::string::npos) << e.what();
    }
  }

  support::TempDir folder_;
};

TEST_F(ReadImage, GivesBackWhatWasSaved) {
  const Image image = gradient(37, 23);
  for (const char* name : {"a.png", "a.webp"}) {
    const Image back = read(written(name, image));
    EXPECT_EQ(back.width, 37) << name;
    EXPECT_EQ(back.height, 23) << name;
    EXPECT_EQ(back.rgb, image.rgb) << name;
  }
  EXPECT_TRUE(support::same_picture(read(written("a.jpg", image)), image, 6, 0.1));
}

TEST_F(ReadImage, TurnsEveryKindIntoRgb) {
  const Image grey = read(
      bytes_of("89504e470d0a1a0a0000000d494844520000000200000002080000000057dd52f80000000e49444154789c6360fec5d0c00e00"
               "050401856f10d08e0000000049454e44ae426082"));
  EXPECT_EQ(grey.height, 2);
  EXPECT_EQ(grey.rgb, (Rgb{3, 3, 3, 250, 250, 250, 128, 128, 128, 7, 7, 7}));
  const Image palette = read(bytes_of(
      "89504e470d0a1a0a0000000d4948445200000002000000010103000000ceecedc900000006504c54450a141ec8643277a0b39c0000000274"
      "524e53ff00e5b7304a0000000a49444154789c63700000004200412937f4ef0000000049454e44ae426082"));  // the second is
                                                                                                   // clear
  EXPECT_EQ(palette.rgb, (Rgb{10, 20, 30, 200, 100, 50}));
  const Image clear =
      read(bytes_of("89504e470d0a1a0a0000000d494844520000000200000001080600"
                    "0000f4227f8a0000001149444154789c63646462666066666e000000d50091a54158c30000000049454e44ae426082"));
  EXPECT_EQ(clear.rgb, (Rgb{1, 2, 3, 4, 5, 6}));
  const Image deep = read(
      bytes_of("89504e470d0a1a0a0000000d494844520000000200000001100000000081d9fc150000000d49444154789c631032f9c7080002"
               "e60146a1852a7f0000000049454e44ae426082"));
  EXPECT_EQ(deep.rgb, (Rgb{0x12, 0x12, 0x12, 0xfe, 0xfe, 0xfe}));
  const Image webp = read(
      bytes_of("524946462c000000574542505650384c200000002f010000100fa010400014340a01044041a310400014340318b93f2a10d1ff0"
               "0"));
  EXPECT_EQ(webp.rgb, (Rgb{1, 2, 3, 4, 5, 6}));
}

const char* const kGreyJpeg =
    "ffd8ffe000104a46494600010100000100010000ffdb0043000302020302020303030304030304050805050404050a070706080c0a0c0c0b0a"
    "0b0b0d0e12100d0e110e0b0b1016101113141515150c0f171816141812141514ffc0000b080001000101011100ffc4001f00000105010101"
    "01010100000000000000000102030405060708090a0bffc400b5100002010303020403050504040000017d010203000411051221314106"
    "13516107227114328191a1082342b1c11552d1f02433627282090a161718191a25262728292a3435363738393a434445464748494a5354"
    "55565758595a636465666768696a737475767778797a838485868788898a92939495969798999aa2a3a4a5a6a7a8a9aab2b3b4b5b6b7b8"
    "b9bac2c3c4c5c6c7c8c9cad2d3d4d5d6d7d8d9dae1e2e3e4e5e6e7e8e9eaf1f2f3f4f5f6f7f8f9faffda0008010100003f00fb02bfffd9";

TEST_F(ReadImage, GreyJpegBecomesRgb) {
  const Image image = read(bytes_of(kGreyJpeg));
  ASSERT_EQ(image.rgb.size(), 3U);
  for (const uint8_t value : image.rgb) EXPECT_NEAR(value, 200, 2);
}

TEST_F(ReadImage, RefusesWhatIsNoStillPicture) {
  expect_error("", ErrorCode::kUnsupported, "not a PNG, JPEG or WebP");
  expect_error("GIF89a and so on", ErrorCode::kUnsupported, "not a PNG, JPEG or WebP");
  expect_error(
      bytes_of("524946468400000057454250565038580a00000002000000010000010000414e494d06000000000000000000414e4d4"
               "628000000000000000000010000010000000000025650384c0f0000002f014000000710fd8ffe0722a2ff0100414e"
               "4d4628000000000000000000010000010000000000005650384c0f0000002f014000000710d1fffe0722a2ff0100"),
      ErrorCode::kUnsupported, "animation");
  // The header of a picture in four inks, and one of 20000 x 1 pixels.
  expect_error(
      bytes_of("ffd8ffee000e41646f626500640000000000ffc000140800010001044311004d11005911004b1100ffda000e0443004d"
               "0059004b00003f00"),
      ErrorCode::kUnsupported, "CMYK");
  expect_error(written("wide.png", gradient(20000, 1)), ErrorCode::kUnsupported, "20000x1");
  try {
    (void)read_image("/nowhere/a.png");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::kNotFound);
  }
}

TEST_F(ReadImage, RefusesWhatEndsEarly) {
  for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
    const std::string whole = written(name, gradient(16, 16));
    for (size_t length = 12; length + 2 < whole.size(); length += 7)
      expect_error(whole.substr(0, length), ErrorCode::kCorruptFile, "not a whole");
  }
}

TEST_F(ReadImage, MutatedFilesNeverBreakIt) {
  std::mt19937 random(5);
  int refused = 0;
  for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
    const std::string whole = written(name, gradient(16, 16));
    for (int round = 0; round < 400; ++round) {
      std::string bytes = whole;
      for (int n = 0; n < 1 + round % 4; ++n) bytes[random() % bytes.size()] = static_cast<char>(random());
      try {
        const Image image = read(bytes);
        EXPECT_EQ(image.rgb.size(), static_cast<size_t>(image.width * image.height * 3));
      } catch (const Error&) {
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 300);
}

}  // namespace
}  // namespace swan
