// Files that are not what they claim to be: each must give an error that names the file, and nothing worse.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <ostream>
#include <string>

#include "io/safetensors.h"
#include "support/temp_dir.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::TempDir;

struct Hostile {
  std::string name;
  std::string file;     // its bytes
  std::string message;  // a part of what the error must say
  ErrorCode code = ErrorCode::kCorruptFile;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

// A file with one tensor "x" that the text describes, and this many bytes of data.
Hostile entry(const std::string& name, const std::string& text, size_t data, const std::string& message) {
  return {name, raw_safetensors("{\"x\":" + text + "}", std::string(data, '\1')), message};
}
Hostile header(const std::string& name, const std::string& text, const std::string& message) {
  return {name, raw_safetensors(text, ""), message};
}
Hostile two(const std::string& name, const std::string& a, const std::string& b, size_t data,
            const std::string& message) {
  const auto tensor = [](const std::string& offsets) {
    return R"({"dtype":"U8","shape":[4],"data_offsets":)" + offsets + "}";
  };
  return {name, raw_safetensors("{\"a\":" + tensor(a) + ",\"b\":" + tensor(b) + "}", std::string(data, '\1')), message};
}

// A file that begins with this length, whatever follows.
std::string with_length(uint64_t length, const std::string& rest) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(length >> (8 * i) & 0xFF);
  return bytes + rest;
}

