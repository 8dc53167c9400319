#include "swan/image.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <webp/decode.h>
#include <zlib.h>

#include <cstdio>
// jpeglib.h needs std::FILE before it.
#include <jpeglib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>

#include "support/picture.h"
#include "support/temp_dir.h"
#include "swan/error.h"

namespace swan {
namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<uint8_t>;

class ImageFile : public testing::Test {
 protected:
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder_.path())) found.push_back(entry.path().filename().string());
    return found;
  }

  support::TempDir folder_;
};

Bytes read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_bytes(const std::string& path, const Bytes& bytes) {
  fs::remove(path);  // ext4 flushes a file to disk that is truncated and written again: 5 ms for each mutation
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  ASSERT_TRUE(file.flush());
}

Image noise(int64_t width, int64_t height, uint32_t seed = 1) {
  Image image{width, height, Bytes(static_cast<size_t>(width * height * 3))};
  std::mt19937 random(seed);
  for (uint8_t& value : image.rgb) value = static_cast<uint8_t>(random());
  return image;
}

// What a lossy format can hold: neighbours differ little.
Image gradient(int64_t width, int64_t height) {
  Image image{width, height, {}};
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      image.rgb.push_back(static_cast<uint8_t>(255 * x / width));
      image.rgb.push_back(static_cast<uint8_t>(255 * y / height));
      image.rgb.push_back(128);
    }
  }
  return image;
}

Image decode_webp(const std::string& path) {
  const Bytes file = read_bytes(path);
  int width = 0, height = 0;
  uint8_t* rgb = WebPDecodeRGB(file.data(), file.size(), &width, &height);
  if (rgb == nullptr) return {};
  Image image{width, height, Bytes(rgb, rgb + static_cast<ptrdiff_t>(width) * height * 3)};
  WebPFree(rgb);
  return image;
}

// The default error handler ends the process, which fails the test as well as a message would.
Image decode_jpeg(const std::string& path, int* sampling = nullptr) {
  const Bytes file = read_bytes(path);
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, file.data(), file.size());
  jpeg_read_header(&info, TRUE);
  if (sampling != nullptr) *sampling = info.comp_info[0].h_samp_factor * info.comp_info[0].v_samp_factor;
  jpeg_start_decompress(&info);
  Image image{info.output_width, info.output_height, Bytes(size_t{info.output_width} * info.output_height * 3)};
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = image.rgb.data() + size_t{info.output_scanline} * info.output_width * 3;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return image;
}

double mean_difference(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int{a.rgb[i]} - int{b.rgb[i]});
  return sum / static_cast<double>(a.rgb.size());
}

template <typename Fn>
Error error_of(const Fn& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInternal, "nothing was thrown"};
}

void expect_error(const Error& error, ErrorCode code, const std::vector<std::string>& parts) {
  EXPECT_EQ(error.code(), code) << error.what();
  for (const std::string& part : parts)
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos)
        << "'" << part << "' is not in: " << error.what();
}

const std::vector<ImageMetadata>& metadata_cases() {
  std::string everything;
  for (int c = 1; c < 128; ++c) everything += static_cast<char>(c);
  static const std::vector<ImageMetadata> cases{
      {},
      {{"swan", R"({"prompt":"a red apple","seed":42})"}},
      {{"swan", R"({"prompt":"三个草莓 🍓 \"quoted\" \\ </swan:metadata> ]]> & &amp; &#65; <!-- 'x' -->"})"}},
      {{"swan", ""}, {"Title", "ends with CR LF\r\n"}, {"Caf\xC3\xA9", "\t lead and trail \n"}},
      {{"all", everything + "\xC2\x80\xEF\xBF\xBD\xEF\xBF\xBE\xEF\xBF\xBF\xF4\x8F\xBF\xBF"}},
      {{"Comment", std::string(200000, 'x') + "\xE4\xB8\xAD"}, {"long", std::string(70001, '<')}},
  };
  return cases;
}

