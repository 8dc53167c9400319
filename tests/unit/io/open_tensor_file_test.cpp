// The factory tells formats from their first bytes, and says what a file of none of them is.
#include "io/open_tensor_file.h"

#include <gtest/gtest.h>

#include <string>

#include "io/safetensors.h"
#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace swan::io {
namespace {

using support::TempDir;

TEST(OpenTensorFile, SafetensorsUnderAnyName) {
  const TempDir dir;
  const std::string path = dir.file("weights.bin");
  write_safetensors(path, {{"x", Tensor::full({3}, 2.5F)}});
  const auto file = open_tensor_file(path);
  EXPECT_EQ(file->path(), path);
  EXPECT_EQ(file->tensor("x").data<float>()[2], 2.5F);
}

TEST(OpenTensorFile, WhatIsNoFileOfWeightsIsNamed) {
  const TempDir dir;
  const auto refused = [&](const std::string& bytes, const std::string& message) {
    const std::string path = dir.write("x.safetensors", bytes);
    expect_error(ErrorCode::kCorruptFile, {path, message}, [&] { (void)open_tensor_file(path); });
  };
  refused("", "it is empty");
  refused("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull");
  refused("<!DOCTYPE html><html>", "a web page");
  refused("<html>", "a web page");
  refused("{\"a\": 1}", "JSON text");
  refused("abc", "61 62 63");
  refused("abc", "safetensors");
  refused("\x80\x04}.", "a Python pickle");
  refused(std::string(100, '\xff'), "ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff ff,");
}

TEST(OpenTensorFile, WhatCannotBeOpenedIsNamed) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {dir.file("no")}, [&] { (void)open_tensor_file(dir.file("no")); });
  expect_error(ErrorCode::kIo, {dir.path(), "a folder"}, [&] { (void)open_tensor_file(dir.path()); });
}

}  // namespace
}  // namespace swan::io
