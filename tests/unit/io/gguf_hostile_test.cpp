// GGUF files that are damaged or lie: each gives an error that names it.
#include <gtest/gtest.h>

#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "io/open_tensor_file.h"
#include "support/expect_error.h"
#include "support/gguf_writer.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::GgufWriter;
using support::little_endian;
using support::TempDir;

constexpr uint32_t kF32 = 0, kQ8 = 8, kI8 = 24;
constexpr uint64_t kHuge = ~uint64_t{0};

struct Hostile {
  std::string name, file, message;
  ErrorCode code = ErrorCode::kCorruptFile;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }
class HostileGguf : public testing::TestWithParam<Hostile> {};

TEST_P(HostileGguf, GivesAnErrorThatNamesTheFile) {
  const TempDir dir;
  const std::string path = dir.write("bad.gguf", GetParam().file);
  expect_error(GetParam().code, {path, GetParam().message}, [&] { (void)open_tensor_file(path); });
}

const auto kName = [](const auto& info) { return info.param.name; };

std::string list(uint32_t type, uint64_t count, const std::string& bytes) {
  return little_endian(type) + little_endian(count) + bytes;
}
Hostile one(const std::string& name, const std::vector<uint64_t>& shape, uint32_t type, size_t bytes,
            const std::string& message, ErrorCode code = ErrorCode::kCorruptFile) {
  return {name, GgufWriter().tensor("x", shape, type, std::string(bytes, '\1')).finish(), message, code};
}
Hostile key(const std::string& name, uint32_t type, const std::string& value, const std::string& message) {
  return {name, GgufWriter().key("k", type, value).finish(), message};
}
Hostile alignment(const std::string& name, uint32_t type, const std::string& value) {
  return {name, GgufWriter().key("general.alignment", type, value).finish(), "a power of two is needed"};
}
Hostile shape(const std::string& name, const std::vector<int32_t>& dims, const std::string& message) {
  return {name, GgufWriter().numbers("comfy.gguf.orig_shape.x", dims).tensor("x", {6}, kI8, "abcdef").finish(),
          message};
}

INSTANTIATE_TEST_SUITE_P(
    Headers, HostileGguf,
    testing::Values(
        Hostile{"MagicAlone", "GGUF", "ends after 4 bytes"},
        Hostile{"Version1", GgufWriter().finish(1), "version 1", ErrorCode::kUnsupported},
        Hostile{"Version4", GgufWriter().finish(4), "version 4", ErrorCode::kUnsupported},
        Hostile{"BigEndian", GgufWriter().finish(0x03000000), "big-endian", ErrorCode::kUnsupported},
        Hostile{"EndlessTensors", GgufWriter().finish(3, kHuge), "at most 200000"},
        Hostile{"EndlessKeys", GgufWriter().finish(3, 0, kHuge), "at most 200000 and 100000"},
        Hostile{"MoreTensorsThanThereAre", GgufWriter().finish(3, 7), "in its header"},
        Hostile{"MoreKeysThanThereAre", GgufWriter().finish(3, 0, 7), "in its header"},
        Hostile{"KeyTwice", GgufWriter().number("a", 1).number("a", 1).finish(), "'a' twice"},
        Hostile{"LongKey", GgufWriter().number(std::string(501, 'k'), 1).finish(),
                "a name in its header has 501 bytes"},
        Hostile{"NoName", GgufWriter().tensor("", {1}, kI8, "a").finish(), "a name in its header has 0 bytes"},
        key("UnknownType", 13, "", "the unknown type 13"),
        key("UnknownTypeOfAList", 9, list(13, 1, "a"), "unknown type 13"),
        key("ListOfLists", 9, list(9, 1, list(0, 1, "a")), "unknown type 9"),
        key("EndlessList", 9, list(10, kHuge / 8 + 1, ""), "a list of"),
        key("LongList", 9, list(0, 1000, ""), "ends after"), key("EndlessTexts", 9, list(8, kHuge, ""), "ends after"),
        key("EndlessText", 8, little_endian(kHuge), "18446744073709551615 more"),
        alignment("AlignmentOfNothing", 4, little_endian(0U)), alignment("OddAlignment", 4, little_endian(24U)),
        alignment("SmallAlignment", 4, little_endian(4U)), alignment("GiantAlignment", 4, little_endian(1U << 31)),
        alignment("AlignmentIsAText", 8, little_endian(uint64_t{2}) + "32"),
        alignment("AlignmentIsAFraction", 6, std::string("\0\0\0\x42", 4))),
    kName);