constexpr std::array<std::pair<int64_t, int64_t>, 5> kSizes{{{1, 1}, {3, 5}, {1, 4097}, {4097, 1}, {64, 33}}};

TEST_F(ImageFile, PngKeepsEveryPixel) {
  for (const auto& [width, height] : kSizes) {
    const Image image = noise(width, height);
    save_image(path("a.png"), image, {{"swan", "{}"}});
    const Image found = support::read_png(path("a.png"));
    EXPECT_EQ(found.width, width);
    EXPECT_EQ(found.height, height);
    EXPECT_EQ(found.rgb, image.rgb) << width << "x" << height;
  }
}

TEST_F(ImageFile, LosslessWebpKeepsEveryPixel) {
  for (const auto& [width, height] : kSizes) {
    for (const ImageMetadata& metadata : {ImageMetadata{}, ImageMetadata{{"swan", "{}"}}}) {
      const Image image = noise(width, height);
      save_image(path("a.webp"), image, metadata);
      const Image found = decode_webp(path("a.webp"));
      EXPECT_EQ(found.width, width);
      EXPECT_EQ(found.height, height);
      EXPECT_EQ(found.rgb, image.rgb) << width << "x" << height;
    }
  }
}

TEST_F(ImageFile, LossyWebpIsCloseAndQualityMatters) {
  const Image image = noise(96, 64);
  save_image(path("low.webp"), image, {}, {.quality = 10, .lossless = false});
  save_image(path("high.webp"), image, {}, {.quality = 95, .lossless = false});
  EXPECT_LT(fs::file_size(path("low.webp")), fs::file_size(path("high.webp")));
  save_image(path("smooth.webp"), gradient(96, 64), {}, {.quality = 95, .lossless = false});
  EXPECT_LT(mean_difference(decode_webp(path("smooth.webp")), gradient(96, 64)), 4.0);
}

TEST_F(ImageFile, JpegIsCloseWithFullColourResolution) {
  for (const auto& [width, height] : kSizes) {
    const Image image = gradient(width, height);
    save_image(path("a.jpg"), image, {{"swan", "{}"}});
    int sampling = 0;
    const Image found = decode_jpeg(path("a.jpg"), &sampling);
    ASSERT_EQ(found.rgb.size(), image.rgb.size());
    EXPECT_LT(mean_difference(found, image), 2.0) << width << "x" << height;
    EXPECT_EQ(sampling, 1);  // 4:4:4
  }
  save_image(path("low.jpg"), noise(64, 64), {}, {.quality = 10});
  save_image(path("high.jpg"), noise(64, 64), {});
  EXPECT_LT(fs::file_size(path("low.jpg")), fs::file_size(path("high.jpg")));
}

TEST_F(ImageFile, MetadataComesBackExactly) {
  for (const char* name : {"a.png", "a.PNG", "a.jpg", "a.JPEG", "a.jpeg", "a.webp", "a.WebP"}) {
    for (const ImageMetadata& metadata : metadata_cases()) {
      save_image(path(name), noise(5, 4), metadata);
      EXPECT_EQ(read_image_metadata(path(name)), metadata) << name;
    }
  }
}

TEST_F(ImageFile, PngHoldsTheSettingsAsPlainUtf8Text) {
  save_image(path("a.png"), noise(2, 2), {{"swan", "{\"prompt\":\"三个草莓\"}"}});
  const Bytes file = read_bytes(path("a.png"));
  // Keyword, its end, no compression (two bytes), no language, no translated keyword, text.
  const std::string chunk = std::string("iTXtswan\0\0\0\0\0", 13) + "{\"prompt\":\"三个草莓\"}";
  EXPECT_NE(std::string(file.begin(), file.end()).find(chunk), std::string::npos);
}

TEST_F(ImageFile, TheSamePictureGivesTheSameBytes) {
  for (const char* extension : {".png", ".jpg", ".webp"}) {
    const std::string first = path(std::string("a") + extension), second = path(std::string("b") + extension);
    save_image(first, noise(31, 17), {{"swan", "{}"}});
    save_image(second, noise(31, 17), {{"swan", "{}"}});
    EXPECT_EQ(read_bytes(first), read_bytes(second)) << extension;
  }
}

