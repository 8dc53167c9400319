#include "io/safetensors_header.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/error.h"
#include "io/corrupt_file.h"

namespace swan::io {

namespace {

// The format's element types. Those without a DType are accepted in a header, so that a file that holds one can be used
// for its other tensors.
struct FileDType {
  std::string_view name;
  size_t bits;
  std::optional<DType> dtype;
};
constexpr std::array<FileDType, 20> kFileDTypes = {
    {{"F32", 32, DType::kF32},     {"F16", 16, DType::kF16},       {"BF16", 16, DType::kBF16},
     {"I8", 8, DType::kI8},        {"U8", 8, DType::kU8},          {"I32", 32, DType::kI32},
     {"I64", 64, DType::kI64},     {"F8_E4M3", 8, DType::kF8E4M3}, {"F8_E5M2", 8, DType::kF8E5M2},
     {"F64", 64, std::nullopt},    {"BOOL", 8, std::nullopt},      {"I16", 16, std::nullopt},
     {"U16", 16, std::nullopt},    {"U32", 32, std::nullopt},      {"U64", 64, std::nullopt},
     {"C64", 64, std::nullopt},    {"F8_E8M0", 8, std::nullopt},   {"F6_E2M3", 6, std::nullopt},
     {"F6_E3M2", 6, std::nullopt}, {"F4", 4, std::nullopt}}};

constexpr std::string_view kMetadata = "__metadata__";

// Reads the header as the events of a JSON parser, without building a document: a header of 100 MB of "[[[[" or of
// repeated keys then costs nothing.
class HeaderReader {
 public:
  using Json = nlohmann::json;

  HeaderReader(const std::string& path, SafetensorsHeader& header) : path_(path), header_(header) {}

  bool start_object(size_t /*size*/) {
    if (place_ == Place::kStart) return enter(Place::kTop);
    if (place_ == Place::kTop) {
      entry_ = {};
      seen_ = {};
      return enter(key_ == kMetadata ? Place::kMetadata : Place::kEntry);
    }
    unexpected("an object");
  }
  bool end_object() {
    if (place_ == Place::kEntry) finish_entry();
    return enter(place_ == Place::kTop ? Place::kEnd : Place::kTop);
  }
  bool key(std::string& name) {
    if (place_ == Place::kTop) {
      key_ = name;
      const bool again = name == kMetadata ? std::exchange(metadata_seen_, true) : header_.entries.contains(name);
      if (again) corrupt(path_, "its header names '{}' twice", shown(name));
    } else if (place_ == Place::kMetadata) {
      if (header_.metadata.contains(name)) corrupt(path_, "its metadata names '{}' twice", shown(name));
      field_ = name;
    } else {
      bool* seen = name == "dtype" ? &seen_.dtype : name == "shape" ? &seen_.shape : nullptr;
      if (name == "data_offsets") seen = &seen_.offsets;
      if (seen == nullptr) corrupt(path_, "tensor '{}' has an unknown field '{}'", shown(key_), shown(name));
      if (*seen) corrupt(path_, "tensor '{}' has '{}' twice", shown(key_), name);
      *seen = true;
      field_ = name;
    }
    return true;
  }
  bool start_array(size_t /*size*/) {
    if (place_ != Place::kEntry || field_ == "dtype") unexpected("a list");
    numbers_.clear();
    return enter(Place::kList);
  }
  bool end_array() {
    (field_ == "shape" ? shape_ : offsets_) = numbers_;
    return enter(Place::kEntry);
  }
  bool string(std::string& value) {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(field_, value);
    } else if (place_ == Place::kEntry && field_ == "dtype") {
      const auto* known = std::find_if(kFileDTypes.begin(), kFileDTypes.end(),
                                       [&](const FileDType& candidate) { return candidate.name == value; });
      if (known == kFileDTypes.end())
        corrupt(path_, "tensor '{}' has the unknown dtype '{}'", shown(key_), shown(value));
      dtype_ = known;
    } else {
      unexpected("a string");
    }
    return true;
  }
  bool number_unsigned(uint64_t value) {
    if (place_ != Place::kList) unexpected("a number");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))
      corrupt(path_, "tensor '{}' has {} in its {}, which overflows", shown(key_), value, field_);
    constexpr size_t kLongestList = 64;
    if (numbers_.size() == kLongestList) corrupt(path_, "tensor '{}' has a {} without end", shown(key_), field_);
    numbers_.push_back(static_cast<int64_t>(value));
    return true;
  }
  bool number_integer(int64_t value) {
    if (place_ != Place::kList) unexpected("a number");
    corrupt(path_, "tensor '{}' has the negative number {} in its {}", shown(key_), value, field_);
  }
  bool number_float(double /*value*/, const std::string& /*text*/) { unexpected("a fraction"); }
  bool boolean(bool /*value*/) { unexpected("a boolean"); }
  bool null() { unexpected("null"); }
  bool binary(Json::binary_t& /*value*/) { unexpected("binary data"); }
  bool parse_error(size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    corrupt(path_, "its header is not valid JSON at byte {} ({})", position, shown(error.what()));
  }

 private:
  enum class Place { kStart, kTop, kMetadata, kEntry, kList, kEnd };
  struct Seen {
    bool dtype = false, shape = false, offsets = false;
  };

  bool enter(Place place) {
    place_ = place;
    return true;
  }

  [[noreturn]] void unexpected(const char* what) const {
    switch (place_) {
      case Place::kStart:
      case Place::kEnd:
        corrupt(path_, "its header is not a JSON object");
      case Place::kTop:
        corrupt(path_, "its header has {} for '{}' instead of an object", what, shown(key_));
      case Place::kMetadata:
        corrupt(path_, "its metadata has {} for '{}' instead of a string", what, shown(field_));
      default:
        corrupt(path_, "tensor '{}' has {} in '{}'", shown(key_), what, field_);
    }
  }

  void finish_entry() {
    if (!seen_.dtype || !seen_.shape || !seen_.offsets)
      corrupt(path_, "tensor '{}' lacks its {}", shown(key_),
              !seen_.dtype ? "dtype" : (!seen_.shape ? "shape" : "data_offsets"));
    // A scalar where a list belongs has failed in unexpected() already; here both lists are whole.
    if (offsets_.size() != 2) corrupt(path_, "tensor '{}' has {} data_offsets, not 2", shown(key_), offsets_.size());
    entry_.shape = shape_in_file(path_, key_, shape_);
    entry_.begin = static_cast<size_t>(offsets_[0]);
    entry_.end = static_cast<size_t>(offsets_[1]);
    if (entry_.begin > entry_.end)
      corrupt(path_, "tensor '{}' ends at byte {}, before it begins at {}", shown(key_), entry_.end, entry_.begin);
    if (dtype_->dtype) {
      entry_.dtype = *dtype_->dtype;
    } else {
      entry_.unsupported_dtype = dtype_->name;
    }
    // Shape bounds numel so that 64 bits per element cannot overflow a byte count; sub-byte types divide first.
    const auto numel = static_cast<size_t>(entry_.shape.numel());
    const size_t expected =
        dtype_->bits >= 8 ? numel * (dtype_->bits / 8) : numel / 8 * dtype_->bits + (numel % 8 * dtype_->bits + 7) / 8;
    if (entry_.end - entry_.begin != expected)
      corrupt(path_, "tensor '{}' of {} {} takes {} bytes, but its data_offsets span {}", shown(key_), dtype_->name,
              entry_.shape, expected, entry_.end - entry_.begin);
    header_.entries.emplace(key_, std::move(entry_));
  }

  const std::string& path_;
  SafetensorsHeader& header_;
  Place place_ = Place::kStart;
  bool metadata_seen_ = false;
  std::string key_, field_;
  TensorEntry entry_;
  Seen seen_;
  const FileDType* dtype_ = nullptr;
  std::vector<int64_t> numbers_, shape_, offsets_;
};

