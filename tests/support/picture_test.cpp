#include "support/picture.h"

#include <fstream>
#include <stdexcept>

#include "support/golden.h"
#include "support/temp_dir.h"

namespace swan::support {
namespace {

TEST(Picture, ReadsTheGoldenOnes) {
  const GoldenPipeline golden = golden_pipeline("sana_basic");
  const Image image = read_png(golden.images.at(0));
  EXPECT_EQ(image.width, 160);
  EXPECT_EQ(image.height, 128);
  EXPECT_TRUE(same_picture(image, image, 0, 1.0));
}

TEST(Picture, ToleratesOneLevelOnFewValuesOnly) {
  Image expected{.width = 40, .height = 25, .rgb = std::vector<uint8_t>(3000, 100)};
  Image actual = expected;
  for (size_t i = 0; i < 9; ++i) actual.rgb[i * 300] = 101;
  EXPECT_TRUE(same_picture(actual, expected));
  actual.rgb[17] = 99;
  EXPECT_FALSE(same_picture(actual, expected));
  actual = expected;
  actual.rgb[17] = 102;
  EXPECT_FALSE(same_picture(actual, expected));
  EXPECT_EQ(compare(actual, expected).max_level, 2);
  actual.width = 25;
  actual.height = 40;
  EXPECT_FALSE(same_picture(actual, expected));
}

TEST(Picture, NamesAFileThatIsNoPng) {
  const TempDir dir;
  const std::string path = dir.write("a/bad.png", "not a picture");
  try {
    (void)read_png(path);
    FAIL() << "was read";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
  }
}

}  // namespace
}  // namespace swan::support