TEST_F(ImageFile, UnknownExtensionsAreRefusedWithTheKnownOnes) {
  for (const char* name : {"a.gif", "a", "a.png.txt", "png", ".png", "dir.png/a"}) {
    const std::vector<std::string> parts{name, ".png", ".jpg", ".jpeg", ".webp"};
    expect_error(error_of([&] { check_image_path(path(name)); }), ErrorCode::kInvalidArgument, parts);
    expect_error(error_of([&] { save_image(path(name), noise(2, 2)); }), ErrorCode::kInvalidArgument, parts);
  }
  for (const char* name : {"a.png", "a.JPG", "a.b.jpeg", "a.webp"}) EXPECT_NO_THROW(check_image_path(name));
  EXPECT_TRUE(names().empty());
}

TEST_F(ImageFile, SizesThatDisagreeWithTheBytesAreRefused) {
  Image image = noise(4, 3);
  image.rgb.pop_back();
  expect_error(error_of([&] { save_image(path("a.png"), image); }), ErrorCode::kInvalidArgument,
               {"4x3", "36 bytes", "found 35"});
  for (const auto& [width, height] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 5}, {5, 0}, {-4, -3}, {int64_t{1} << 40, 1}, {INT64_MAX, 3}}) {
    const Image wrong{width, height, Bytes(36)};
    for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
      expect_error(error_of([&] { save_image(path(name), wrong); }), ErrorCode::kInvalidArgument, {path(name)});
    }
  }
  EXPECT_TRUE(names().empty());
}

TEST_F(ImageFile, SidesBeyondAFormatAreRefused) {
  expect_error(error_of([&] { save_image(path("a.webp"), noise(16384, 1)); }), ErrorCode::kInvalidArgument,
               {"16384x1", "16383", ".png"});
  expect_error(error_of([&] { save_image(path("a.jpg"), noise(1, 65501)); }), ErrorCode::kInvalidArgument,
               {"1x65501", "65500", ".png"});
  save_image(path("a.png"), noise(1, 65501));
  EXPECT_EQ(support::read_png(path("a.png")).rgb, noise(1, 65501).rgb);
}

TEST_F(ImageFile, OptionsAndMetadataThatCannotBeStoredAreRefused) {
  for (const int quality : {0, 101, -1}) {
    expect_error(error_of([&] { save_image(path("a.jpg"), noise(2, 2), {}, {.quality = quality}); }),
                 ErrorCode::kInvalidArgument, {"quality", std::to_string(quality)});
  }
  const std::vector<ImageMetadata> wrong{{{"", "x"}},
                                         {{std::string(80, 'k'), "x"}},
                                         {{" k", "x"}},
                                         {{"k ", "x"}},
                                         {{"a  b", "x"}},
                                         {{"中", "x"}},
                                         {{"a\nb", "x"}},
                                         {{"\xC2", "x"}},
                                         {{"k", std::string("a\0b", 3)}},
                                         {{"k", "\xFF"}},
                                         {{"k", "\xED\xA0\x80"}},
                                         {{"k", std::string(size_t{9} << 20, 'x')}}};
  for (size_t i = 0; i < wrong.size(); ++i) {
    for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
      EXPECT_EQ(error_of([&] { save_image(path(name), noise(2, 2), wrong[i]); }).code(), ErrorCode::kInvalidArgument)
          << "case " << i << " " << name;
    }
  }
  EXPECT_TRUE(names().empty());
  const ImageMetadata longest{{std::string(79, 'k'), "x"}};
  save_image(path("a.png"), noise(2, 2), longest);
  EXPECT_EQ(read_image_metadata(path("a.png")), longest);
}