void check_coverage(const std::string& path, const SafetensorsHeader& header, size_t data_bytes) {
  std::vector<const std::pair<const std::string, TensorEntry>*> order;
  order.reserve(header.entries.size());
  for (const auto& item : header.entries) order.push_back(&item);
  std::sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return std::pair(a->second.begin, a->second.end) < std::pair(b->second.begin, b->second.end);
  });
  size_t position = 0;
  for (const auto* item : order) {
    const auto& [name, entry] = *item;
    if (entry.end > data_bytes)
      corrupt(path, "tensor '{}' ends at byte {} of the data, but the file holds {}: it is truncated or damaged",
              shown(name), entry.end, data_bytes);
    if (entry.begin < position)
      corrupt(path, "tensor '{}' begins at byte {} of the data, inside the tensor before it, which ends at {}",
              shown(name), entry.begin, position);
    if (entry.begin > position)
      corrupt(path, "bytes {} to {} of the data, before tensor '{}', belong to no tensor", position, entry.begin,
              shown(name));
    position = entry.end;
  }
  if (position != data_bytes)
    corrupt(path, "its tensors take {} bytes, but {} follow the header", position, data_bytes);
}

}  // namespace

SafetensorsHeader parse_safetensors_header(const std::string& path, std::string_view json, size_t data_bytes) {
  // The parser below takes a byte order mark as blank and a zero byte as the end; the format allows neither.
  if (json.empty() || json.front() != '{') corrupt(path, "its header does not begin with '{{'");
  if (json.find('\0') != std::string_view::npos) corrupt(path, "its header contains a zero byte");
  SafetensorsHeader header;
  HeaderReader reader(path, header);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  check_coverage(path, header, data_bytes);
  return header;
}

const char* safetensors_dtype(DType dtype) noexcept {
  for (const FileDType& candidate : kFileDTypes)
    if (candidate.dtype == dtype) return candidate.name.data();
  return "";  // not reached: every DType is in the table
}

std::string make_safetensors_header(const std::map<std::string, TensorEntry>& entries,
                                    const std::map<std::string, std::string>& metadata) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  if (!metadata.empty()) json[std::string(kMetadata)] = metadata;
  for (const auto& [name, entry] : entries) {
    if (name == kMetadata) fail(ErrorCode::kInvalidArgument, "a tensor cannot be named '{}': it is reserved.", name);
    json[name] = {{"dtype", safetensors_dtype(entry.dtype)},
                  {"shape", std::vector<int64_t>(entry.shape.dims().begin(), entry.shape.dims().end())},
                  {"data_offsets", {entry.begin, entry.end}}};
  }
  std::string text;
  try {
    text = json.dump();
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::kInvalidArgument, "the names of tensors and the metadata must be UTF-8.");
  }
  text.append((8 - text.size() % 8) % 8, ' ');
  if (text.size() > kMaxHeaderBytes)
    fail(ErrorCode::kInvalidArgument, "a safetensors header of {} bytes: at most {} are allowed.", text.size(),
         kMaxHeaderBytes);
  std::string length(8, '\0');
  for (size_t i = 0; i < length.size(); ++i) length[i] = static_cast<char>(text.size() >> (8 * i) & 0xFF);
  return length + text;
}

}  // namespace swan::io