// Made here rather than as a parameter, which every start of the program would make.
TEST(HostileGgufSweep, LongTextsAreErrors) {
  const TempDir dir;
  const Hostile hostile =
      key("LongText", 8, little_endian(uint64_t{2} << 20) + std::string(2 << 20, 't'), "at most 1048576");
  const std::string path = dir.write("bad.gguf", hostile.file);
  expect_error(hostile.code, {path, hostile.message}, [&] { (void)open_tensor_file(path); });
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, HostileGguf,
    testing::Values(
        one("SevenDimensions", {1, 1, 1, 1, 1, 1, 1}, kI8, 1, "7 dimensions", ErrorCode::kUnsupported),
        one("ManyDimensions", std::vector<uint64_t>(65, 1), kI8, 1, "65 dimensions"),
        one("UnknownType", {1}, 99, 4, "type 99", ErrorCode::kUnsupported),
        one("TypeThatWasTakenOut", {32}, 4, 20, "type 4", ErrorCode::kUnsupported),
        one("RowIsNoBlocks", {4, 33}, kQ8, 200, "rows of 33 elements"),
        one("RowIsPartOfABlock", {64, 16}, kQ8, 2000, "rows of 16 elements"),
        one("TooFewBytes", {4}, kF32, 15, "ends at byte 16"), one("TooFewBlocks", {64}, kQ8, 67, "ends at byte 68"),
        one("GiantDimension", {kHuge}, kI8, 1, "is impossible"),
        one("GiantShape", {1ULL << 40, 1ULL << 40}, kI8, 1, "is impossible"),
        one("GiantTensor", {1ULL << 58}, kI8, 1, "does not fit"),
        one("GiantBlocks", {1ULL << 58}, kQ8, 1, "does not fit"),
        Hostile{"NameTwice", GgufWriter().tensor("x", {1}, kI8, "a").tensor("x", {1}, kI8, "a").finish(), "'x' twice"},
        Hostile{"FarAway", GgufWriter().tensor_at("x", {1}, kI8, kHuge - 31).finish(), "does not fit"},
        Hostile{"BehindTheEnd", GgufWriter().tensor("a", {1}, kI8, "a").tensor_at("x", {1}, kI8, 32).finish(),
                "ends at byte 33"},
        Hostile{"Unaligned",
                GgufWriter().tensor("a", {64}, kI8, std::string(64, 'a')).tensor_at("x", {1}, kI8, 1).finish(),
                "no multiple of 32"},
        Hostile{"Overlap",
                GgufWriter().tensor("a", {64}, kI8, std::string(64, 'a')).tensor_at("x", {1}, kI8, 32).finish(),
                "inside the tensor before it"},
        Hostile{"SamePlace",
                GgufWriter().tensor("a", {64}, kI8, std::string(64, 'a')).tensor_at("x", {64}, kI8, 0).finish(),
                "inside the tensor before it"},
        shape("OriginalShapeOfAnotherSize", {2, 4}, "as its original shape"),
        shape("NegativeOriginalShape", {-2, -3}, "is impossible"),
        shape("LongOriginalShape", {1, 1, 1, 1, 1, 1, 6}, "is no shape")),
    kName);

// Every prefix of a good file is a bad one.
TEST(HostileGgufSweep, EveryTruncationIsAnError) {
  const TempDir dir;
  const std::string path = dir.file("x.gguf");
  fs::copy_file(support::golden_path("derived/gguf/types.gguf"), path);
  // The file ends with the padding of its last tensor, 20 bytes of 32.
  for (auto size = fs::file_size(path) - 12; size-- > 0;) {
    fs::resize_file(path, size);
    expect_error(ErrorCode::kCorruptFile, {path}, [&] { (void)open_tensor_file(path); });
  }
}

TEST(HostileGgufSweep, AShortenedFileIsNoticed) {
  const TempDir dir;
  const std::string path =
      dir.write("x", GgufWriter().tensor("x", {64}, kQ8, std::string(68, 'a')).tensor("y", {1}, kI8, "a").finish());
  const auto file = open_tensor_file(path);
  fs::resize_file(path, 50);
  for (const char* name : {"x", "y"})
    expect_error(ErrorCode::kCorruptFile, {path, name, "shorter"}, [&] { (void)file->tensor(name); });
}

}  // namespace
}  // namespace swan::io
