#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <utility>

#include "io/byte_reader.h"

namespace swan::io {

namespace {

using Kind = PickleValue::Kind;

// A checkpoint of a thousand tensors has some 20,000 values; the limits are far from those of any real one.
constexpr size_t kMostValues = 1 << 20, kDeepestMarks = 1000;
constexpr int kNewestProtocol = 5;

// Dictionaries that are made by a call and filled afterwards.
constexpr std::array<std::string_view, 3> kDictionaries = {"collections.OrderedDict", "collections.defaultdict",
                                                           "collections.Counter"};

// The opcodes. Those that are not here call something (INST, OBJ, NEWOBJ_EX), refer to tables of the running Python
// (EXT, PERSID), or are of protocols 0 and 1, which torch.save never writes.
enum Opcode : uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kBinFloat = 'G',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kDict = 'd',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kList = 'l',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kSetItems = 'u',
  kEmptyDict = '}',
  kEmptyList = ']',
  kEmptyTuple = ')',
  kProto = 0x80,
  kNewObj = 0x81,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kEmptySet = 0x8f,
  kAddItems = 0x90,
  kFrozenSet = 0x91,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

class Machine {
 public:
  Machine(std::string_view bytes, const std::string& path, FindSymbol find_symbol)
      : reader_(bytes, path, "its pickle"), path_(path), find_symbol_(find_symbol) {}

  Pickle run() {
    for (auto opcode = reader_.number<uint8_t>(); opcode != kStop; opcode = reader_.number<uint8_t>())
      if (!scalar(opcode) && !container(opcode) && !memory(opcode)) object(opcode);
    pickle_.root = pop();
    pickle_.bytes = reader_.position();
    return std::move(pickle_);
  }

 private:
  // Values without others in them.
  bool scalar(uint8_t opcode) {
    switch (opcode) {
      case kNone:
        return push({.kind = Kind::kNone});
      case kNewTrue:
      case kNewFalse:
        return push({.kind = Kind::kBool, .number = opcode == kNewTrue ? 1 : 0});
      case kBinInt:
        return push({.kind = Kind::kInt, .number = reader_.number<int32_t>()});
      case kBinInt1:
        return push({.kind = Kind::kInt, .number = reader_.number<uint8_t>()});
      case kBinInt2:
        return push({.kind = Kind::kInt, .number = reader_.number<uint16_t>()});
      case kLong1:
        return push_long(reader_.take(reader_.number<uint8_t>()));
      case kBinFloat:
        (void)reader_.take(8);
        return push({.kind = Kind::kOther});
      case kShortBinUnicode:
      case kShortBinString:  // of Python 2, whose strings are bytes
        return push({.kind = Kind::kString, .text = reader_.take(reader_.number<uint8_t>())});
      case kBinUnicode:
      case kBinString:
        return push({.kind = Kind::kString, .text = reader_.take(reader_.number<uint32_t>())});
      case kBinUnicode8:
        return push({.kind = Kind::kString, .text = reader_.take(reader_.number<uint64_t>())});
      case kShortBinBytes:
        return push({.kind = Kind::kBytes, .text = reader_.take(reader_.number<uint8_t>())});
      case kBinBytes:
        return push({.kind = Kind::kBytes, .text = reader_.take(reader_.number<uint32_t>())});
      case kBinBytes8:
        return push({.kind = Kind::kBytes, .text = reader_.take(reader_.number<uint64_t>())});
      default:
        return false;
    }
  }

  bool container(uint8_t opcode) {
    switch (opcode) {
      case kEmptyTuple:
        return push({.kind = Kind::kTuple});
      case kEmptyList:
      case kEmptySet:
        return push({.kind = Kind::kList});
      case kEmptyDict:
        return push({.kind = Kind::kDict});
      case kTuple1:
      case kTuple2:
      case kTuple3: {
        const size_t count = opcode - kTuple1 + 1U;
        need(count);
        return push({.kind = Kind::kTuple, .items = pop_from(stack_.size() - count)});
      }
      case kTuple:
      case kFrozenSet:
        return push({.kind = Kind::kTuple, .items = pop_to_mark()});
      case kList:
        return push({.kind = Kind::kList, .items = pop_to_mark()});
      case kDict: {
        auto items = pop_to_mark();
        check_pairs(items);
        return push({.kind = Kind::kDict, .items = std::move(items)});
      }
      case kAppend:
        need(2);
        return extend(Kind::kList, pop_from(stack_.size() - 1));
      case kAppends:
      case kAddItems:
        return extend(Kind::kList, pop_to_mark());
      case kSetItem:
        need(3);
        return extend(Kind::kDict, pop_from(stack_.size() - 2));
      case kSetItems: {
        const auto items = pop_to_mark();
        check_pairs(items);
        return extend(Kind::kDict, items);
      }
      default:
        return false;
    }
  }

