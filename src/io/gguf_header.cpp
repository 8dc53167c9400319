#include "io/gguf_header.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "io/byte_reader.h"

namespace swan::io {

namespace {

constexpr uint64_t kMostTensors = 200'000, kMostKeys = 100'000;
constexpr size_t kLongestName = 500, kLongestText = 1 << 20;
constexpr uint64_t kDefaultAlignment = 32, kLargestAlignment = 1 << 20;
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::string_view kShapeKey = "comfy.gguf.orig_shape.";

// docs/gguf.md, gguf_metadata_value_type
enum ValueType : uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kText,
  kArray,
  kU64,
  kI64,
  kF64,
  kValueTypes
};

class Parser {
 public:
  Parser(const std::string& path, std::string_view bytes, size_t file_bytes)
      : path_(path), reader_(bytes, path, "its header"), file_bytes_(file_bytes) {}

  GgufHeader parse() {
    (void)reader_.take(4);  // the magic, which has brought us here
    const auto version = reader_.number<uint32_t>();
    if ((version & 0xFFFF) == 0)
      fail(ErrorCode::kUnsupported, "cannot read {}: it is a big-endian GGUF file; use the little-endian one.", path_);
    if (version != 2 && version != 3)
      fail(ErrorCode::kUnsupported, "cannot read {}: it is of GGUF version {}; 2 and 3 are known. Convert it again.",
           path_, version);
    const auto tensors = reader_.number<uint64_t>(), keys = reader_.number<uint64_t>();
    if (tensors > kMostTensors || keys > kMostKeys)
      corrupt(path_, "its header claims {} tensors and {} keys; at most {} and {} are allowed", tensors, keys,
              kMostTensors, kMostKeys);
    for (uint64_t i = 0; i < keys; ++i) read_key();
    for (uint64_t i = 0; i < tensors; ++i) read_tensor();
    place_data();
    return std::move(header_);
  }

 private:
  std::string_view text() { return reader_.take(reader_.number<uint64_t>()); }
  std::string name() {
    const std::string_view name = text();
    if (name.size() > kLongestName || name.empty())
      corrupt(path_, "a name in its header has {} bytes: '{}'", name.size(), shown(name));
    return std::string(name);
  }

  void read_key() {
    const std::string key = name();
    const auto type = reader_.number<uint32_t>();
    if (!keys_.insert(key).second) corrupt(path_, "its header has '{}' twice", shown(key));
    if (type == kArray) {
      read_array(key);
      return;
    }
    const std::string value = read_value(type, key);
    if (key == kAlignmentKey) {
      if (type != kU32 || !std::has_single_bit(number_) || number_ > kLargestAlignment || number_ < 8)
        corrupt(path_, "its '{}' is {}; a power of two is needed", key, shown(value));
      alignment_ = number_;
    }
    header_.metadata.emplace(key, value);
  }

  template <typename T>
  std::string number() {
    return fmt::format("{}", reader_.number<T>());
  }

  std::string read_value(uint32_t type, const std::string& key) {
    switch (type) {
      case kU8:
        return number<uint8_t>();
      case kI8:
        return number<int8_t>();
      case kU16:
        return number<uint16_t>();
      case kI16:
        return number<int16_t>();
      case kU32:
        number_ = reader_.number<uint32_t>();
        return fmt::format("{}", number_);
      case kI32:
        return number<int32_t>();
      case kU64:
        return number<uint64_t>();
      case kI64:
        return number<int64_t>();
      case kF32:
        return number<float>();
      case kF64:
        return number<double>();
      case kBool:
        return reader_.number<uint8_t>() != 0 ? "true" : "false";
      case kText: {
        const std::string_view value = text();
        if (value.size() > kLongestText)
          corrupt(path_, "'{}' in its header has {} bytes; at most {} are allowed", key, value.size(), kLongestText);
        return std::string(value);
      }
      default:
        corrupt(path_, "'{}' in its header is of the unknown type {}", key, type);
    }
  }

  // Lists are vocabularies and the like, which are skipped, but for shapes.
  void read_array(const std::string& key) {
    const auto type = reader_.number<uint32_t>();
    const auto count = reader_.number<uint64_t>();
    if (key.starts_with(kShapeKey)) {
      if (type != kI32 || count > Shape::kMaxRank)
        corrupt(path_, "'{}' in its header is no shape: {} values of type {}", shown(key), count, type);
      std::vector<int64_t> dims;
      for (uint64_t i = 0; i < count; ++i) dims.push_back(reader_.number<int32_t>());
      shapes_.emplace(key.substr(kShapeKey.size()), std::move(dims));
      return;
    }
    constexpr std::array<uint8_t, kValueTypes> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    if (type >= kValueTypes || type == kArray)
      corrupt(path_, "'{}' in its header is a list of the unknown type {}", shown(key), type);
    if (type == kText) {
      for (uint64_t i = 0; i < count; ++i) (void)text();  // 8 bytes each at least: it ends
      return;
    }
    if (count > kLargestGgufHeader) corrupt(path_, "'{}' in its header is a list of {} values", shown(key), count);
    (void)reader_.take(count * kBytes[type]);
  }

