#include "io/weights.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "io/weight_files.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::TempDir;

constexpr const char* kStem = "diffusion_pytorch_model";

// A file with one f32 tensor of one element for each of the names.
void write_names(const std::string& path, const std::vector<std::string>& names) {
  std::map<std::string, Tensor> tensors;
  for (const std::string& name : names) tensors[name] = Tensor::full({1}, 1.0F);
  fs::create_directories(fs::path(path).parent_path());
  write_safetensors(path, tensors);
}

TEST(Weights, TakesTensorsAndReportsNothingWhenAllIsWell) {
  const TempDir dir;
  const std::string path = dir.file("diffusion_pytorch_model.safetensors");
  write_safetensors(path, {{"a", Tensor::full({2, 3}, 4.0F)}, {"b", Tensor::zeros({5}, DType::kBF16)}});
  const auto weights = Weights::open(dir.path(), kStem, "");
  EXPECT_EQ(weights->files(), std::vector<std::string>{path});
  EXPECT_EQ(weights->bytes(), 2U * 3 * 4 + 5 * 2);
  EXPECT_EQ(weights->description(), path);
  EXPECT_EQ(weights->names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(weights->contains("a"));
  EXPECT_FALSE(weights->contains("c"));
  EXPECT_EQ(weights->take("a", {2, 3}).data<float>()[5], 4.0F);
  EXPECT_EQ(weights->take("b", {5}).dtype(), DType::kBF16);
  EXPECT_NO_THROW(weights->finish());
}

TEST(Weights, WrongShapesNameBoth) {
  const TempDir dir;
  write_safetensors(dir.file("diffusion_pytorch_model.safetensors"), {{"a", Tensor::full({2, 3}, 4.0F)}});
  expect_error(ErrorCode::kShapeMismatch, {"'a'", "[2, 3]", "[3, 2]", dir.path()}, [&] {
    (void)Weights::open(dir.path(), kStem, "")->take("a", {3, 2});
  });
}

TEST(Weights, FinishListsAbsentAndUnexpected) {
  const TempDir dir;
  write_names(dir.file("diffusion_pytorch_model.safetensors"), {"a", "b.x", "b.y"});
  auto weights = Weights::open(dir.path(), kStem, "");
  EXPECT_TRUE(weights->take("a", {1}).defined());
  EXPECT_FALSE(weights->take("gone", {7, 8}).defined());
  expect_error(ErrorCode::kMissingTensor, {dir.path(), "1 tensors are missing: gone [7, 8]", "b.x [1], b.y [1]"},
               [&] { weights->finish(); });
  weights->ignore("b.");
  expect_error(ErrorCode::kMissingTensor, {"gone"}, [&] { weights->finish(); });
  weights = Weights::open(dir.path(), kStem, "");
  weights->ignore("");
  EXPECT_NO_THROW(weights->finish());
}

TEST(Weights, LongListsAreCounted) {
  const TempDir dir;
  write_names(dir.file("diffusion_pytorch_model.safetensors"), {"a"});
  const auto weights = Weights::open(dir.path(), kStem, "");
  for (int i = 10; i < 35; ++i) (void)weights->take("layer" + std::to_string(i), {2});
  expect_error(ErrorCode::kMissingTensor, {"25 tensors are missing: layer10 [2]", "layer19 [2] and 15 more"},
               [&] { weights->finish(); });
}

TEST(Weights, DTypesThatSwanLacksAreNamed) {
  const TempDir dir;
  dir.write("model.safetensors",
            raw_safetensors(R"({"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}})", "12345678"));
  const auto weights = Weights::open(dir.path(), "model", "");
  expect_error(ErrorCode::kUnsupported, {"'a'", "F64", "model.safetensors"}, [&] { (void)weights->take("a", {1}); });
}

TEST(Weights, ReadsShardsThatPythonWrote) {
  const std::string folder = support::golden_path("models/sana15_sharded/transformer");
  const auto weights = Weights::open(folder, kStem, "");
  EXPECT_EQ(weights->files().size(), 4U);
  EXPECT_NE(weights->description().find("(4 shards)"), std::string::npos);
  EXPECT_EQ(weights->bytes(), 922400U);  // what the index says
  for (const std::string& name : weights->names()) {
    for (const std::string& path : weights->files()) {
      const auto file = SafetensorsFile::open(path);
      if (!file->entries().contains(name)) continue;
      EXPECT_TRUE(weights->take(name, file->entries().at(name).shape).defined()) << name;
    }
  }
  EXPECT_NO_THROW(weights->finish());
}

class Variants : public testing::TestWithParam<std::string> {};