TEST_F(ImageFile, AFailedWriteLeavesNothingBehind) {
  expect_error(error_of([&] { save_image(path("none/a.png"), noise(2, 2)); }), ErrorCode::kIo,
               {path("none/a.png"), "No such file or directory"});
  ASSERT_TRUE(fs::create_directory(path("folder.png")));
  write_bytes(path("folder.png/kept"), {1});
  expect_error(error_of([&] { save_image(path("folder.png"), noise(2, 2)); }), ErrorCode::kIo, {"folder.png"});
  EXPECT_EQ(names(), std::vector<std::string>{"folder.png"});
  if (::geteuid() != 0) {  // root may write anywhere
    fs::permissions(folder_.path(), fs::perms::owner_read | fs::perms::owner_exec);
    expect_error(error_of([&] { save_image(path("a.png"), noise(2, 2)); }), ErrorCode::kIo, {"Permission denied"});
    fs::permissions(folder_.path(), fs::perms::owner_all);
  }
}

TEST_F(ImageFile, TheFileAppearsWholeWithTheUmasksMode) {
  const mode_t before = ::umask(027);
  save_image(path("a.png"), noise(2, 2));
  ::umask(before);
  struct stat status {};
  ASSERT_EQ(::stat(path("a.png").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0640U);
  save_image(path("a.png"), noise(7, 3));  // replaces
  EXPECT_EQ(support::read_png(path("a.png")).rgb, noise(7, 3).rgb);
  EXPECT_EQ(names(), std::vector<std::string>{"a.png"});
}

TEST_F(ImageFile, LinksAreFollowedAndPipesAreNotReplaced) {
  ASSERT_TRUE(fs::create_directory(path("folder")));
  fs::create_symlink("folder/real.png", path("link.png"));
  for (int i = 0; i < 2; ++i) {  // the target is new, then replaced
    save_image(path("link.png"), noise(3, 2));
    EXPECT_TRUE(fs::is_symlink(path("link.png")));
    EXPECT_EQ(support::read_png(path("folder/real.png")).rgb, noise(3, 2).rgb);
  }
  ASSERT_EQ(::mkfifo(path("pipe.png").c_str(), 0600), 0);
  expect_error(error_of([&] { save_image(path("pipe.png"), noise(2, 2)); }), ErrorCode::kIo, {"pipe.png", "pipe"});
  EXPECT_TRUE(fs::is_fifo(path("pipe.png")));
  EXPECT_EQ(error_of([&] { (void)read_image_metadata(path("pipe.png")); }).code(), ErrorCode::kIo);  // does not wait

  const std::string longest = std::string(251, 'n') + ".png";
  save_image(path(longest), noise(2, 2));
  EXPECT_EQ(support::read_png(path(longest)).rgb, noise(2, 2).rgb);
}

TEST_F(ImageFile, ReadingNamesWhatIsNotAPicture) {
  expect_error(error_of([&] { (void)read_image_metadata(path("none.png")); }), ErrorCode::kNotFound, {"none.png"});
  for (const char* content : {"", "GIF89a", "\x89PNG", "RIFF\x04", "RIFFxxxxWAVE", "hello"}) {
    const std::string text = content;
    write_bytes(path("a.png"), Bytes(text.begin(), text.end()));
    expect_error(error_of([&] { (void)read_image_metadata(path("a.png")); }), ErrorCode::kUnsupported,
                 {"a.png", "PNG, JPEG or WebP"});
  }
  EXPECT_EQ(error_of([&] { (void)read_image_metadata(folder_.path()); }).code(), ErrorCode::kIo);
}

// The bytes of a PNG chunk with its sum.
Bytes png_chunk(const std::string& name_and_data) {
  Bytes chunk;
  const auto put = [&](uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) chunk.push_back(static_cast<uint8_t>(value >> shift));
  };
  put(static_cast<uint32_t>(name_and_data.size() - 4));
  chunk.insert(chunk.end(), name_and_data.begin(), name_and_data.end());
  put(static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(name_and_data.data()), static_cast<uInt>(name_and_data.size()))));
  return chunk;
}

