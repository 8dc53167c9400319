// GGUF files: types and values as llama.cpp's gguf package has them (tools/golden/weight_files.py), and as the format's
// description says, element by element.
#include "io/gguf_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "core/convert.h"
#include "core/parallel.h"
#include "io/gguf_quants.h"
#include "io/open_tensor_file.h"
#include "io/safetensors.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/gguf_writer.h"
#include "support/golden.h"
#include "support/temp_dir.h"

namespace swan::io {
namespace {

using support::GgufWriter;
using support::TempDir;

TEST(GgufFile, HasTheValuesThatTheReferenceHas) {
  const auto expected = SafetensorsFile::open(support::golden_path("derived/gguf/expected.safetensors"));
  const auto file = open_tensor_file(support::golden_path("derived/gguf/types.gguf"));
  ASSERT_EQ(file->entries().size(), 13U);
  ASSERT_EQ(expected->entries().size(), 13U);
  for (const auto& [name, entry] : file->entries()) {
    EXPECT_EQ(entry.shape, expected->entries().at(name).shape) << name;
    const bool quantised = name.starts_with("blocks.");
    EXPECT_EQ(entry.dtype, quantised ? DType::kBF16 : expected->entries().at(name).dtype) << name;
    EXPECT_TRUE(support::identical(file->tensor(name), expected->tensor(name).to(entry.dtype))) << name;
  }
  EXPECT_EQ(file->metadata().at("general.architecture"), "wan");
  EXPECT_EQ(file->metadata().at("general.quantization_version"), "2");
  EXPECT_EQ(file->metadata().at("some.number"), "0.5");
  EXPECT_FALSE(file->metadata().contains("some.list"));
}

// ---- The formats once more, as what element i of a block is. Ref: ggml-common.h, ggml-quants.c
float f16(const uint8_t* p) {
  uint16_t bits;
  std::memcpy(&bits, p, 2);
  return f16_to_f32(bits);
}
int bits_at(const uint8_t* p, int byte, int shift, int count) { return p[byte] >> shift & ((1 << count) - 1); }
int nibble(const uint8_t* p, int i) { return bits_at(p, i % 16, i / 16 * 4, 4); }
int fifth(const uint8_t* p, int i) { return bits_at(p, i / 8, i % 8, 1) * 16; }

float q4_0(const uint8_t* b, int i) { return f16(b) * static_cast<float>(nibble(b + 2, i) - 8); }
float q4_1(const uint8_t* b, int i) { return f16(b) * static_cast<float>(nibble(b + 4, i)) + f16(b + 2); }
float q5_0(const uint8_t* b, int i) { return f16(b) * static_cast<float>(nibble(b + 6, i) + fifth(b + 2, i) - 16); }
float q5_1(const uint8_t* b, int i) {
  return f16(b) * static_cast<float>(nibble(b + 8, i) + fifth(b + 4, i)) + f16(b + 2);
}
float q8_0(const uint8_t* b, int i) { return f16(b) * static_cast<float>(static_cast<int8_t>(b[2 + i])); }
// Two bits of element i: runs of 128 are in 32 bytes, groups of 32 of a run in bit pairs.
int pair_at(const uint8_t* p, int i) { return bits_at(p, i / 128 * 32 + i % 32, i % 128 / 32 * 2, 2); }
float q2_k(const uint8_t* b, int i) {
  const int scale = bits_at(b, i / 16, 0, 4), minimum = bits_at(b, i / 16, 4, 4);
  return f16(b + 80) * static_cast<float>(scale) * static_cast<float>(pair_at(b + 16, i)) -
         f16(b + 82) * static_cast<float>(minimum);
}
float q3_k(const uint8_t* b, int i) {
  const int part = i / 16;
  const int scale = bits_at(b + 96, part % 8, part / 8 * 4, 4) + 16 * bits_at(b + 104, part % 4, part / 4 * 2, 2);
  const int value = pair_at(b + 32, i) - (bits_at(b, i % 32, i / 32, 1) != 0 ? 0 : 4);
  return f16(b + 108) * static_cast<float>(scale - 32) * static_cast<float>(value);
}
// get_scale_min_k4
std::pair<int, int> scale_min(const uint8_t* q, int j) {
  if (j < 4) return {q[j] & 63, q[j + 4] & 63};
  return {(q[j + 4] & 0xF) | (q[j - 4] >> 6 << 4), (q[j + 4] >> 4) | (q[j] >> 6 << 4)};
}
int nibble_of_64(const uint8_t* p, int i) { return bits_at(p, i / 64 * 32 + i % 32, i % 64 / 32 * 4, 4); }
float q4_k(const uint8_t* b, int i) {
  const auto [scale, minimum] = scale_min(b + 4, i / 32);
  return f16(b) * static_cast<float>(scale) * static_cast<float>(nibble_of_64(b + 16, i)) -
         f16(b + 2) * static_cast<float>(minimum);
}
float q5_k(const uint8_t* b, int i) {
  const auto [scale, minimum] = scale_min(b + 4, i / 32);
  const int value = nibble_of_64(b + 48, i) + 16 * bits_at(b + 16, i % 32, i / 32, 1);
  return f16(b) * static_cast<float>(scale) * static_cast<float>(value) - f16(b + 2) * static_cast<float>(minimum);
}
float q6_k(const uint8_t* b, int i) {
  const int low = bits_at(b, i / 128 * 64 + i % 64, i % 128 / 64 * 4, 4);
  const int value = low + 16 * pair_at(b + 128, i) - 32;
  return f16(b + 208) * static_cast<float>(static_cast<int8_t>(b[192 + i / 16])) * static_cast<float>(value);
}

struct Quantisation {
  uint32_t id;
  std::vector<size_t> scales;  // bytes of a block at which there is an f16
  float (*element)(const uint8_t* block, int i);
};
void PrintTo(const Quantisation& q, std::ostream* out) { *out << find_gguf_type(q.id)->format.name; }

class GgufQuantisations : public testing::TestWithParam<Quantisation> {};

std::string random_blocks(const Quantisation& q, int64_t count, bool any_scale) {
  std::mt19937_64 random(6);
  const BlockFormat& type = find_gguf_type(q.id)->format;
  std::string blocks(static_cast<size_t>(count) * type.block_bytes, '\0');
  for (char& byte : blocks) byte = static_cast<char>(random());
  if (any_scale) return blocks;
  for (int64_t i = 0; i < count; ++i)
    for (const size_t at : q.scales) {
      const uint16_t scale = f32_to_f16(static_cast<float>(static_cast<int>(random() % 2001) - 1000) * 1e-5F);
      std::memcpy(blocks.data() + static_cast<size_t>(i) * type.block_bytes + at, &scale, sizeof(scale));
    }
  return blocks;
}

// Several tasks, on any number of threads, from an odd place in the file.
TEST_P(GgufQuantisations, AreWhatTheDescriptionSays) {
  const BlockFormat& type = find_gguf_type(GetParam().id)->format;
  const int64_t count = 70'001 / type.block * 3;
  for (const bool any_scale : {false, true}) {  // infinity and NaN among them
    const std::string blocks = random_blocks(GetParam(), count, any_scale);
    const auto* bytes = reinterpret_cast<const uint8_t*>(blocks.data());
    std::vector<uint16_t> expected;
    for (int64_t i = 0; i < count; ++i)
      for (int k = 0; k < type.block; ++k)
        expected.push_back(f32_to_bf16(GetParam().element(bytes + static_cast<size_t>(i) * type.block_bytes, k)));
    for (const int threads : {1, 3}) {
      set_num_threads(threads);
      std::vector<uint16_t> values(expected.size());
      dequantise(type, bytes, count, values.data());
      set_num_threads(0);
      ASSERT_EQ(values, expected);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GgufQuantisations,
                         testing::Values(Quantisation{2, {0}, q4_0}, Quantisation{3, {0, 2}, q4_1},
                                         Quantisation{6, {0}, q5_0}, Quantisation{7, {0, 2}, q5_1},
                                         Quantisation{8, {0}, q8_0}, Quantisation{10, {80, 82}, q2_k},
                                         Quantisation{11, {108}, q3_k}, Quantisation{12, {0, 2}, q4_k},
                                         Quantisation{13, {0, 2}, q5_k}, Quantisation{14, {208}, q6_k}),
                         [](const auto& info) { return std::string(find_gguf_type(info.param.id)->format.name); });

constexpr uint32_t kF32 = 0, kQ8 = 8, kI8 = 24, kI16 = 25, kBF16 = 30;

// A view that outlives the file, where the type is plain.
TEST(GgufFile, PlainTensorsAreViews) {
  const TempDir dir;
  const std::string path = dir.write(
      "x", GgufWriter().tensor("a", {1}, kI8, "a").tensor("x", {2, 3}, kBF16, std::string(12, '\x3f')).finish());
  const auto file = open_tensor_file(path);
  const Tensor x = file->tensor("x");
  EXPECT_EQ(x.shape(), Shape({2, 3}));
  EXPECT_EQ(x.dtype(), DType::kBF16);
  EXPECT_EQ(x.raw(), file->tensor("x").raw());
  EXPECT_FALSE(x.unique());
}

// Matrices that stay in their blocks: the same values, before they are rounded.
TEST(GgufFile, MatricesMayStayInTheirBlocks) {
  const auto file = open_tensor_file(support::golden_path("derived/gguf/types.gguf"));
  const auto expected = SafetensorsFile::open(support::golden_path("derived/gguf/expected.safetensors"));
  size_t matrices = 0;
  for (const auto& [name, entry] : file->entries()) {
    const BlockMatrix blocks = file->blocks(name);
    ASSERT_EQ(blocks.defined(), name.starts_with("blocks.")) << name;
    if (!blocks.defined()) continue;
    ++matrices;
    ASSERT_EQ(Shape({blocks.rows(), blocks.columns()}), entry.shape) << name;
    EXPECT_TRUE(name.find(blocks.format().name) != std::string::npos) << name;
    Tensor all = Tensor::empty(entry.shape, DType::kF32), second = Tensor::empty({1, entry.shape[1]}, DType::kF32);
    blocks.widen(0, blocks.rows(), all.data_mut<float>());
    blocks.widen(1, 2, second.data_mut<float>());
    EXPECT_TRUE(support::identical(all, expected->tensor(name))) << name;
    EXPECT_TRUE(support::identical(second, expected->tensor(name).slice(1, 2))) << name;
  }
  EXPECT_EQ(matrices, 10U);
  expect_error(ErrorCode::kMissingTensor, {"'no'"}, [&] { (void)file->blocks("no"); });
}

TEST(GgufFile, OnlyMatricesOfWholeRowsStayInTheirBlocks) {
  const TempDir dir;
  const std::string two(68, '\1');
  const auto file = open_tensor_file(dir.write("x", GgufWriter()
                                                        .numbers("comfy.gguf.orig_shape.reshaped", {4, 16})
                                                        .numbers("comfy.gguf.orig_shape.kernel", {2, 32, 1, 1})
                                                        .tensor("reshaped", {64}, kQ8, two)
                                                        .tensor("kernel", {64}, kQ8, two)
                                                        .tensor("vector", {64}, kQ8, two)
                                                        .tensor("matrix", {2, 32}, kQ8, two)
                                                        .tensor("lacking", {2, 32}, 20, std::string(36, '\1'))
                                                        .finish()));
  for (const auto& [name, entry] : file->entries()) EXPECT_EQ(file->blocks(name).defined(), name == "matrix") << name;
}

TEST(GgufFile, ReadsVersion2AndOtherAlignments) {
  const TempDir dir;
  for (const uint32_t version : {2U, 3U})
    for (const uint32_t alignment : {8U, 32U, 256U}) {
      GgufWriter writer;
      writer.alignment = alignment;
      writer.number("general.alignment", alignment).tensor("a", {1}, kI8, "a").tensor("b", {2}, kI8, "bc");
      const auto file = open_tensor_file(dir.write("x", writer.finish(version)));
      EXPECT_EQ(file->tensor("b").data<int8_t>()[1], 'c');
    }
}

TEST(GgufFile, ReadsEveryKindOfValue) {
  const TempDir dir;
  using support::little_endian;
  const std::string half("\0\0\0\x3f", 4), two("\0\0\0\0\0\0\0\x40", 8);
  const auto list = [](uint32_t type, uint64_t count, const std::string& bytes) {
    return little_endian(type) + little_endian(count) + bytes;
  };
  const auto file = open_tensor_file(dir.write("x", GgufWriter()
                                                        .key("u8", 0, "\xff")
                                                        .key("i8", 1, "\xff")
                                                        .key("u16", 2, "\xff\xff")
                                                        .key("i16", 3, "\xff\xff")
                                                        .key("u32", 4, "\xff\xff\xff\xff")
                                                        .key("i32", 5, "\xff\xff\xff\xff")
                                                        .key("f32", 6, half)
                                                        .key("bool", 7, "\1")
                                                        .text("text", "a \xc3\xa9")
                                                        .key("list", 9, list(2, 3, "abcdef"))
                                                        .key("texts", 9, list(8, 2, std::string(16, '\0')))
                                                        .key("u64", 10, std::string(8, '\xff'))
                                                        .key("i64", 11, std::string(8, '\xff'))
                                                        .key("f64", 12, two)
                                                        .finish()));
  const std::map<std::string, std::string> expected = {
      {"u8", "255"}, {"i8", "-1"},   {"u16", "65535"}, {"i16", "-1"},          {"u32", "4294967295"},
      {"i32", "-1"}, {"f32", "0.5"}, {"bool", "true"}, {"text", "a \xc3\xa9"}, {"u64", "18446744073709551615"},
      {"i64", "-1"}, {"f64", "2"}};
  EXPECT_EQ(file->metadata(), expected);
  EXPECT_TRUE(file->entries().empty());
}

// A header that is longer than what is read at first.
TEST(GgufFile, ReadsLongHeaders) {
  const TempDir dir;
  GgufWriter writer;
  const std::string text(1 << 20, 't');
  for (int i = 0; i < 12; ++i) writer.text("key" + std::to_string(i), text);
  const auto file = open_tensor_file(dir.write("x", writer.tensor("x", {3}, kI8, "abc").finish()));
  EXPECT_EQ(file->metadata().size(), 12U);
  EXPECT_EQ(file->tensor("x").data<int8_t>()[2], 'c');
}

TEST(GgufFile, TypesThatSwanLacksAreNamedWhenTheyAreUsed) {
  const TempDir dir;
  constexpr uint32_t kIQ4XS = 23;
  const auto file = open_tensor_file(dir.write("x", GgufWriter()
                                                        .tensor("x", {256}, kIQ4XS, std::string(136, 'a'))
                                                        .tensor("y", {2}, kI16, "abcd")
                                                        .tensor("z", {1}, kF32, "abcd")
                                                        .finish()));
  expect_error(ErrorCode::kUnsupported, {"'x'", "IQ4_XS"}, [&] { (void)file->tensor("x"); });
  expect_error(ErrorCode::kUnsupported, {"'y'", "I16"}, [&] { (void)file->tensor("y"); });
  EXPECT_EQ(file->tensor("z").numel(), 1);
}

// Rows of 64 elements that were [8, 2, 1, 2, 2] before ComfyUI-GGUF made blocks of them.
TEST(GgufFile, TakesTheShapeFromBeforeReshaping) {
  const TempDir dir;
  const auto file = open_tensor_file(dir.write("x", GgufWriter()
                                                        .numbers("comfy.gguf.orig_shape.x", {8, 2, 1, 2, 2})
                                                        .tensor("x", {1, 64}, kQ8, std::string(68, '\1'))
                                                        .finish()));
  EXPECT_EQ(file->tensor("x").shape(), Shape({8, 2, 1, 2, 2}));
}

}  // namespace
}  // namespace swan::io