  void read_tensor() {
    const std::string name = this->name();
    GgufTensor tensor;
    const auto rank = reader_.number<uint32_t>();
    constexpr uint32_t kMostDimensions = 64;
    if (rank > kMostDimensions) corrupt(path_, "tensor '{}' has {} dimensions", shown(name), rank);
    std::vector<int64_t> dims(rank);  // the file lists the innermost first
    for (size_t i = dims.size(); i-- > 0;) dims[i] = static_cast<int64_t>(reader_.number<uint64_t>());
    const auto id = reader_.number<uint32_t>();
    const auto offset = reader_.number<uint64_t>();
    tensor.type = find_gguf_type(id);
    if (tensor.type == nullptr)
      fail(ErrorCode::kUnsupported,
           "cannot read {}: tensor '{}' is of GGUF's type {}, which is not known; use a file of another quantisation.",
           path_, name, id);
    const BlockFormat& format = tensor.type->format;
    const int64_t row = dims.empty() ? 1 : dims.back();
    if (row % format.block != 0)
      corrupt(path_, "tensor '{}' has rows of {} elements, which are no blocks of {}'s {}", name, row, format.name,
              format.block);
    tensor.entry.shape = shape_in_file(path_, name, dims);
    if (const auto original = shapes_.find(name); original != shapes_.end()) {
      const Shape shape = shape_in_file(path_, name, original->second);
      if (shape.numel() != tensor.entry.shape.numel())
        corrupt(path_, "tensor '{}' of shape {} has {} as its original shape", name, tensor.entry.shape, shape);
      tensor.entry.shape = shape;
    }
    const auto blocks = static_cast<uint64_t>(tensor.entry.shape.numel() / format.block);
    if (offset > file_bytes_ || blocks > file_bytes_ / format.block_bytes)
      corrupt(path_,
              "tensor '{}' of {} {} at byte {} of the data does not fit into the file: it is truncated or damaged",
              name, format.name, tensor.entry.shape, offset);
    tensor.entry.begin = offset;
    tensor.entry.end = offset + blocks * format.block_bytes;
    if (tensor.type->dtype) {
      tensor.entry.dtype = *tensor.type->dtype;
    } else {
      tensor.entry.unsupported_dtype = format.name;
    }
    if (!header_.tensors.emplace(name, std::move(tensor)).second) corrupt(path_, "its header names '{}' twice", name);
  }

  void place_data() {
    header_.data_offset = (reader_.position() + alignment_ - 1) / alignment_ * alignment_;
    if (header_.tensors.empty()) return;
    if (header_.data_offset > file_bytes_) corrupt(path_, "it ends before its data: it is truncated");
    const size_t data_bytes = file_bytes_ - header_.data_offset;
    std::vector<const std::pair<const std::string, GgufTensor>*> order;
    order.reserve(header_.tensors.size());
    for (const auto& item : header_.tensors) order.push_back(&item);
    std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
      return std::pair(a->second.entry.begin, a->second.entry.end) <
             std::pair(b->second.entry.begin, b->second.entry.end);
    });
    size_t position = 0;
    for (const auto* item : order) {
      const TensorEntry& entry = item->second.entry;
      if (entry.begin % alignment_ != 0)
        corrupt(path_, "tensor '{}' begins at byte {} of the data, which is no multiple of {}", item->first,
                entry.begin, alignment_);
      if (entry.begin < position)
        corrupt(path_, "tensor '{}' begins at byte {} of the data, inside the tensor before it, which ends at {}",
                item->first, entry.begin, position);
      if (entry.end > data_bytes)
        corrupt(path_, "tensor '{}' ends at byte {} of the data, but the file holds {}: it is truncated or damaged",
                item->first, entry.end, data_bytes);
      position = entry.end;
    }
  }

  const std::string& path_;
  ByteReader reader_;
  size_t file_bytes_;
  GgufHeader header_;
  uint64_t alignment_ = kDefaultAlignment;
  uint32_t number_ = 0;  // the last u32 that was read as a value
  std::set<std::string> keys_;
  std::map<std::string, std::vector<int64_t>> shapes_;
};

}  // namespace

GgufHeader parse_gguf_header(const std::string& path, std::string_view bytes, size_t file_bytes) {
  return Parser(path, bytes, file_bytes).parse();
}

}  // namespace swan::io