constexpr size_t kAfterHeader = 8 + 25;  // signature, IHDR
constexpr size_t kEndChunk = 12;         // IEND

// A PNG with `chunks` before or after its pixels.
Bytes png_with(const std::string& path, const std::vector<std::string>& chunks, bool behind) {
  save_image(path, noise(4, 4));
  Bytes file = read_bytes(path);
  Bytes added;
  for (const std::string& chunk : chunks) {
    const Bytes bytes = png_chunk(chunk);
    added.insert(added.end(), bytes.begin(), bytes.end());
  }
  const auto at = behind ? file.end() - kEndChunk : file.begin() + kAfterHeader;
  file.insert(at, added.begin(), added.end());
  return file;
}

std::string deflated(const std::string& text) {
  uLongf size = compressBound(text.size());
  std::string out(size, '\0');
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size, reinterpret_cast<const Bytef*>(text.data()), text.size(),
                9) != Z_OK)
    return {};
  out.resize(size);
  return out;
}

TEST_F(ImageFile, PngTextOfOtherProgramsIsRead) {
  const std::string zero(1, '\0');
  const std::vector<std::string> chunks{"tEXtTitle" + zero + "caf\xE9",
                                        "zTXtAuthor" + zero + zero + deflated("somebody"),
                                        "iTXtComment" + zero + "\1" + zero + "en" + zero + zero + deflated("中文"),
                                        "iTXtBroken" + zero + zero + zero + zero + zero + "a\xFF"};
  const ImageMetadata expected{
      {"Title", "caf\xC3\xA9"}, {"Author", "somebody"}, {"Comment", "中文"}, {"Broken", "a\xEF\xBF\xBD"}};
  for (const bool behind : {false, true}) {
    write_bytes(path("a.png"), png_with(path("b.png"), chunks, behind));
    EXPECT_EQ(read_image_metadata(path("a.png")), expected) << (behind ? "after" : "before") << " the pixels";
  }
}

TEST_F(ImageFile, JpegCommentsOfOtherProgramsAreRead) {
  save_image(path("a.jpg"), noise(4, 4), {{"swan", "{}"}});
  Bytes file = read_bytes(path("a.jpg"));
  const std::string comment = std::string("\xFF\xFE\x00\x07", 4) + "hello";
  file.insert(file.begin() + 2, comment.begin(), comment.end());
  write_bytes(path("a.jpg"), file);
  EXPECT_EQ(read_image_metadata(path("a.jpg")), (ImageMetadata{{"Comment", "hello"}, {"swan", "{}"}}));
}

Bytes webp_with_xmp(const std::string& path, const std::string& packet) {
  save_image(path, noise(4, 4));
  Bytes file = read_bytes(path);
  const auto put = [&](uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) file.push_back(static_cast<uint8_t>(value >> shift));
  };
  for (const char c : std::string("XMP ")) file.push_back(static_cast<uint8_t>(c));
  put(static_cast<uint32_t>(packet.size()));
  file.insert(file.end(), packet.begin(), packet.end());
  if (packet.size() % 2 != 0) file.push_back(0);
  return file;
}

