#include "io/torch_pickle.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "io/corrupt_file.h"
#include "io/pickle.h"
#include "io/torch_symbols.h"

namespace swan::io {

namespace {

using Kind = PickleValue::Kind;

constexpr size_t kMostTensors = 200'000, kLongestName = 500;
constexpr int kDeepest = 16;

// Where a checkpoint keeps its state dict when other things are beside it. Weights as they are used come before those
// still being trained: "generator" is a distilled transformer (Self-Forcing) beside its critic.
constexpr std::array<std::string_view, 13> kStateDictKeys = {
    "state_dict", "model_state_dict", "model",   "module", "generator_ema", "generator", "params_ema", "params",
    "ema",        "ema_state_dict",   "network", "net",    "weights"};

std::string_view symbol_name(std::string_view name) {
  const TorchSymbol* symbol = find_torch_symbol(name);
  return symbol == nullptr ? std::string_view() : symbol->name;
}

bool add_overflows(int64_t a, int64_t b, int64_t& sum) { return __builtin_add_overflow(a, b, &sum); }
bool mul_overflows(int64_t a, int64_t b, int64_t& product) { return __builtin_mul_overflow(a, b, &product); }

class Reader {
 public:
  Reader(std::string_view bytes, const std::string& path)
      : path_(path), pickle_(read_pickle(bytes, path, symbol_name)), visited_(pickle_.values.size()) {}

  TorchPickle read() {
    result_.bytes = pickle_.bytes;
    for (const PickleValue& value : pickle_.values)
      if (value.kind == Kind::kPersistent) add_storage(value);
    const uint32_t root = pickle_.root;
    if (pickle_[root].kind != Kind::kDict)
      corrupt(path_, "it holds {}, not a dictionary of tensors",
              tensor_symbol(root) != nullptr ? "a tensor" : "some value of Python's");
    std::optional<Found> found = find_state_dict(root, 0);
    if (!found) found = Found{root, ""};
    result_.state_dict = found->where;
    visited_.assign(visited_.size(), false);
    flatten(found->dict, "", 0);
    if (result_.tensors.empty()) corrupt(path_, "it holds no tensors; its entries are {}", keys_of(pickle_[root]));
    return std::move(result_);
  }

 private:
  struct Storage {
    std::string key;
    TorchStorage storage;
    const TorchSymbol* type;
  };

  [[nodiscard]] const TorchSymbol* symbol(uint32_t value) const {
    return pickle_[value].kind == Kind::kSymbol ? find_torch_symbol(pickle_[value].text) : nullptr;
  }
  // The function that makes the value, if it is a tensor.
  [[nodiscard]] const TorchSymbol* tensor_symbol(uint32_t value) const {
    if (pickle_[value].kind != Kind::kCall) return nullptr;
    const TorchSymbol* function = symbol(pickle_[value].items[0]);
    const bool makes_tensor = function != nullptr && function->meaning != TorchMeaning::kIgnored &&
                              function->meaning != TorchMeaning::kElementType;
    return makes_tensor ? function : nullptr;
  }
  [[nodiscard]] std::string name_of(uint32_t key) const {
    const PickleValue& value = pickle_[key];
    if (value.kind == Kind::kInt) return std::to_string(value.number);
    if (value.kind != Kind::kString) corrupt(path_, "a tensor's name in it is no text");
    return std::string(value.text);
  }
  [[nodiscard]] std::string keys_of(const PickleValue& dict) const {
    constexpr size_t kShown = 8;
    std::string keys;
    for (size_t i = 0; i < std::min(dict.items.size(), 2 * kShown); i += 2)
      if (pickle_[dict.items[i]].kind == Kind::kString)
        keys += fmt::format("{}'{}'", keys.empty() ? "" : ", ", shown(pickle_[dict.items[i]].text));
    return keys.empty() ? "none" : keys;
  }

  // torch/serialization.py, persistent_id: ("storage", type, key, location, numel), and in legacy files a view of
  // another storage or None.
  [[nodiscard]] Storage storage_of(const PickleValue& reference) const {
    const PickleValue& id = pickle_[reference.items[0]];
    constexpr size_t kFields = 5;
    if (id.kind != Kind::kTuple || id.items.size() < kFields || pickle_[id.items[0]].text != "storage")
      corrupt(path_, "its pickle refers to what is no storage");
    const TorchSymbol* type = symbol(id.items[1]);
    const PickleValue &key = pickle_[id.items[2]], &numel = pickle_[id.items[4]];
    if (type == nullptr || type->meaning != TorchMeaning::kElementType || key.kind != Kind::kString ||
        numel.kind != Kind::kInt)
      corrupt(path_, "its pickle describes a storage in an unknown way");
    int64_t bytes = 0;
    if (numel.number < 0 || mul_overflows(numel.number, static_cast<int64_t>(type->element_bytes), bytes))
      corrupt(path_, "storage '{}' has {} elements", shown(key.text), numel.number);
    if (id.items.size() > kFields && pickle_[id.items[kFields]].kind != Kind::kNone)
      fail(ErrorCode::kUnsupported,
           "cannot read {}: its storage '{}' is a view of another, as old versions of torch wrote them; load it with "
           "torch and save it again.",
           path_, shown(key.text));
    return {.key = std::string(key.text),
            .storage = {.element_bytes = type->element_bytes, .numel = static_cast<size_t>(numel.number)},
            .type = type};
  }

