#include "io/safetensors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <map>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include "core/allocator.h"
#include "core/memory.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "swan/pipeline.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::TempDir;

Tensor bytes_of(const Shape& shape, DType dtype) {
  Tensor t = Tensor::empty(shape, dtype);
  auto* bytes = static_cast<unsigned char*>(t.raw_mut());
  std::iota(bytes, bytes + t.nbytes(), static_cast<unsigned char>(3));
  return t;
}

void expect_same(const Tensor& found, const Tensor& expected) {
  ASSERT_TRUE(found.defined());
  EXPECT_EQ(found.shape().str(), expected.shape().str());
  EXPECT_STREQ(dtype_name(found.dtype()), dtype_name(expected.dtype()));
  ASSERT_EQ(found.nbytes(), expected.nbytes());
  EXPECT_EQ(std::memcmp(found.raw(), expected.raw(), found.nbytes()), 0);
}

TEST(Safetensors, EveryDTypeSurvivesARoundTrip) {
  const TempDir dir;
  std::map<std::string, Tensor> tensors;
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16, DType::kI8, DType::kU8, DType::kI32, DType::kI64,
                            DType::kF8E4M3, DType::kF8E5M2}) {
    const std::string name = dtype_name(dtype);
    tensors[name] = bytes_of({3, 5}, dtype);
    tensors[name + ".scalar"] = bytes_of({}, dtype);
    tensors[name + ".empty"] = bytes_of({4, 0, 2}, dtype);
    tensors[name + ".odd"] = bytes_of({1, 1, 1, 1, 1, 7}, dtype);
  }
  const std::string path = dir.file("all.safetensors");
  write_safetensors(path, tensors, {{"format", "pt"}, {"note", "\"quoted\" \xE5\x9B\xBE"}});

  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(file->metadata().at("note"), "\"quoted\" \xE5\x9B\xBE");
  ASSERT_EQ(file->entries().size(), tensors.size());
  for (const auto& [name, tensor] : tensors) {
    SCOPED_TRACE(name);
    expect_same(file->tensor(name), tensor);
    const auto address = reinterpret_cast<uintptr_t>(file->tensor(name).raw());
    EXPECT_EQ(address % size_of(tensor.dtype()), 0U);
  }
}

TEST(Safetensors, ReadsWhatPythonWrote) {
  const auto file =
      SafetensorsFile::open(support::golden_path("models/sana/transformer/diffusion_pytorch_model.safetensors"));
  EXPECT_EQ(file->metadata().at("format"), "pt");
  const Tensor table = file->tensor("scale_shift_table");
  EXPECT_EQ(table.dtype(), DType::kF32);
  EXPECT_EQ(table.dim(0), 2);
  for (const float value : std::span(table.data<float>(), static_cast<size_t>(table.numel())))
    EXPECT_LT(std::abs(value), 100.0F);
}

TEST(Safetensors, TensorsAreViewsThatOutliveTheFileObject) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  const Tensor expected = bytes_of({100}, DType::kF32);
  write_safetensors(path, {{"x", expected}});
  Tensor first, second;
  {
    const auto file = SafetensorsFile::open(path);
    first = file->tensor("x");
    second = file->tensor("x");
  }
  EXPECT_EQ(first.raw(), second.raw()) << "the file is mapped, not copied";
  fs::remove(path);
  expect_same(first, expected);
}

TEST(Safetensors, AFileWithoutTensorsIsValid) {
  const TempDir dir;
  write_safetensors(dir.file("none.safetensors"), {});
  EXPECT_TRUE(SafetensorsFile::open(dir.file("none.safetensors"))->entries().empty());
  EXPECT_TRUE(SafetensorsFile::open(dir.write("bare.safetensors", raw_safetensors("{}", "")))->entries().empty());
}

TEST(Safetensors, MisalignedTensorsAreCopied) {
  const TempDir dir;
  const Tensor values = Tensor::from(std::vector<float>{1.5F, -2.0F}, {2});
  const std::string bytes(static_cast<const char*>(values.raw()), values.nbytes());
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("x":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}})";
  // One of these paddings leaves "x" aligned, the others do not.
  for (int spaces = 0; spaces < 4; ++spaces) {
    const auto file = SafetensorsFile::open(dir.write(
        "x.safetensors", raw_safetensors(header + std::string(static_cast<size_t>(spaces), ' '), "\x07" + bytes)));
    const Tensor x = file->tensor("x");
    EXPECT_EQ(reinterpret_cast<uintptr_t>(x.raw()) % sizeof(float), 0U);
    expect_same(x, values);
    EXPECT_EQ(file->tensor("a").data<uint8_t>()[0], 7);
  }
}

TEST(Safetensors, AMissingTensorSaysWhatIsThere) {
  const TempDir dir;
  std::map<std::string, Tensor> tensors;
  for (int i = 0; i < 8; ++i) tensors["t" + std::to_string(i)] = bytes_of({1}, DType::kU8);
  const std::string path = dir.file("x.safetensors");
  write_safetensors(path, tensors);
  expect_error(ErrorCode::kMissingTensor, {"'y'", path, "'t0', 't1', 't2', 't3', 't4' and 3 more"},
               [&] { (void)SafetensorsFile::open(path)->tensor("y"); });
}