TEST_F(ImageFile, XmpOfOtherProgramsIsRead) {
  const std::vector<std::pair<std::string, ImageMetadata>> cases{
      {"<x:xmpmeta/>", {{"XML:com.adobe.xmp", "<x:xmpmeta/>"}}},
      {"<swan:metadata/>", {{"XML:com.adobe.xmp", "<swan:metadata/>"}}},
      {R"(<d swan:metadata='{"a":"&#x4e2d;&#25991; &lt;&apos;&nonsense; &"}'/>)", {{"a", "中文 <'&nonsense; &"}}},
      {R"(<d swan:metadata="{&quot;a&quot;:&quot;b&quot;}"/>)", {{"a", "b"}}},
      {R"(<swan:metadata>{"a":"&#xZZ;&#9999999999;&#;"}</swan:metadata>)", {{"a", "&#xZZ;&#9999999999;&#;"}}},
  };
  for (const auto& [packet, expected] : cases) {
    write_bytes(path("a.webp"), webp_with_xmp(path("b.webp"), packet));
    EXPECT_EQ(read_image_metadata(path("a.webp")), expected) << packet;
  }
  for (const char* packet :
       {"<swan:metadata>{\"a\":\"b\"}", "<swan:metadata>{\"a\":1}</swan:metadata>", "<swan:metadata>[]</swan:metadata>",
        "<swan:metadata></swan:metadata>", "<swan:metadata>{\"a\":{\"b\":\"c\"}}</swan:metadata>"}) {
    write_bytes(path("a.webp"), webp_with_xmp(path("b.webp"), packet));
    expect_error(error_of([&] { (void)read_image_metadata(path("a.webp")); }), ErrorCode::kCorruptFile, {"a.webp"});
  }
}

TEST_F(ImageFile, DamagedFilesAreRefused) {
  for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
    save_image(path(name), noise(8, 8), {{"swan", std::string(500, 'x')}});
    const Bytes whole = read_bytes(path(name));
    for (const size_t size : {size_t{12}, size_t{40}, size_t{200}, size_t{400}}) {
      ASSERT_LT(size, whole.size());
      write_bytes(path(name), Bytes(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size)));
      const Error error = error_of([&] { (void)read_image_metadata(path(name)); });
      if (size == 12 && std::string(name) == "a.webp") {  // no chunk at all: an empty file of its kind
        EXPECT_EQ(std::string(error.what()), "nothing was thrown");
      } else {
        expect_error(error, ErrorCode::kCorruptFile, {name});
      }
    }
  }
  // A wrong sum over the settings must not pass for settings.
  save_image(path("sum.png"), noise(8, 8), {{"swan", "{\"seed\":41}"}});
  Bytes file = read_bytes(path("sum.png"));
  const std::string seed = "41";
  *std::search(file.begin(), file.end(), seed.begin(), seed.end()) = '5';
  write_bytes(path("sum.png"), file);
  expect_error(error_of([&] { (void)read_image_metadata(path("sum.png")); }), ErrorCode::kCorruptFile, {"CRC"});
}

TEST_F(ImageFile, GiantLengthsAreRefusedWithoutTheMemory) {
  save_image(path("a.png"), noise(8, 8), {{"swan", "{}"}});
  Bytes png = read_bytes(path("a.png"));
  const std::array<uint8_t, 4> giant{0x7F, 0xFF, 0xFF, 0xFF};
  std::copy(giant.begin(), giant.end(), png.begin() + kAfterHeader);
  write_bytes(path("a.png"), png);
  EXPECT_EQ(error_of([&] { (void)read_image_metadata(path("a.png")); }).code(), ErrorCode::kCorruptFile);

  // Compressed text that grows a thousandfold, many times over: 40 x 15 MiB stay within the reader's budget.
  const std::string bomb = deflated(std::string(size_t{15} << 20, 'x'));
  std::vector<std::string> chunks;
  chunks.reserve(40);
  for (int i = 0; i < 40; ++i) chunks.push_back("zTXtk" + std::to_string(i) + std::string(2, '\0') + bomb);
  write_bytes(path("a.png"), png_with(path("b.png"), chunks, true));
  size_t total = 0;
  try {
    for (const auto& [key, value] : read_image_metadata(path("a.png"))) total += value.size();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile) << error.what();
  }
  EXPECT_LT(total, size_t{64} << 20);

  save_image(path("a.webp"), noise(8, 8), {{"swan", "{}"}});
  Bytes webp = read_bytes(path("a.webp"));
  const std::string name = "XMP ";
  std::fill_n(std::search(webp.begin(), webp.end(), name.begin(), name.end()) + 4, 4, uint8_t{0xFF});
  write_bytes(path("a.webp"), webp);
  EXPECT_EQ(error_of([&] { (void)read_image_metadata(path("a.webp")); }).code(), ErrorCode::kCorruptFile);
}

