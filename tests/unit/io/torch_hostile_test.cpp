// Files of torch.save that are damaged, or made to harm whoever opens them: each gives an error that names it, nothing
// is run, and memory and time stay small.
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <ostream>
#include <string>
#include <vector>

#include "io/open_tensor_file.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "support/torch_writer.h"

namespace swan::io {
namespace {

namespace fs = std::filesystem;
using support::PickleWriter;
using support::TempDir;
using support::ZipItem;

std::string repeated(std::string_view text, int times) {
  std::string result;
  for (int i = 0; i < times; ++i) result += text;
  return result;
}

// A dictionary with the tensor "x", which `write` writes, of storage "0", which has these bytes.
template <typename Write>
std::string with_tensor(const Write& write, const std::string& bytes = std::string(16, 'a')) {
  PickleWriter pickle;
  write(pickle.op("}").text("x"));
  return support::make_zip(support::torch_items(pickle.op("s").finish(), {{"0", bytes}}));
}
std::string tensor_of(int64_t numel, int64_t offset, const std::vector<int64_t>& shape,
                      const std::vector<int64_t>& strides) {
  return with_tensor([&](PickleWriter& pickle) { pickle.tensor("FloatStorage", "0", numel, offset, shape, strides); });
}
std::string pickled(const PickleWriter& pickle) {
  return support::make_zip(support::torch_items(pickle.finish(), {{"0", std::string(16, 'a')}}));
}
std::string raw_pickle(const std::string& pickle) {
  return support::make_zip(support::torch_items("\x80\x02" + pickle, {{"0", std::string(16, 'a')}}));
}

struct Hostile {
  std::string name, file, message;
  ErrorCode code = ErrorCode::kCorruptFile;
};
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }
class HostileTorch : public testing::TestWithParam<Hostile> {};

TEST_P(HostileTorch, GivesAnErrorThatNamesTheFile) {
  const TempDir dir;
  const std::string path = dir.write("bad.pth", GetParam().file);
  const auto start = std::chrono::steady_clock::now();
  expect_error(GetParam().code, {path, GetParam().message}, [&] { (void)open_tensor_file(path); });
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

const auto kName = [](const auto& info) { return info.param.name; };

// A call of `module.name` with one text as its argument.
Hostile call(const std::string& name, const std::string& module, const std::string& function) {
  return {name, pickled(PickleWriter().global(module, function).text("touch x").op("\x85R")),
          "'" + module + "." + function + "'", ErrorCode::kUnsupported};
}

INSTANTIATE_TEST_SUITE_P(
    Code, HostileTorch,
    testing::Values(
        call("OsSystem", "os", "system"), call("Posix", "posix", "system"), call("Eval", "builtins", "eval"),
        call("Exec", "__builtin__", "exec"), call("Import", "importlib", "import_module"),
        call("Subprocess", "subprocess", "Popen"), call("TorchLoad", "torch", "load"), call("Hub", "torch.hub", "load"),
        call("Compile", "torch.jit._script", "unpackage_script_module"),
        call("PrefixOfAnAllowedName", "torch._utils", "_rebuild_tensor_v"),
        call("AllowedNameInAnotherModule", "os", "_rebuild_tensor_v2"),
        call("CudaStorageThatIsNone", "torch.cuda", "EvilStorage"), call("Dotted", "torch", "_utils.os.system"),
        Hostile{"StackGlobal", pickled(PickleWriter().text("os").text("system").op("\x93").text("x").op("\x85R")),
                "'os.system'", ErrorCode::kUnsupported},
        Hostile{"NewObject", pickled(PickleWriter().global("os", "system").op(")\x81")), "'os.system'",
                ErrorCode::kUnsupported},
        Hostile{"WithoutACall", pickled(PickleWriter().op("}").text("a").global("os", "system").op("s")),
                "runs nothing of a file", ErrorCode::kUnsupported},
        Hostile{"AfterTheTensors",
                pickled(PickleWriter()
                            .op("}")
                            .text("x")
                            .tensor("FloatStorage", "0", 4, 0, {4}, {1})
                            .op("s")
                            .text("y")
                            .global("os", "system")
                            .op("s")),
                "'os.system'", ErrorCode::kUnsupported},
        Hostile{"GlobalBySymbol", pickled(PickleWriter().global("torch", "Size").text("x").op("\x93")), "is no name"},
        Hostile{"Inst", raw_pickle("(ios\nsystem\n."), "opcode 0x69"}, Hostile{"Obj", raw_pickle("(o."), "opcode 0x6f"},
        Hostile{"NewObjEx", raw_pickle("))}\x92."), "opcode 0x92"},
        Hostile{"PersistentText", raw_pickle("Px\n."), "opcode 0x50"},
        Hostile{"Extension", raw_pickle("\x82\x01."), "opcode 0x82"},
        Hostile{"Text0", raw_pickle("S'x'\n."), "opcode 0x53"},
        Hostile{"NextBuffer", raw_pickle("\x97."), "opcode 0x97"},
        Hostile{"CallOfAText", pickled(PickleWriter().text("os.system").op(")R")), "calls what is no function"},
        Hostile{"CallOfACall", pickled(PickleWriter().global("torch", "Size").op(")R)R")), "calls what is no function"},
        Hostile{"ArgumentsAreNoTuple", pickled(PickleWriter().global("torch", "Size").op("]R")),
                "calls what is no function"}),
    kName);

INSTANTIATE_TEST_SUITE_P(
    Machine, HostileTorch,
    testing::Values(
        Hostile{"Empty", raw_pickle(""), "ends after 2 bytes"}, Hostile{"StopAtOnce", raw_pickle("."), "more values"},
        Hostile{"NoStop", raw_pickle("N"), "ends after 3 bytes"},
        Hostile{"Number", raw_pickle("K\1."), "not a dictionary"},
        Hostile{"List", raw_pickle("]."), "not a dictionary"}, Hostile{"Nothing", raw_pickle("}."), "no tensors"},
        Hostile{"Protocol6", raw_pickle("\x80\x06."), "protocol 6"},
        Hostile{"FrameBeyondTheEnd", raw_pickle("\x95\xff\xff\xff\xff\xff\xff\xff\xff}."), "a frame of"},
        Hostile{"TextBeyondTheEnd", raw_pickle("X\xff\xff\xff\xff"), "4294967295 more"},
        Hostile{"TextOf8Bytes", raw_pickle("\x8d\xff\xff\xff\xff\xff\xff\xff\xff"), "18446744073709551615 more"},
        Hostile{"UnendedName", raw_pickle("cos"), "in the middle of a line"},
        Hostile{"RecallOfNothing", raw_pickle("h\1."), "recalls value 1"},
        Hostile{"RecallFarAway", raw_pickle("j\xff\xff\xff\xff."), "recalls value 4294967295"},
        Hostile{"StoreFarAway", raw_pickle("}r\xff\xff\xff\xff."), "a memo of more than"},
        Hostile{"StoreOfNothing", raw_pickle("q\1."), "more values"},
        Hostile{"PopOfNothing", raw_pickle("0."), "more values"}, Hostile{"NoMark", raw_pickle("}u."), "lacks a mark"},
        Hostile{"BelowTheMark", raw_pickle("}(s."), "more values"},
        Hostile{"OddItems", raw_pickle("}(Nu."), "a key without a value"},
        Hostile{"OddDict", raw_pickle("(Nd."), "a key without a value"},
        Hostile{"ItemsOfATuple", raw_pickle(")NNs."), "that has none"},
        Hostile{"AppendToADict", raw_pickle("}Na."), "that has none"},
        Hostile{"AttributesOfANumber", raw_pickle("K\1}b."), "attributes to a plain value"},
        Hostile{"DictOfNoPairs", pickled(PickleWriter().global("collections", "OrderedDict").op("](K\1e\x85R")),
                "no pairs"},
        Hostile{"ListInItself", raw_pickle("]q\1h\1a."), "not a dictionary"}),
    kName);

// Made here rather than as parameters, which every start of the program would make.
TEST(HostileTorchSweep, LargePicklesAreErrors) {
  const TempDir dir;
  const auto check = [&](const Hostile& hostile) {
    SCOPED_TRACE(hostile.name);
    const std::string path = dir.write("bad.pth", hostile.file);
    const auto start = std::chrono::steady_clock::now();
    expect_error(hostile.code, {path, hostile.message}, [&] { (void)open_tensor_file(path); });
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  };
  check(Hostile{"DeepMarks", raw_pickle(repeated("(", 100000)), "levels deep"});
  check(Hostile{"DeepLists", raw_pickle(repeated("]", 100000) + repeated("a", 99999) + "."), "not a dictionary"});
  check(Hostile{"DeepTuples", raw_pickle("N" + repeated("\x85", 1000000) + "."), "not a dictionary"});
  check(Hostile{"DeepDicts", raw_pickle(repeated("}K\1", 100000) + "N" + repeated("s", 100000) + "."), "levels deep"});
  check(Hostile{"ManyValues", raw_pickle(repeated("N", 2000000)), "more than 1048576 values"});
  check(Hostile{"ManyCopies",
                pickled(PickleWriter()
                            .op("]q\1(")
                            .op(repeated("NN\x86", 10000))
                            .op("e")
                            .op(repeated("ccollections\nOrderedDict\nh\1\x85R0", 200))),
                "more than 1048576 values"});
  check(Hostile{"ManyMemoRecalls", raw_pickle("]q\1" + repeated("h\1", 1000000) + "."), "not a dictionary"});
  check(Hostile{"LargePickle", raw_pickle(std::string(40 << 20, 'N')), "at most 33554432"});
}

// A dictionary that holds itself, and tensors, must not be walked without end; nor one that holds another many times at
// each of many levels.
TEST(HostileTorchSweep, CyclesEnd) {
  const TempDir dir;
  const auto refused = [&](const PickleWriter& pickle, const std::string& message) {
    const std::string path = dir.write("x.pth", pickled(pickle));
    expect_error(ErrorCode::kCorruptFile, {path, message}, [&] { (void)open_tensor_file(path); });
  };
  refused(PickleWriter().op("}q\1").text("self").op("h\1s"), "in two places");
  refused(
      PickleWriter().op("}q\1").text("a").tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s").text("self").op("h\1s"),
      "in two places");
  PickleWriter tower;
  tower.op("}q\1").text("t").tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s0");
  for (int level = 1; level < 14; ++level) {
    tower.op("}(");
    for (int i = 0; i < 50; ++i) tower.text("k" + std::to_string(i)).op(std::string("h") + static_cast<char>(level));
    tower.op("uq").op(std::string(1, static_cast<char>(level + 1))).op("0");
  }
  tower.op("h\x0e").text("x").tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s");
  refused(tower, "in two places");
}

INSTANTIATE_TEST_SUITE_P(
    Tensors, HostileTorch,
    testing::Values(
        Hostile{"TooLarge", tensor_of(4, 0, {5}, {1}), "leaves its storage"},
        Hostile{"OffsetTooFar", tensor_of(4, 1, {4}, {1}), "leaves its storage"},
        Hostile{"OffsetFarAway", tensor_of(4, INT64_MAX, {1}, {1}), "leaves its storage"},
        Hostile{"NegativeOffset", tensor_of(4, -1, {2}, {1}), "leaves its storage"},
        Hostile{"EmptyBehindTheEnd", tensor_of(4, 5, {0}, {1}), "leaves its storage"},
        Hostile{"StrideTooFar", tensor_of(4, 0, {2, 2}, {3, 1}), "leaves its storage"},
        Hostile{"NegativeStride", tensor_of(4, 3, {4}, {-1}), "has the stride -1"},
        Hostile{"StrideOverflows", tensor_of(4, 0, {3}, {INT64_MAX}), "has the stride"},
        Hostile{"SumOfStridesOverflows", tensor_of(4, 1, {2, 2}, {INT64_MAX / 2 + 1, INT64_MAX / 2 + 1}),
                "has the stride"},
        Hostile{"NegativeSize", tensor_of(4, 0, {-1}, {1}), "is impossible"},
        Hostile{"SizeOverflows", tensor_of(4, 0, {1LL << 40, 1LL << 40}, {0, 0}), "is impossible"},
        Hostile{"Bomb", tensor_of(4, 0, {1LL << 30, 4}, {0, 1}), "repeats the 4 elements", ErrorCode::kUnsupported},
        Hostile{"Windows", tensor_of(4, 0, {2, 3}, {1, 1}), "repeats the 4 elements", ErrorCode::kUnsupported},
        Hostile{"FewStrides", tensor_of(4, 0, {2, 2}, {1}), "2 dimensions and 1 strides"},
        Hostile{"SevenDimensions", tensor_of(4, 0, {1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1}), "7 dimensions",
                ErrorCode::kUnsupported},
        Hostile{"EndlessShape", tensor_of(4, 0, std::vector<int64_t>(1000, 1), std::vector<int64_t>(1000, 1)),
                "has no shape"},
        Hostile{"StorageLargerThanStored", tensor_of(5, 0, {4}, {1}), "should have 20 bytes, but 16"},
        Hostile{"StorageSmallerThanStored", tensor_of(3, 0, {3}, {1}), "should have 12 bytes, but 16"},
        Hostile{"NegativeStorage", tensor_of(-4, 0, {0}, {1}), "has -4 elements"},
        Hostile{"StorageOverflows", tensor_of(INT64_MAX, 0, {1}, {1}), "elements"},
        Hostile{"StorageThatIsNotThere",
                with_tensor([](PickleWriter& p) { p.tensor("FloatStorage", "1", 4, 0, {4}, {1}); }),
                "lacks 'archive/data/1'"},
        Hostile{"StorageOfTwoSizes", with_tensor([](PickleWriter& p) {
                  p.tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s").text("y");
                  p.tensor("HalfStorage", "0", 4, 0, {4}, {1});
                }),
                "16 bytes in one place and 8 in another"},
        Hostile{"NameTwice", with_tensor([](PickleWriter& p) {
                  p.tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s").text("x");
                  p.tensor("FloatStorage", "0", 4, 0, {4}, {1});
                }),
                "'x' twice"},
        Hostile{"LongName", with_tensor([](PickleWriter& p) {
                  p.op("Ns").text(std::string(100000, 'n')).tensor("FloatStorage", "0", 4, 0, {4}, {1});
                }),
                "a name in it has 100000 bytes"},
        Hostile{"NameIsATuple",
                with_tensor([](PickleWriter& p) { p.op("Ns)").tensor("FloatStorage", "0", 4, 0, {4}, {1}); }),
                "is no text"},
        Hostile{"StorageIsNoStorage", with_tensor([](PickleWriter& p) { p.op(")Q"); }), "refers to what is no storage"},
        Hostile{"StorageOfNoType", with_tensor([](PickleWriter& p) {
                  p.op("(").text("storage").text("x").text("0").text("cpu").number(4).op("tQ");
                }),
                "in an unknown way"},
        Hostile{"FewArguments",
                with_tensor([](PickleWriter& p) { p.global("torch._utils", "_rebuild_tensor_v2").op(")R"); }),
                "in an unknown way"},
        Hostile{"ArgumentsOfOtherKinds",
                with_tensor([](PickleWriter& p) { p.global("torch._utils", "_rebuild_tensor_v2").op("(NNNNNNtR"); }),
                "in an unknown way"},
        Hostile{"ShapeOfTexts", with_tensor([](PickleWriter& p) {
                  p.global("torch._utils", "_rebuild_tensor_v2").op("((").text("storage");
                  p.global("torch", "FloatStorage").text("0").text("cpu").number(4).op("tQ");
                  p.number(0).op("(").text("4").op("t").numbers({1}).op("NNtR");
                }),
                "is no numbers"},
        Hostile{"WrapperOfNothing",
                with_tensor([](PickleWriter& p) { p.global("torch._utils", "_rebuild_parameter").op(")R"); }),
                "in an unknown way"},
        Hostile{"WrapperOfText", with_tensor([](PickleWriter& p) {
                  p.global("torch._utils", "_rebuild_parameter").text("x").op("\x85R");
                }),
                "in an unknown way"},
        Hostile{"ManyWrappers", with_tensor([](PickleWriter& p) {
                  for (int i = 0; i < 100; ++i) p.global("torch._utils", "_rebuild_parameter");
                  p.tensor("FloatStorage", "0", 4, 0, {4}, {1}).op(repeated("\x85R", 100));
                }),
                "in an unknown way"},
        Hostile{"ViewOfAStorage", with_tensor([](PickleWriter& p) {
                  p.op("(").text("storage").global("torch", "FloatStorage").text("0").text("cpu").number(4).op(")tQ");
                }),
                "is a view of another", ErrorCode::kUnsupported}),
    kName);

// An archive whose pickle is good.
std::vector<ZipItem> good_items() {
  return support::torch_items(
      PickleWriter().op("}").text("x").tensor("FloatStorage", "0", 4, 0, {4}, {1}).op("s").finish(),
      {{"0", std::string(16, 'a')}});
}
template <typename Change>
std::string changed(const Change& change) {
  std::vector<ZipItem> items = good_items();
  change(items);
  return support::make_zip(items);
}
constexpr size_t kPickle = 0, kByteOrder = 1, kStorage = 2;

std::string with_bytes(std::string file, size_t from_end, const std::string& bytes) {
  return file.replace(file.size() - from_end, bytes.size(), bytes);
}

INSTANTIATE_TEST_SUITE_P(
    Archives, HostileTorch,
    testing::Values(
        Hostile{"Nothing", std::string("PK\3\4"), "no directory at its end"},
        Hostile{"NoArchiveOfTorch", support::make_zip({{.name = "word/document.xml", .bytes = "x"}}),
                "without 'data.pkl'"},
        Hostile{"PickleWithoutFolder", support::make_zip({{.name = "data.pkl", .bytes = "x"}}), "without 'data.pkl'"},
        Hostile{"TwoPickles", changed([](auto& items) { items.push_back({.name = "b/data.pkl", .bytes = "x"}); }),
                "in two places"},
        Hostile{"NameTwice", changed([](auto& items) { items.push_back(items[kStorage]); }), "'archive/data/0' twice"},
        Hostile{"BigEndian", changed([](auto& items) { items[kByteOrder].bytes = "big"; }), "big-endian",
                ErrorCode::kUnsupported},
        Hostile{"EndlessByteOrder", changed([](auto& items) { items[kByteOrder].bytes.assign(1 << 20, 'x'); }),
                "at most 64"},
        Hostile{"TorchScript",
                changed([](auto& items) { items.push_back({.name = "archive/constants.pkl", .bytes = ""}); }),
                "TorchScript", ErrorCode::kUnsupported},
        Hostile{"CompressedStorage", changed([](auto& items) { items[kStorage].method = 8; }), "is compressed",
                ErrorCode::kUnsupported},
        Hostile{"CompressedPickle", changed([](auto& items) { items[kPickle].method = 8; }), "is compressed",
                ErrorCode::kUnsupported},
        Hostile{"Encrypted", changed([](auto& items) { items[kStorage].flags = 1; }), "is encrypted",
                ErrorCode::kUnsupported},
        Hostile{"AnotherNameInFront", changed([](auto& items) { items[kStorage].local_name = "archive/data/1"; }),
                "contradict"},
        Hostile{"HeaderElsewhere", changed([](auto& items) { items[kStorage].move_header = 1; }), "is not at byte"},
        Hostile{"HeaderBehindTheEnd", changed([](auto& items) { items[kStorage].move_header = 1 << 20; }),
                "not before its directory"},
        Hostile{"StorageOverTheNext", changed([](auto& items) { items[kStorage].more_bytes = 40; }), "overlap"},
        Hostile{"StorageBeyondTheFile", changed([](auto& items) { items[kStorage].more_bytes = 1 << 20; }),
                "does not end before its directory"},
        Hostile{"Zip64Overflow",
                [] {
                  auto items = good_items();
                  items[kStorage].more_bytes = INT64_MAX;
                  return support::make_zip(items, true);
                }(),
                "does not end before its directory"},
        Hostile{"Zip64HeaderOverflow",
                [] {
                  auto items = good_items();
                  items[kStorage].move_header = INT64_MAX;
                  return support::make_zip(items, true);
                }(),
                "not before its directory"},
        Hostile{"DirectoryElsewhere", with_bytes(support::make_zip(good_items()), 6, "\xff\xff\xff\x7f"),
                "does not lie within"},
        Hostile{"GiantDirectory", with_bytes(support::make_zip(good_items()), 10, "\xff\xff\xff\x7f"),
                "does not lie within"},
        Hostile{"MoreEntriesThanThereAre",
                with_bytes(support::make_zip(good_items()), 14, std::string("\xff\0\xff\0", 4)),
                "its zip directory ends"},
        Hostile{"ManyVolumes", with_bytes(support::make_zip(good_items()), 18, "\1"), "several volumes",
                ErrorCode::kUnsupported}),
    kName);

// Written by torch.save of an object that asks for os.system, and the same with a command that leaves a trace.
TEST(HostileTorchSweep, NothingIsRun) {
  const TempDir dir;
  expect_error(ErrorCode::kUnsupported, {"hostile.pth", "'posix.system'", "runs nothing of a file", "safetensors"},
               [] { (void)open_tensor_file(support::golden_path("derived/torch/hostile.pth")); });
  const std::string trace = dir.file("trace");
  const std::string path =
      dir.write("x.pth", pickled(PickleWriter().global("posix", "system").text("touch " + trace).op("\x85R")));
  expect_error(ErrorCode::kUnsupported, {path, "'posix.system'"}, [&] { (void)open_tensor_file(path); });
  EXPECT_FALSE(fs::exists(trace));
}

TEST(HostileTorchSweep, CompressedArchivesSayWhatToDo) {
  expect_error(ErrorCode::kUnsupported, {"deflated.pth", "data.pkl", "zip -0 -r"},
               [] { (void)open_tensor_file(support::golden_path("derived/torch/deflated.pth")); });
}

// Every prefix of a good file is a bad one.
TEST(HostileTorchSweep, EveryTruncationIsAnError) {
  const TempDir dir;
  for (const char* name : {"archive.pth", "legacy.pth"}) {
    const std::string path = dir.file(name);
    fs::copy_file(support::golden_path(std::string("derived/torch/") + name), path);
    for (auto size = fs::file_size(path); size-- > 0;) {
      fs::resize_file(path, size);
      expect_error(ErrorCode::kCorruptFile, {path}, [&] { (void)open_tensor_file(path); });
    }
  }
}

// A file that others shorten while it is open.
TEST(HostileTorchSweep, AShortenedFileIsNoticed) {
  const TempDir dir;
  const std::string path = dir.write("x.pth", support::make_zip(good_items()));
  const auto file = open_tensor_file(path);
  fs::resize_file(path, 100);
  expect_error(ErrorCode::kCorruptFile, {path, "'x'", "shorter"}, [&] { (void)file->tensor("x"); });
}

}  // namespace
}  // namespace swan::io