  void add_storage(const PickleValue& reference) {
    Storage storage = storage_of(reference);
    const auto [there, added] = result_.storages.emplace(std::move(storage.key), storage.storage);
    if (!added && there->second.bytes() != storage.storage.bytes())
      corrupt(path_, "storage '{}' has {} bytes in one place and {} in another", shown(there->first),
              there->second.bytes(), storage.storage.bytes());
  }

  struct Found {
    uint32_t dict;
    std::string where;
  };

  // The dictionary with tensors of its own that a person would mean, at or below `dict`.
  std::optional<Found> find_state_dict(uint32_t dict, int depth) {
    if (depth > kDeepest || visited_[dict]) return std::nullopt;
    visited_[dict] = true;
    const std::vector<uint32_t>& items = pickle_[dict].items;
    const auto below = [&](size_t i) -> std::optional<Found> {
      if (pickle_[items[i]].kind != Kind::kString || pickle_[items[i + 1]].kind != Kind::kDict) return std::nullopt;
      auto found = find_state_dict(items[i + 1], depth + 1);
      if (found) found->where = shown(pickle_[items[i]].text) + (found->where.empty() ? "" : ".") + found->where;
      return found;
    };
    for (const std::string_view key : kStateDictKeys)
      for (size_t i = 0; i < items.size(); i += 2)
        if (pickle_[items[i]].text == key)
          if (auto found = below(i)) return found;
    for (size_t i = 1; i < items.size(); i += 2)
      if (tensor_symbol(items[i]) != nullptr) return Found{dict, ""};
    std::optional<Found> only;
    for (size_t i = 0; i < items.size(); i += 2)
      if (auto found = below(i)) {
        if (only) return std::nullopt;
        only = std::move(found);
      }
    return only;
  }

  void flatten(uint32_t dict, const std::string& prefix, int depth) {
    if (depth > kDeepest) corrupt(path_, "it holds dictionaries more than {} levels deep", kDeepest);
    if (visited_[dict]) corrupt(path_, "it holds the dictionary '{}' in two places", shown(prefix));
    visited_[dict] = true;
    const std::vector<uint32_t>& items = pickle_[dict].items;
    for (size_t i = 0; i < items.size(); i += 2) {
      const uint32_t value = items[i + 1];
      const bool tensor = tensor_symbol(value) != nullptr;
      if (!tensor && pickle_[value].kind != Kind::kDict) continue;
      const std::string name = (prefix.empty() ? "" : prefix + ".") + name_of(items[i]);
      if (name.size() > kLongestName) corrupt(path_, "a name in it has {} bytes: '{}'", name.size(), shown(name));
      if (!tensor) {
        flatten(value, name, depth + 1);
        continue;
      }
      if (result_.tensors.size() == kMostTensors) corrupt(path_, "it holds more than {} tensors", kMostTensors);
      if (!result_.tensors.emplace(name, read_tensor(value, name)).second)
        corrupt(path_, "it holds tensor '{}' twice", shown(name));
    }
  }

  // Follows wrappers down to the function that makes the tensor, and reads its arguments.
  [[nodiscard]] TorchTensor read_tensor(uint32_t value, const std::string& name) const {
    const TorchSymbol* function = tensor_symbol(value);
    const PickleValue* arguments = &pickle_[pickle_[value].items[1]];
    constexpr int kMostWrappers = 8;
    for (int i = 0; i < kMostWrappers; ++i) {
      if (function->meaning == TorchMeaning::kWrapper && !arguments->items.empty()) {
        const uint32_t inner = arguments->items[0];
        function = tensor_symbol(inner);
        if (function == nullptr) break;
        arguments = &pickle_[pickle_[inner].items[1]];
      } else if (function->meaning == TorchMeaning::kSubclass && arguments->items.size() >= 3) {
        function = symbol(arguments->items[0]);
        arguments = &pickle_[arguments->items[2]];
        if (function == nullptr || arguments->kind != Kind::kTuple) break;
      } else {
        return rebuild(*function, *arguments, name);
      }
    }
    corrupt(path_, "tensor '{}' is made in an unknown way", shown(name));
  }