// Gives every chunk of a PNG its right sum again, so that mutations reach what is behind the check.
void repair_sums(Bytes& file) {
  for (size_t at = 8; at + 12 <= file.size();) {
    const size_t length =
        size_t{file[at]} << 24U | size_t{file[at + 1]} << 16U | size_t{file[at + 2]} << 8U | size_t{file[at + 3]};
    if (length > file.size() - at - 12) return;
    const auto sum = static_cast<uint32_t>(crc32(0, file.data() + at + 4, static_cast<uInt>(length + 4)));
    for (size_t i = 0; i < 4; ++i) file[at + 8 + length + i] = static_cast<uint8_t>(sum >> (24 - 8 * i));
    at += 12 + length;
  }
}

void mutate(Bytes& file, std::mt19937& random) {
  const auto below = [&](size_t n) { return n == 0 ? 0 : random() % n; };
  constexpr std::array<uint8_t, 6> kInteresting{0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF};
  const size_t count = 1 + below(4);
  for (size_t i = 0; i < count && !file.empty(); ++i) {
    const size_t at = below(file.size());
    const size_t span = std::min<size_t>(1 + below(16), file.size() - at);
    switch (below(6)) {
      case 0:
        file[at] ^= static_cast<uint8_t>(1U << below(8));
        break;
      case 1:
        file[at] = kInteresting[below(kInteresting.size())];
        break;
      case 2:
        std::fill_n(file.begin() + static_cast<ptrdiff_t>(at), span, kInteresting[below(kInteresting.size())]);
        break;
      case 3:
        file.erase(file.begin() + static_cast<ptrdiff_t>(at), file.begin() + static_cast<ptrdiff_t>(at + span));
        break;
      case 4: {
        const Bytes copy(file.begin() + static_cast<ptrdiff_t>(at), file.begin() + static_cast<ptrdiff_t>(at + span));
        file.insert(file.begin() + static_cast<ptrdiff_t>(below(file.size())), copy.begin(), copy.end());
        break;
      }
      default:
        file.resize(at);
    }
  }
}

// Whatever a file holds, reading it gives metadata or an Error; the sanitizers of the dev preset watch the memory.
TEST_F(ImageFile, MutatedFilesNeverBreakTheReader) {
  constexpr int kMutations = 2500;  // of each kind
  const std::string zero(1, '\0');
  std::vector<std::pair<std::string, Bytes>> seeds;
  for (const char* extension : {".jpg", ".webp"}) {
    save_image(path(std::string("seed") + extension), noise(6, 5),
               {{"swan", R"({"prompt":"三个草莓 <&>","seed":1})"}, {"Title", "t"}});
    seeds.emplace_back(extension, read_bytes(path(std::string("seed") + extension)));
  }
  seeds.emplace_back(".png",
                     png_with(path("seed.png"),
                              {"tEXtTitle" + zero + "caf\xE9", "zTXtAuthor" + zero + zero + deflated("somebody"),
                               "iTXtComment" + zero + "\1" + zero + "en" + zero + zero + deflated("中文")},
                              false));
  std::mt19937 random(20260724);
  for (const auto& [extension, seed] : seeds) {
    int read = 0, refused = 0;
    for (int i = 0; i < kMutations; ++i) {
      Bytes file = seed;
      mutate(file, random);
      if (extension == ".png" && i % 4 != 0) repair_sums(file);
      write_bytes(path("mutated"), file);
      try {
        (void)read_image_metadata(path("mutated"));
        ++read;
      } catch (const Error& error) {
        EXPECT_TRUE(error.code() == ErrorCode::kCorruptFile || error.code() == ErrorCode::kUnsupported) << error.what();
        ++refused;
      }
    }
    EXPECT_GT(read, kMutations / 50) << extension;  // both ways were really taken
    EXPECT_GT(refused, kMutations / 50) << extension;
  }
}

}  // namespace
}  // namespace swan
