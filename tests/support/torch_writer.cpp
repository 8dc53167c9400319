#include "support/torch_writer.h"

#include <stdexcept>

#include "support/gguf_writer.h"

namespace swan::support {

namespace {

std::string u16(uint64_t value) { return little_endian(static_cast<uint16_t>(value)); }
std::string u32(uint64_t value) { return little_endian(static_cast<uint32_t>(value)); }
std::string u64(uint64_t value) { return little_endian(value); }

const char* storage_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "FloatStorage";
    case DType::kF16:
      return "HalfStorage";
    case DType::kBF16:
      return "BFloat16Storage";
    case DType::kI8:
      return "CharStorage";
    case DType::kU8:
      return "ByteStorage";
    case DType::kI32:
      return "IntStorage";
    case DType::kI64:
      return "LongStorage";
    default:
      throw std::invalid_argument("a torch file is made of other dtypes only");
  }
}

}  // namespace

std::string make_zip(const std::vector<ZipItem>& items, bool zip64) {
  constexpr size_t kAlignment = 64, kLocalHeader = 30, kFieldHeader = 4;
  std::string file, directory;
  for (const ZipItem& item : items) {
    const uint64_t header = file.size() + static_cast<uint64_t>(item.move_header);
    const uint64_t size = item.bytes.size() + static_cast<uint64_t>(item.more_bytes);
    std::string padding;
    if (item.aligned) {
      const size_t end = file.size() + kLocalHeader + item.local_name.size() + kFieldHeader;
      const size_t needed = (kAlignment - end % kAlignment) % kAlignment;
      padding = "FB" + u16(needed) + std::string(needed, 'Z');
    }
    // As torch writes it: sizes are in the directory alone.
    file += "PK\3\4" + u16(20) + u16(item.flags) + u16(item.method) + u32(0) + u32(0) + u32(0) + u32(0) +
            u16(item.local_name.size()) + u16(padding.size()) + item.local_name + padding + item.bytes;
    const std::string extra = zip64 ? u16(1) + u16(24) + u64(size) + u64(size) + u64(header) : "";
    const uint64_t absent = 0xFFFFFFFF;
    directory += "PK\1\2" + u16(20) + u16(20) + u16(item.flags) + u16(item.method) + u32(0) + u32(0) +
                 u32(zip64 ? absent : size) + u32(zip64 ? absent : size) + u16(item.name.size()) + u16(extra.size()) +
                 u16(0) + u16(0) + u16(0) + u32(0) + u32(zip64 ? absent : header) + item.name + extra;
  }
  const uint64_t at = file.size(), end = at + directory.size(), count = items.size();
  file += directory;
  if (zip64) {
    file += "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(count) + u64(count) + u64(directory.size()) +
            u64(at);
    file += "PK\6\7" + u32(0) + u64(end) + u32(1);
    return file + "PK\5\6" + u16(0) + u16(0) + u16(0xFFFF) + u16(0xFFFF) + u32(~0U) + u32(~0U) + u16(0);
  }
  return file + "PK\5\6" + u16(0) + u16(0) + u16(count) + u16(count) + u32(directory.size()) + u32(at) + u16(0);
}

PickleWriter& PickleWriter::op(std::string_view bytes) {
  bytes_ += bytes;
  return *this;
}
PickleWriter& PickleWriter::text(std::string_view value) { return op("X").op(u32(value.size())).op(value); }
PickleWriter& PickleWriter::number(int64_t value) {
  if (value == static_cast<int32_t>(value)) return op("J").op(u32(static_cast<uint64_t>(value)));
  return op("\x8a\x08").op(u64(static_cast<uint64_t>(value)));
}
PickleWriter& PickleWriter::global(std::string_view module, std::string_view name) {
  return op("c").op(module).op("\n").op(name).op("\n");
}
PickleWriter& PickleWriter::numbers(const std::vector<int64_t>& values) {
  op("(");
  for (const int64_t value : values) number(value);
  return op("t");
}
PickleWriter& PickleWriter::tensor(std::string_view storage_type, std::string_view key, int64_t numel, int64_t offset,
                                   const std::vector<int64_t>& shape, const std::vector<int64_t>& strides) {
  global("torch._utils", "_rebuild_tensor_v2").op("(");
  op("(").text("storage").global("torch", storage_type).text(key).text("cpu").number(numel).op("tQ");
  number(offset).numbers(shape).numbers(strides);
  return op("\x89").global("collections", "OrderedDict").op(")RtR");
}
std::string PickleWriter::finish() const { return "\x80\x02" + bytes_ + "."; }

std::vector<ZipItem> torch_items(const std::string& pickle, const std::map<std::string, std::string>& storages) {
  std::vector<ZipItem> items = {{.name = "archive/data.pkl", .bytes = pickle},
                                {.name = "archive/byteorder", .bytes = "little"}};
  for (const auto& [key, bytes] : storages) items.push_back({.name = "archive/data/" + key, .bytes = bytes});
  items.push_back({.name = "archive/version", .bytes = "3\n"});
  return items;
}

std::string make_torch_file(const std::map<std::string, Tensor>& tensors, const std::string& key) {
  PickleWriter pickle;
  std::map<std::string, std::string> storages;
  if (!key.empty()) pickle.op("}").text(key);
  pickle.op("}(");
  for (const auto& [name, tensor] : tensors) {
    const std::string storage = std::to_string(storages.size());
    const auto dims = tensor.shape().dims();
    std::vector<int64_t> strides(dims.size(), 1);
    for (size_t i = dims.size(); i-- > 1;) strides[i - 1] = strides[i] * dims[i];
    pickle.text(name).tensor(storage_type(tensor.dtype()), storage, tensor.numel(), 0, {dims.begin(), dims.end()},
                             strides);
    storages[storage].assign(static_cast<const char*>(tensor.raw()), tensor.nbytes());
  }
  pickle.op("u");
  if (!key.empty()) pickle.op("s");
  return make_zip(torch_items(pickle.finish(), storages));
}

}  // namespace swan::support