std::string repeated(const std::string& text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

class HostileSafetensors : public testing::TestWithParam<Hostile> {};

TEST_P(HostileSafetensors, GivesAnErrorThatNamesTheFile) {
  const TempDir dir;
  const std::string path = dir.write("bad.safetensors", GetParam().file);
  expect_error(GetParam().code, {path, GetParam().message}, [&] { (void)SafetensorsFile::open(path); });
}

INSTANTIATE_TEST_SUITE_P(
    Lengths, HostileSafetensors,
    testing::Values(Hostile{"Empty", "", "0 bytes"}, Hostile{"SevenBytes", "1234567", "7 bytes"},
                    Hostile{"LengthOnly", with_length(2, ""), "truncated"},
                    Hostile{"GiantLength", with_length(~uint64_t{0}, "{}"), "18446744073709551615"},
                    Hostile{"SignBitLength", with_length(uint64_t{1} << 63, "{}"), "at most 100000000"},
                    Hostile{"JustAboveTheCap", with_length(100'000'001, "{}"), "at most 100000000"},
                    Hostile{"BeyondTheFile", with_length(1000, "{}"), "truncated"},
                    Hostile{"NoHeader", with_length(0, ""), "does not begin with '{'"},
                    Hostile{"HeaderCutShort", with_length(10, R"({"x":{"dtype":"U8"})"), "not valid JSON"},
                    Hostile{"Pickle", "PK\x03\x04" + std::string(100, 'x'), "not a safetensors file"}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Json, HostileSafetensors,
    testing::Values(header("NotJson", "{x}", "not valid JSON"), header("List", "[]", "does not begin"),
                    header("TwoObjects", "{}{}", "not valid JSON"),
                    header("ByteOrderMark", "\xEF\xBB\xBF{}", "does not begin"),
                    header("ZeroByte", std::string("{}\0\0", 4), "zero byte"),
                    header("NotUtf8", "{\"__metadata__\":{\"a\":\"\xC3\x28\"}}", "not valid JSON"),
                    header("LoneSurrogate", R"({"__metadata__":{"a":"\ud800"}})", "not valid JSON"),
                    header("DeepLists", "{\"x\":" + repeated("[", 100000), "instead of an object"),
                    header("DeepObjects", repeated("{\"x\":", 100000), "unknown field 'x'"),
                    header("DeepInShape", R"({"x":{"dtype":"U8","shape":)" + repeated("[", 100000),
                           "a list in 'shape'"),
                    header("TensorIsNumber", R"({"x":1})", "a number for 'x'"),
                    header("TensorIsNull", R"({"x":null})", "null for 'x'"),
                    header("MetadataIsString", R"({"__metadata__":"a"})", "a string for '__metadata__'"),
                    header("MetadataIsNumber", R"({"__metadata__":{"a":1}})", "a number for 'a'"),
                    header("MetadataIsNested", R"({"__metadata__":{"a":{}}})", "an object for 'a'"),
                    header("MetadataTwice", R"({"__metadata__":{},"__metadata__":{}})", "'__metadata__' twice"),
                    header("MetadataKeyTwice", R"({"__metadata__":{"a":"","a":""}})", "'a' twice"),
                    header("HugeNumber", R"({"x":{"dtype":"U8","shape":[1e999]}})", "not valid JSON")),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Entries, HostileSafetensors,
    testing::Values(
        entry("Empty", "{}", 0, "lacks its dtype"),
        entry("NoDtype", R"({"shape":[1],"data_offsets":[0,1]})", 1, "lacks its dtype"),
        entry("NoShape", R"({"dtype":"U8","data_offsets":[0,1]})", 1, "lacks its shape"),
        entry("NoOffsets", R"({"dtype":"U8","shape":[1]})", 1, "lacks its data_offsets"),
        entry("UnknownField", R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"code":"x"})", 1,
              "unknown field 'code'"),
        entry("UnknownDtype", R"({"dtype":"Q7","shape":[1],"data_offsets":[0,1]})", 1, "unknown dtype 'Q7'"),
        entry("LowerCaseDtype", R"({"dtype":"f32","shape":[1],"data_offsets":[0,4]})", 4, "unknown dtype 'f32'"),
        entry("DtypeIsNumber", R"({"dtype":5,"shape":[1],"data_offsets":[0,1]})", 1, "a number in 'dtype'"),
        entry("DtypeIsList", R"({"dtype":["U8"],"shape":[1],"data_offsets":[0,1]})", 1, "a list in 'dtype'"),
        entry("DtypeTwice", R"({"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]})", 1, "'dtype' twice"),
        entry("ShapeTwice", R"({"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]})", 1, "'shape' twice"),
        entry("OffsetsTwice", R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"data_offsets":[0,1]})", 1,
              "'data_offsets' twice"),
        entry("ShapeIsNumber", R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})", 1, "a number in 'shape'"),
        entry("ShapeHasString", R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})", 1, "a string in 'shape'"),
        entry("ShapeHasFraction", R"({"dtype":"U8","shape":[1.0],"data_offsets":[0,1]})", 1, "a fraction in 'shape'"),
        entry("ShapeIsNegative", R"({"dtype":"U8","shape":[-1],"data_offsets":[0,1]})", 1, "negative number -1"),
        entry("ShapeOverflows", R"({"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]})", 0,
              "more elements than memory"),
        entry("ShapeOverflowsBehindZero", R"({"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]})", 0,
              "more elements than memory"),
        entry("BytesOverflow", R"({"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]})", 0,
              "impossible"),
        entry("DimensionBeyondInt64", R"({"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]})", 1,
              "overflows"),
        entry("DimensionBeyondUint64", R"({"dtype":"U8","shape":[99999999999999999999],"data_offsets":[0,1]})", 1,
              "a fraction in 'shape'"),
        entry("EndlessShape", R"({"dtype":"U8","data_offsets":[0,1],"shape":[1)" + repeated(",1", 100000) + "]}", 1,
              "a shape without end"),
        Hostile{"SevenDimensions",
                raw_safetensors(R"({"x":{"dtype":"U8","shape":[1,1,1,1,1,1,1],"data_offsets":[0,1]}})", "a"),
                "7 dimensions", ErrorCode::kUnsupported}),
    [](const auto& info) { return info.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Offsets, HostileSafetensors,
    testing::Values(
        entry("One", R"({"dtype":"U8","shape":[1],"data_offsets":[0]})", 1, "1 data_offsets, not 2"),
        entry("Three", R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})", 1, "3 data_offsets, not 2"),
        entry("Negative", R"({"dtype":"U8","shape":[1],"data_offsets":[-1,0]})", 1, "negative number -1"),
        entry("Backwards", R"({"dtype":"U8","shape":[1],"data_offsets":[1,0]})", 1, "before it begins"),
        entry("TooFew", R"({"dtype":"F32","shape":[2],"data_offsets":[0,4]})", 4, "takes 8 bytes"),
        entry("TooMany", R"({"dtype":"F16","shape":[2],"data_offsets":[0,8]})", 8, "takes 4 bytes"),
        entry("BeyondTheEnd", R"({"dtype":"U8","shape":[9],"data_offsets":[0,9]})", 8, "truncated"),
        entry("FarAway", R"({"dtype":"U8","shape":[1],"data_offsets":[9223372036854775806,9223372036854775807]})", 1,
              "truncated"),
        entry("HoleInFront", R"({"dtype":"U8","shape":[1],"data_offsets":[1,2]})", 2, "belong to no tensor"),
        entry("BytesBehind", R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})", 2, "2 follow the header"),
        Hostile{"DataWithoutTensors", raw_safetensors("{}", "abc"), "3 follow the header"},
        two("Overlap", "[0,4]", "[3,7]", 7, "inside the tensor before it"),
        two("SamePlace", "[0,4]", "[0,4]", 4, "inside the tensor before it"),
        two("HoleBetween", "[0,4]", "[5,9]", 9, "bytes 4 to 5"), two("OneBehindTheEnd", "[0,4]", "[4,8]", 7, "'b'"),
        Hostile{"TensorTwice",
                raw_safetensors(R"({"x":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                                R"("x":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}})",
                                "ab"),
                "'x' twice"}),
    [](const auto& info) { return info.param.name; });