TEST(Safetensors, ADTypeThatSwanLacksFailsOnlyWhenItIsRead) {
  const TempDir dir;
  const std::string path =
      dir.write("x.safetensors", raw_safetensors(R"({"d":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
                                                 R"("q":{"dtype":"F4","shape":[3],"data_offsets":[9,11]},)"
                                                 R"("u":{"dtype":"U8","shape":[1],"data_offsets":[8,9]}})",
                                                 "the 8 by"
                                                 "u"
                                                 "qq"));
  const auto file = SafetensorsFile::open(path);
  EXPECT_EQ(file->tensor("u").numel(), 1);
  EXPECT_EQ(file->entries().at("d").unsupported_dtype, "F64");
  expect_error(ErrorCode::kUnsupported, {"'d'", "F64", path}, [&] { (void)file->tensor("d"); });
  expect_error(ErrorCode::kUnsupported, {"'q'", "F4"}, [&] { (void)file->tensor("q"); });
}

TEST(Safetensors, AFileThatShrinksIsAnErrorNotACrash) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  write_safetensors(path, {{"x", bytes_of({1 << 16}, DType::kF32)}});
  const auto file = SafetensorsFile::open(path);
  fs::resize_file(path, 4096);
  expect_error(ErrorCode::kCorruptFile, {"'x'", path, "shorter"}, [&] { (void)file->tensor("x"); });
}

TEST(Safetensors, WritingReplacesTheFileAtOnce) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  write_safetensors(path, {{"x", bytes_of({9}, DType::kI32)}});
  const Tensor old = SafetensorsFile::open(path)->tensor("x");
  write_safetensors(path, {{"x", bytes_of({2}, DType::kI8)}});
  expect_same(old, bytes_of({9}, DType::kI32));  // a reader of the old file is not disturbed
  expect_same(SafetensorsFile::open(path)->tensor("x"), bytes_of({2}, DType::kI8));
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1);
  const auto permissions = fs::status(path).permissions();
  EXPECT_NE(permissions & fs::perms::owner_read, fs::perms::none);
}

TEST(Safetensors, AFailedWriteLeavesNothingBehind) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  expect_error(ErrorCode::kIo, {dir.file("no/x.safetensors"), "No such file or directory"}, [&] {
    write_safetensors(dir.file("no/x.safetensors"), {{"x", bytes_of({1}, DType::kU8)}});
  });
  fs::create_directory(dir.file("folder"));
  expect_error(ErrorCode::kIo, {dir.file("folder")}, [&] {
    write_safetensors(dir.file("folder"), {{"x", bytes_of({1}, DType::kU8)}});
  });
  // A limit on file sizes stands in for a full disk; the signal must not end the process.
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = 4096, .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  expect_error(ErrorCode::kIo, {path, "File too large"}, [&] {
    write_safetensors(path, {{"x", bytes_of({1 << 14}, DType::kU8)}});
  });
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(std::distance(fs::directory_iterator(dir.path()), {}), 1) << "only the folder made here";
}

TEST(Safetensors, WhatCannotBeWrittenIsRefused) {
  const TempDir dir;
  const std::string path = dir.file("x.safetensors");
  const Tensor x = bytes_of({1}, DType::kU8);
  expect_error(ErrorCode::kInvalidArgument, {path, "'x'"}, [&] { write_safetensors(path, {{"x", Tensor()}}); });
  expect_error(ErrorCode::kInvalidArgument, {"UTF-8"}, [&] { write_safetensors(path, {{"\xFF", x}}); });
  expect_error(ErrorCode::kInvalidArgument, {"UTF-8"}, [&] { write_safetensors(path, {{"x", x}}, {{"k", "\xC3"}}); });
  expect_error(ErrorCode::kInvalidArgument, {"__metadata__"}, [&] { write_safetensors(path, {{"__metadata__", x}}); });
  EXPECT_FALSE(fs::exists(path));
}

TEST(TensorFile, LoadsWhatItSaved) {
  const TempDir dir;
  const std::string path = dir.file("latents.safetensors");
  const Tensor latents = bytes_of({1, 32, 4, 6}, DType::kF32);
  save_tensor(path, "latents", latents);
  expect_same(load_tensor(path, "latents"), latents);
  expect_error(ErrorCode::kMissingTensor, {"'noise'", "'latents'", path}, [&] { (void)load_tensor(path, "noise"); });
  expect_error(ErrorCode::kNotFound, {"/no"}, [&] { (void)load_tensor(dir.file("no"), "latents"); });
}

// What a streamed text encoder rests on: weights that were used need not stay in memory.
TEST(Safetensors, GivesThePagesOfATensorBack) {
  const support::TempDir dir;
  const std::string path = dir.file("large.safetensors");
  constexpr int64_t kFloats = int64_t{16} << 20;  // 64 MiB
  {
    Tensor large = Tensor::full({kFloats}, 0.5F);
    large.data_mut<float>()[kFloats - 1] = 7;
    write_safetensors(path, {{"x", large}});
  }
  CachingAllocator::cpu().trim();
  const Tensor x = SafetensorsFile::open(path)->tensor("x");
  const auto sum = [&] {
    double total = 0;
    for (int64_t i = 0; i < kFloats; ++i) total += x.data<float>()[i];
    return total;
  };
  const double before = sum();
  const size_t used = resident_bytes();
  x.drop_pages();
  EXPECT_LT(resident_bytes() + (size_t{48} << 20), used);
  EXPECT_EQ(sum(), before);  // read from the file again
}

}  // namespace
}  // namespace swan::io