TEST_P(Variants, ShardsAreFoundByEveryNameOfTheIndex) {
  const TempDir dir;
  write_names(dir.file("one.safetensors"), {"a"});
  write_names(dir.file("two.safetensors"), {"b"});
  dir.write(GetParam(), R"({"metadata":{"total_size":8},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  const auto weights = Weights::open(dir.path(), kStem, "fp16");
  EXPECT_EQ(weights->files().size(), 2U);
  EXPECT_TRUE(has_weight_files(dir.path(), kStem, "fp16"));
  EXPECT_FALSE(has_weight_files(dir.path(), kStem, ""));
  expect_error(ErrorCode::kNotFound, {dir.path(), "without a variant", "fp16"},
               [&] { (void)Weights::open(dir.path(), kStem, ""); });
}
INSTANTIATE_TEST_SUITE_P(Names, Variants,
                         testing::Values("diffusion_pytorch_model.safetensors.index.fp16.json",
                                         "diffusion_pytorch_model.fp16.safetensors.index.json"));

TEST(Weights, AVariantIsAnotherFile) {
  const TempDir dir;
  write_names(dir.file("model.safetensors"), {"plain"});
  write_names(dir.file("model.fp16.safetensors"), {"half"});
  EXPECT_TRUE(Weights::open(dir.path(), "model", "")->contains("plain"));
  EXPECT_TRUE(Weights::open(dir.path(), "model", "fp16")->contains("half"));
  expect_error(ErrorCode::kNotFound, {dir.path(), "'bf16'", "(none), fp16"},
               [&] { (void)Weights::open(dir.path(), "model", "bf16"); });
  expect_error(ErrorCode::kInvalidArgument, {"'../x'"}, [&] { (void)Weights::open(dir.path(), "model", "../x"); });
}

TEST(Weights, AbsentWeightsSayWhatToDo) {
  const TempDir dir;
  expect_error(ErrorCode::kNotFound, {dir.file("no"), "no such folder"},
               [&] { (void)Weights::open(dir.file("no"), "model", ""); });
  expect_error(ErrorCode::kNotFound, {dir.path(), "model.safetensors", "download"},
               [&] { (void)Weights::open(dir.path(), "model", ""); });
  dir.write("pytorch_model.bin", "PK");
  expect_error(ErrorCode::kUnsupported, {dir.path(), "pytorch_model.bin", "convert"},
               [&] { (void)Weights::open(dir.path(), "model", ""); });
  expect_error(ErrorCode::kNotFound, {"not a folder"},
               [&] { (void)Weights::open(dir.file("pytorch_model.bin"), "model", ""); });
}

struct BadIndex {
  std::string name, text, message;
  ErrorCode code = ErrorCode::kCorruptFile;
};
void PrintTo(const BadIndex& index, std::ostream* out) { *out << index.name; }

class BadIndices : public testing::TestWithParam<BadIndex> {};

TEST_P(BadIndices, GiveAnErrorThatNamesTheIndex) {
  const TempDir dir;
  write_names(dir.file("x.safetensors"), {"a", "b"});
  write_names(dir.file("w/a.safetensors"), {"a"});
  write_names(dir.file("w/both.safetensors"), {"a", "b"});
  fs::create_directory(dir.file("w/folder.safetensors"));
  dir.write("w/cut.safetensors", "12345");
  fs::create_symlink("loop.safetensors", dir.file("w/loop.safetensors"));
  dir.write("w/model.safetensors.index.json", GetParam().text);
  expect_error(GetParam().code, {dir.file("w"), GetParam().message},
               [&] { (void)Weights::open(dir.file("w"), "model", ""); });
}

BadIndex map(const std::string& name, const std::string& entries, const std::string& message,
             ErrorCode code = ErrorCode::kCorruptFile) {
  return {name, "{\"weight_map\":{" + entries + "}}", message, code};
}
INSTANTIATE_TEST_SUITE_P(
    All, BadIndices,
    testing::Values(BadIndex{"Empty", "", "empty"}, BadIndex{"NotJson", "{", "line 1"},
                    BadIndex{"NotAnObject", "[1]", "weight_map"}, BadIndex{"NoMap", R"({"metadata":{}})", "weight_map"},
                    BadIndex{"MapIsList", R"({"weight_map":[]})", "weight_map"}, map("EmptyMap", "", "weight_map"),
                    map("Parent", R"("a":"../x.safetensors")", "in the same folder"),
                    map("Absolute", R"("a":"/etc/x.safetensors")", "in the same folder"),
                    map("Subfolder", R"("a":"s/x.safetensors")", "in the same folder"),
                    map("DotDot", R"("a":"..")", "'a'"),
                    map("ZeroByte", R"("a":"a\u0000.safetensors")", "in the same folder"),
                    map("Number", R"("a":1)", "in the same folder"), map("Null", R"("a":null)", "in the same folder"),
                    map("Pickle", R"("a":"x.bin")", "in the same folder"),
                    map("Twice", R"("a":"a.safetensors","a":"b.safetensors")", "twice"),
                    map("MissingShard", R"("a":"gone.safetensors")", "gone.safetensors", ErrorCode::kNotFound),
                    map("ShardLacksTensor", R"("a":"a.safetensors","b":"a.safetensors")", "'b'"),
                    map("TensorElsewhere", R"("a":"a.safetensors","b":"both.safetensors")", "'a'"),
                    map("ShardIsFolder", R"("a":"folder.safetensors")", "a folder", ErrorCode::kIo),
                    map("ShardIsCut", R"("a":"cut.safetensors")", "cut.safetensors"),
                    map("ShardLoops", R"("a":"loop.safetensors")", "circle", ErrorCode::kIo)),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace swan::io