  // torch/_utils.py, _rebuild_tensor: (storage, storage_offset, size, stride), v2: (..., requires_grad, backward_hooks,
  // metadata), v3: (..., requires_grad, backward_hooks, dtype, metadata).
  [[nodiscard]] TorchTensor rebuild(const TorchSymbol& function, const PickleValue& arguments,
                                    const std::string& name) const {
    TorchTensor tensor;
    if (function.meaning == TorchMeaning::kForeignTensor) {
      tensor.entry.unsupported_dtype = function.element_type;
      return tensor;
    }
    const bool typed = function.meaning == TorchMeaning::kTypedTensor;
    const std::vector<uint32_t>& items = arguments.items;
    const size_t metadata = typed ? 7 : 6;
    if ((!typed && function.meaning != TorchMeaning::kTensor) || items.size() < (typed ? 7U : 4U) ||
        pickle_[items[0]].kind != Kind::kPersistent || pickle_[items[1]].kind != Kind::kInt)
      corrupt(path_, "tensor '{}' is made in an unknown way", shown(name));
    const Storage storage = storage_of(pickle_[items[0]]);
    const TorchSymbol* type = typed ? symbol(items[6]) : storage.type;
    if (type == nullptr || type->meaning != TorchMeaning::kElementType)
      corrupt(path_, "tensor '{}' has no dtype", shown(name));

    tensor.storage = storage.key;
    tensor.strides = numbers(items[3], name);
    const std::vector<int64_t> sizes = numbers(items[2], name);
    if (sizes.size() != tensor.strides.size())
      corrupt(path_, "tensor '{}' has {} dimensions and {} strides", shown(name), sizes.size(), tensor.strides.size());
    tensor.entry.shape = shape_in_file(path_, name, sizes);
    if (type->dtype) {
      tensor.entry.dtype = *type->dtype;
    } else {
      tensor.entry.unsupported_dtype = type->element_type;
    }
    const bool flagged = items.size() > metadata && pickle_[items[metadata]].kind == Kind::kDict &&
                         !pickle_[items[metadata]].items.empty();
    if (flagged) tensor.entry.unsupported_dtype = fmt::format("{} (conjugated or negated)", type->element_type);
    place(tensor, pickle_[items[1]].number, storage.storage.bytes(), type->element_bytes, name);
    return tensor;
  }

  // Where the elements lie in the storage: checked against its bounds.
  void place(TorchTensor& tensor, int64_t offset, size_t storage_bytes, size_t element_bytes,
             const std::string& name) const {
    const Shape& shape = tensor.entry.shape;
    const auto available = static_cast<int64_t>(storage_bytes / element_bytes);
    int64_t last = offset, dense = 1;
    bool contiguous = true;
    for (auto i = static_cast<int>(shape.rank()) - 1; i >= 0; --i) {
      const int64_t stride = tensor.strides[static_cast<size_t>(i)];
      int64_t reach = 0;
      if (stride < 0 ||
          (shape.numel() > 0 && (mul_overflows(shape[i] - 1, stride, reach) || add_overflows(last, reach, last))))
        corrupt(path_, "tensor '{}' of shape {} has the stride {}", shown(name), shape, stride);
      if (shape[i] != 1) {
        contiguous = contiguous && stride == dense;
        dense *= shape[i];
      }
    }
    if (shape.numel() == 0) contiguous = true;
    if (offset < 0 || offset > available || (shape.numel() > 0 && last >= available))
      corrupt(path_, "tensor '{}' of shape {} at element {} leaves its storage '{}' of {} elements", shown(name), shape,
              offset, shown(tensor.storage), available);
    if (shape.numel() > available)
      fail(
          ErrorCode::kUnsupported,
          "cannot read {}: tensor '{}' of shape {} repeats the {} elements that are stored; save it with contiguous().",
          path_, shown(name), shape, available);
    tensor.entry.begin = static_cast<size_t>(offset) * element_bytes;
    tensor.entry.end = shape.numel() > 0 ? (static_cast<size_t>(last) + 1) * element_bytes : tensor.entry.begin;
    if (contiguous) tensor.strides.clear();
  }

  [[nodiscard]] std::vector<int64_t> numbers(uint32_t value, const std::string& name) const {
    const PickleValue& list = pickle_[value];
    constexpr size_t kMost = 64;
    if ((list.kind != Kind::kTuple && list.kind != Kind::kList) || list.items.size() > kMost)
      corrupt(path_, "tensor '{}' has no shape", shown(name));
    std::vector<int64_t> numbers;
    for (const uint32_t item : list.items) {
      if (pickle_[item].kind != Kind::kInt) corrupt(path_, "the shape of tensor '{}' is no numbers", shown(name));
      numbers.push_back(pickle_[item].number);
    }
    return numbers;
  }

  const std::string& path_;
  Pickle pickle_;
  std::vector<bool> visited_;
  TorchPickle result_;
};

}  // namespace

TorchPickle read_torch_pickle(std::string_view bytes, const std::string& path) { return Reader(bytes, path).read(); }

}  // namespace swan::io