TEST(HostilePaths, EachKindHasItsOwnError) {
  const TempDir dir;
  const auto open = [](const std::string& path) { return [path] { (void)SafetensorsFile::open(path); }; };
  expect_error(ErrorCode::kNotFound, {dir.file("no"), "no such file"}, open(dir.file("no")));
  expect_error(ErrorCode::kIo, {dir.path(), "a folder, not a file"}, open(dir.path()));
  expect_error(ErrorCode::kNotFound, {"no such file"}, open(dir.write("file", "x") + "/below"));
  expect_error(ErrorCode::kIo, {"/dev/zero", "not a file"}, open("/dev/zero"));

  fs::create_symlink(dir.file("b"), dir.file("a"));
  fs::create_symlink(dir.file("a"), dir.file("b"));
  expect_error(ErrorCode::kIo, {dir.file("a"), "circle"}, open(dir.file("a")));
  fs::create_symlink(dir.file("gone"), dir.file("dangling"));
  expect_error(ErrorCode::kNotFound, {dir.file("dangling")}, open(dir.file("dangling")));

  ASSERT_EQ(mkfifo(dir.file("pipe").c_str(), 0600), 0);
  expect_error(ErrorCode::kIo, {dir.file("pipe"), "pipe"}, open(dir.file("pipe")));  // and does not wait for a writer
}

// Every prefix of a good file is a bad one.
TEST(HostileSafetensorsSweep, EveryTruncationIsAnError) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  write_safetensors(path, {{"x", Tensor::zeros({5}, DType::kF32)}, {"y", Tensor::zeros({3}, DType::kF16)}});
  for (auto size = fs::file_size(path); size-- > 0;) {
    fs::resize_file(path, size);
    expect_error(ErrorCode::kCorruptFile, {path}, [&] { (void)SafetensorsFile::open(path); });
  }
}

// A name from the file reaches messages shortened.
TEST(HostileSafetensorsSweep, GiantNamesDoNotFlood) {
  const TempDir dir;
  const std::string path = dir.write("x.safetensors", raw_safetensors("{\"" + std::string(1 << 20, 'n') + "\":1}", ""));
  try {
    (void)SafetensorsFile::open(path);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_LT(std::string(error.what()).size(), 500U);
  }
}

}  // namespace
}  // namespace swan::io