  // Stack, memo and framing.
  bool memory(uint8_t opcode) {
    switch (opcode) {
      case kProto:
        if (const int protocol = reader_.number<uint8_t>(); protocol > kNewestProtocol)
          corrupt(path_, "its pickle is of protocol {}; at most {} is known", protocol, kNewestProtocol);
        return true;
      case kFrame:
        if (const auto bytes = reader_.number<uint64_t>(); bytes > reader_.left())
          corrupt(path_, "its pickle has a frame of {} bytes, but only {} are left", bytes, reader_.left());
        return true;
      case kMark:
        if (marks_.size() == kDeepestMarks)
          corrupt(path_, "its pickle has values more than {} levels deep", kDeepestMarks);
        marks_.push_back(stack_.size());
        return true;
      case kPop:
        (void)pop();
        return true;
      case kPopMark:
        (void)pop_to_mark();
        return true;
      case kBinPut:
        return remember(reader_.number<uint8_t>());
      case kLongBinPut:
        return remember(reader_.number<uint32_t>());
      case kMemoize:
        return remember(memoized_);
      case kBinGet:
        return recall(reader_.number<uint8_t>());
      case kLongBinGet:
        return recall(reader_.number<uint32_t>());
      default:
        return false;
    }
  }

  // What Python would import, make or fetch.
  void object(uint8_t opcode) {
    switch (opcode) {
      case kGlobal: {
        const std::string_view module = reader_.line();
        push_symbol(module, reader_.line());
        return;
      }
      case kStackGlobal: {
        need(2);
        const auto names = pop_from(stack_.size() - 2);
        const PickleValue &module = pickle_[names[0]], &name = pickle_[names[1]];
        if (module.kind != Kind::kString || name.kind != Kind::kString)
          corrupt(path_, "its pickle refers to something of Python's by what is no name");
        push_symbol(module.text, name.text);
        return;
      }
      case kReduce:
      case kNewObj: {
        need(2);
        auto call = pop_from(stack_.size() - 2);
        push_call(std::move(call));
        return;
      }
      case kBuild: {  // gives an object attributes; those of tensors and dictionaries say nothing that Swan needs
        need(2);
        (void)pop();
        const Kind kind = pickle_[stack_.back()].kind;
        if (kind != Kind::kDict && kind != Kind::kCall) corrupt(path_, "its pickle gives attributes to a plain value");
        return;
      }
      case kBinPersId: {
        need(1);
        (void)push({.kind = Kind::kPersistent, .items = pop_from(stack_.size() - 1)});
        return;
      }
      default:
        corrupt(path_, "its pickle has the opcode 0x{:02x} at byte {}, which torch.save does not write", opcode,
                reader_.position() - 1);
    }
  }

  bool push(PickleValue value) {
    if (pickle_.values.size() == kMostValues) corrupt(path_, "its pickle has more than {} values", kMostValues);
    stack_.push_back(static_cast<uint32_t>(pickle_.values.size()));
    pickle_.values.push_back(std::move(value));
    return true;
  }

  // Two's complement, as few bytes as it takes.
  bool push_long(std::string_view bytes) {
    if (bytes.size() > sizeof(int64_t)) return push({.kind = Kind::kOther, .text = bytes});
    uint64_t number = 0;
    for (size_t i = 0; i < bytes.size(); ++i)
      number |= static_cast<uint64_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
    const size_t bits = 8 * bytes.size();
    if (bits > 0 && bits < 64 && (number >> (bits - 1) & 1U) != 0) number |= ~uint64_t{0} << bits;
    return push({.kind = Kind::kInt, .number = static_cast<int64_t>(number)});
  }

