// Files of torch.save: those that torch wrote (tools/golden/weight_files.py), and what a state dict may look like.
#include "io/torch_file.h"

#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <vector>

#include "core/error.h"
#include "io/open_tensor_file.h"
#include "io/safetensors.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/torch_writer.h"

namespace swan::io {
namespace {

using support::PickleWriter;
using support::TempDir;

// Which of the reference's files, under which key its state dict is, and whether it has 8-bit floats.
struct Saved {
  const char *file, *state_dict;
  bool f8;
};
void PrintTo(const Saved& saved, std::ostream* out) { *out << saved.file; }
class TorchSaved : public testing::TestWithParam<Saved> {};

TEST_P(TorchSaved, HasTheTensorsThatTorchHas) {
  const auto expected = SafetensorsFile::open(support::golden_path("derived/torch/expected.safetensors"));
  const auto file = open_tensor_file(support::golden_path(std::string("derived/torch/") + GetParam().file));
  EXPECT_EQ(file->metadata().at("state_dict"), GetParam().state_dict);
  size_t compared = 0;
  for (const auto& [name, entry] : expected->entries()) {
    const bool f8 = entry.dtype == DType::kF8E4M3 || entry.dtype == DType::kF8E5M2;
    if (f8 && !GetParam().f8) continue;
    ASSERT_TRUE(file->entries().contains(name)) << name;
    EXPECT_EQ(file->entries().at(name).shape, entry.shape) << name;
    const Tensor tensor = file->tensor(name);
    EXPECT_EQ(tensor.shape(), entry.shape) << name;
    ++compared;
    if (tensor.numel() == 0) continue;
    EXPECT_TRUE(support::identical(tensor, expected->tensor(name))) << name;
  }
  EXPECT_EQ(compared, GetParam().f8 ? 14U : 12U);
  // The one that Swan has no type for is listed, and is an error only when it is used.
  EXPECT_EQ(file->entries().size(), compared + 1);
  EXPECT_EQ(file->entries().at("double").unsupported_dtype, "F64");
  expect_error(ErrorCode::kUnsupported, {"'double'", "F64"}, [&] { (void)file->tensor("double"); });
}

INSTANTIATE_TEST_SUITE_P(Files, TorchSaved,
                         testing::Values(Saved{"archive.pth", "state_dict", true}, Saved{"protocol4.pt", "", false},
                                         Saved{"legacy.pth", "model", false}));

// The mapping is used in place for contiguous tensors of an archive, and stays for as long as one of them does.
TEST(TorchFile, ContiguousTensorsAreViewsThatOutliveTheFile) {
  const std::string path = support::golden_path("derived/torch/archive.pth");
  const Tensor first = open_tensor_file(path)->tensor("shared"),
               window = open_tensor_file(path)->tensor("shared_window");
  EXPECT_FALSE(first.unique());
  EXPECT_EQ(first.data<float>()[5], window.data<float>()[0]);
  const auto file = open_tensor_file(path);
  EXPECT_EQ(file->tensor("shared").data<float>() + 5, file->tensor("shared_window").data<float>());
  EXPECT_TRUE(file->tensor("transposed").unique());
}

TEST(TorchFile, OpensZip64AndUnalignedArchives) {
  const TempDir dir;
  const std::string data(12, '\1'),
      pickle = PickleWriter().op("}").text("x").tensor("FloatStorage", "0", 3, 0, {3}, {1}).op("s").finish();
  const auto open = [&](const std::vector<support::ZipItem>& items, bool zip64) {
    const auto file = open_tensor_file(dir.write("x.pth", support::make_zip(items, zip64)));
    const Tensor x = file->tensor("x");
    return std::string(static_cast<const char*>(x.raw()), x.nbytes());
  };
  auto items = support::torch_items(pickle, {{"0", data}});
  EXPECT_EQ(open(items, false), data);
  EXPECT_EQ(open(items, true), data);
  for (auto& item : items) item.aligned = false;
  EXPECT_EQ(open(items, false), data);
  EXPECT_EQ(open(items, true), data);
}

// Names of files in an archive are keys: none leads anywhere.
TEST(TorchFile, NamesThatLeadOutOfTheArchiveAreNames) {
  const TempDir dir;
  const std::string key = "../../../../etc/passwd";
  const std::string pickle =
      PickleWriter().op("}").text("x").tensor("ByteStorage", key, 3, 0, {3}, {1}).op("s").finish();
  const auto file =
      open_tensor_file(dir.write("x.pth", support::make_zip(support::torch_items(pickle, {{key, "abc"}}))));
  EXPECT_EQ(file->tensor("x").data<uint8_t>()[0], 'a');
}

// A pickle of nested dictionaries that are written as {"key" ... }, with one-element tensors "*", and the names found.
struct Layout {
  const char *text, *state_dict;
  std::vector<std::string> names;
};
void PrintTo(const Layout& layout, std::ostream* out) { *out << layout.text; }
class StateDicts : public testing::TestWithParam<Layout> {};

void write_layout(std::string_view& text, PickleWriter& pickle) {
  const auto next = [&] {
    const char c = text.front();
    text.remove_prefix(1);
    return c;
  };
  switch (next()) {
    case '{':
      for (pickle.op("}"); text.front() != '}'; pickle.op("s")) {
        const size_t colon = text.find(':');
        pickle.text(text.substr(0, colon));
        text.remove_prefix(colon + 1);
        write_layout(text, pickle);
        if (text.front() == ',') text.remove_prefix(1);
      }
      (void)next();
      return;
    case '*':
      pickle.tensor("ByteStorage", "0", 1, 0, {1}, {1});
      return;
    default:
      pickle.op("N");
  }
}

TEST_P(StateDicts, AreFoundWhereAPersonWouldLook) {
  const TempDir dir;
  PickleWriter pickle;
  std::string_view text = GetParam().text;
  write_layout(text, pickle);
  const auto file =
      open_tensor_file(dir.write("x.pth", support::make_zip(support::torch_items(pickle.finish(), {{"0", "a"}}))));
  std::vector<std::string> names;
  for (const auto& [name, entry] : file->entries()) names.push_back(name);
  EXPECT_EQ(names, GetParam().names);
  EXPECT_EQ(file->metadata().at("state_dict"), GetParam().state_dict);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, StateDicts,
    testing::Values(Layout{"{a:*,b:*}", "", {"a", "b"}}, Layout{"{step:*,state_dict:{b:*}}", "state_dict", {"b"}},
                    Layout{"{a:*,deeper:{b:*}}", "", {"a", "deeper.b"}},
                    Layout{"{epoch:-,state_dict:{a:*},optimizer:{m:*}}", "state_dict", {"a"}},
                    Layout{"{model:{a:*},state_dict:{b:*}}", "state_dict", {"b"}},
                    Layout{"{critic:{a:*},generator:{b:*},generator_ema:{c:*}}", "generator_ema", {"c"}},
                    Layout{"{state_dict:{},model:{a:*}}", "model", {"a"}},
                    Layout{"{state_dict:{model:{a:*},x:-}}", "state_dict.model", {"a"}},
                    Layout{"{anything:{a:*},x:{y:-}}", "anything", {"a"}},
                    Layout{"{encoder:{a:*},decoder:{a:*}}", "", {"decoder.a", "encoder.a"}},
                    Layout{
                        "{state_dict:{a:*,deeper:{b:*,c:-,d:{e:*}}}}", "state_dict", {"a", "deeper.b", "deeper.d.e"}}));

TEST(TorchFile, EveryPermutationIsCopiedInOrder) {
  const TempDir dir;
  std::string data;
  for (int i = 0; i < 30; ++i) data += static_cast<char>(i);
  const std::vector<int64_t> shape = {2, 3, 5}, strides = {15, 5, 1};
  for (const std::vector<int>& order :
       std::vector<std::vector<int>>{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}) {
    std::vector<int64_t> moved_shape, moved_strides;
    for (const int i : order) {
      moved_shape.push_back(shape[static_cast<size_t>(i)]);
      moved_strides.push_back(strides[static_cast<size_t>(i)]);
    }
    const std::string pickle =
        PickleWriter().op("}").text("x").tensor("ByteStorage", "0", 30, 0, moved_shape, moved_strides).op("s").finish();
    const Tensor x =
        open_tensor_file(dir.write("x.pth", support::make_zip(support::torch_items(pickle, {{"0", data}}))))
            ->tensor("x");
    const auto* values = x.data<uint8_t>();
    for (int64_t i = 0, k = 0; i < moved_shape[0]; ++i)
      for (int64_t j = 0; j < moved_shape[1]; ++j)
        for (int64_t l = 0; l < moved_shape[2]; ++l, ++k)
          ASSERT_EQ(values[k], i * moved_strides[0] + j * moved_strides[1] + l * moved_strides[2]);
  }
}

// A transposed matrix of more than one task.
TEST(TorchFile, LargeTransposedTensors) {
  const TempDir dir;
  constexpr int64_t kRows = 211, kColumns = 307;
  Tensor stored = Tensor::empty({kRows, kColumns}, DType::kF32);
  for (int64_t i = 0; i < stored.numel(); ++i) stored.data_mut<float>()[i] = static_cast<float>(i);
  const std::string pickle = PickleWriter()
                                 .op("}")
                                 .text("x")
                                 .tensor("FloatStorage", "0", stored.numel(), 0, {kColumns, kRows}, {1, kColumns})
                                 .op("s")
                                 .finish();
  const std::string data(static_cast<const char*>(stored.raw()), stored.nbytes());
  const Tensor x =
      open_tensor_file(dir.write("x.pth", support::make_zip(support::torch_items(pickle, {{"0", data}}))))->tensor("x");
  for (int64_t c = 0; c < kColumns; ++c)
    for (int64_t r = 0; r < kRows; ++r)
      ASSERT_EQ(x.data<float>()[c * kRows + r], stored.data<float>()[r * kColumns + c]);
}

// The writer of the tests, which others use to make files in place, writes what the reader reads.
TEST(TorchFile, TheTestsWriterIsReadBack) {
  const TempDir dir;
  const Tensor x = Tensor::full({2, 3}, 1.5F), y = Tensor::full({4}, -2).to(DType::kBF16);
  for (const char* key : {"", "state_dict"}) {
    const auto file = open_tensor_file(dir.write("x.pth", support::make_torch_file({{"x", x}, {"y", y}}, key)));
    EXPECT_TRUE(support::identical(file->tensor("x"), x));
    EXPECT_TRUE(support::identical(file->tensor("y"), y));
  }
}

}  // namespace
}  // namespace swan::io