  void push_symbol(std::string_view module, std::string_view name) {
    const std::string full = fmt::format("{}.{}", module, name);
    const std::string_view known = find_symbol_(full);
    if (known.empty())
      fail(ErrorCode::kUnsupported,
           "cannot read {}: it asks for '{}', which Python would import, and may run, when it loads the file. Swan "
           "reads "
           "tensors alone and runs nothing of a file, so it does not read this one. If you trust where it comes from, "
           "save its state dict with safetensors in Python and give that file.",
           path_, shown(full));
    (void)push({.kind = Kind::kSymbol, .text = known});
  }

  void push_call(std::vector<uint32_t> call) {
    const PickleValue &symbol = pickle_[call[0]], &arguments = pickle_[call[1]];
    if (symbol.kind != Kind::kSymbol || arguments.kind != Kind::kTuple)
      corrupt(path_, "its pickle calls what is no function");
    if (std::find(kDictionaries.begin(), kDictionaries.end(), symbol.text) == kDictionaries.end()) {
      (void)push({.kind = Kind::kCall, .items = std::move(call)});
      return;
    }
    PickleValue dict{.kind = Kind::kDict};
    // Python 2 gave an OrderedDict its items as a list of pairs.
    if (!arguments.items.empty() && pickle_[arguments.items[0]].kind == Kind::kList) {
      const std::vector<uint32_t>& pairs = pickle_[arguments.items[0]].items;
      copied_ += pairs.size();  // of a list that any number of calls may name
      if (copied_ > kMostValues) corrupt(path_, "its pickle has more than {} values", kMostValues);
      for (const uint32_t item : pairs) {
        const PickleValue& pair = pickle_[item];
        if ((pair.kind != Kind::kList && pair.kind != Kind::kTuple) || pair.items.size() != 2)
          corrupt(path_, "its pickle makes a dictionary of what are no pairs");
        dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
      }
    }
    (void)push(std::move(dict));
  }

  void need(size_t count) const {
    const size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) corrupt(path_, "its pickle takes more values than it has given");
  }
  uint32_t pop() {
    need(1);
    return pop_from(stack_.size() - 1)[0];
  }
  std::vector<uint32_t> pop_from(size_t floor) {
    std::vector<uint32_t> items(stack_.begin() + static_cast<ptrdiff_t>(floor), stack_.end());
    stack_.resize(floor);
    return items;
  }
  std::vector<uint32_t> pop_to_mark() {
    if (marks_.empty()) corrupt(path_, "its pickle lacks a mark");
    const size_t floor = marks_.back();
    marks_.pop_back();
    return pop_from(floor);
  }
  void check_pairs(const std::vector<uint32_t>& items) const {
    if (items.size() % 2 != 0) corrupt(path_, "its pickle has a key without a value");
  }
  bool extend(Kind kind, const std::vector<uint32_t>& items) {
    need(1);
    PickleValue& target = pickle_.values[stack_.back()];
    if (target.kind != kind) corrupt(path_, "its pickle adds items to a value that has none");
    target.items.insert(target.items.end(), items.begin(), items.end());
    return true;
  }

  bool remember(size_t slot) {
    need(1);
    if (slot >= kMostValues) corrupt(path_, "its pickle has a memo of more than {} values", kMostValues);
    if (slot >= memo_.size()) memo_.resize(slot + 1, kNothing);
    if (memo_[slot] == kNothing) ++memoized_;
    memo_[slot] = stack_.back();
    return true;
  }
  bool recall(size_t slot) {
    if (slot >= memo_.size() || memo_[slot] == kNothing)
      corrupt(path_, "its pickle recalls value {}, which it has not stored", slot);
    stack_.push_back(memo_[slot]);
    return true;
  }

  static constexpr uint32_t kNothing = ~uint32_t{0};

  ByteReader reader_;
  const std::string& path_;
  FindSymbol find_symbol_;
  Pickle pickle_;
  std::vector<uint32_t> stack_, memo_;
  std::vector<size_t> marks_;
  size_t memoized_ = 0;  // slots in use: MEMOIZE takes the next
  size_t copied_ = 0;    // items of lists that became dictionaries
};

}  // namespace

Pickle read_pickle(std::string_view bytes, const std::string& path, FindSymbol find_symbol) {
  return Machine(bytes, path, find_symbol).run();
}

}  // namespace swan::io
