#include "io/torch_file.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/parallel.h"
#include "io/corrupt_file.h"
#include "io/pickle.h"
#include "io/system.h"
#include "io/torch_pickle.h"
#include "io/zip_directory.h"

namespace swan::io {

namespace {

constexpr size_t kLargestPickle = 32 << 20;  // of models of 14 billion parameters: 0.2 MB

constexpr std::string_view kZipStart = "PK\3\4";
// A pickle of the number 0x1950a86a20f9469cfc6c. Ref: torch/serialization.py, MAGIC_NUMBER
constexpr std::string_view kMagic("\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 10);
constexpr std::string_view kMagicPickle("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);

using StorageOffsets = std::map<std::string, size_t>;

struct Contents {
  TorchPickle pickle;
  StorageOffsets offsets;
};

[[noreturn]] void big_endian(const std::string& path) {
  fail(ErrorCode::kUnsupported,
       "cannot read {}: it was saved on a machine of big-endian byte order; save it again on another.", path);
}

// ARCHIVE/data.pkl, ARCHIVE/byteorder, ARCHIVE/data/KEY and others, ARCHIVE being any name.
// Ref: torch/serialization.py, _save; caffe2/serialize/inline_container.cc
Contents read_archive(const OpenFile& file, const std::string& path) {
  constexpr std::string_view kPickleName = "/data.pkl";
  const auto directory = read_zip_directory(file, path);
  const auto is_pickle = [&](const auto& item) {
    return item.first.ends_with(kPickleName) && item.first.find('/') == item.first.size() - kPickleName.size();
  };
  const auto found = std::find_if(directory.begin(), directory.end(), is_pickle);
  if (found == directory.end())
    corrupt(path, "it is a zip archive without 'data.pkl', which torch.save writes; give the file of weights itself");
  if (std::find_if(std::next(found), directory.end(), is_pickle) != directory.end())
    corrupt(path, "it is a zip archive with 'data.pkl' in two places");
  const std::string archive = found->first.substr(0, found->first.size() - kPickleName.size());

  const auto entry = [&](const std::string& name) {
    const auto it = directory.find(archive + name);
    if (it == directory.end()) corrupt(path, "it is a zip archive that lacks '{}'", shown(archive + name));
    if (!it->second.stored)
      fail(
          ErrorCode::kUnsupported,
          "cannot read {}: '{}' in it is compressed, which torch.save never does; unpack the archive and pack it again "
          "without compression (zip -0 -r).",
          path, shown(it->first));
    return it->second;
  };
  const auto small_file = [&](const std::string& name, size_t most_bytes) {
    const ZipEntry at = entry(name);
    if (at.bytes > most_bytes)
      corrupt(path, "'{}' in it has {} bytes; at most {} are allowed", shown(archive + name), at.bytes, most_bytes);
    return read_at(file, path, at.offset, at.bytes);
  };
  constexpr size_t kLongestByteOrder = 64;
  if (directory.contains(archive + "/byteorder") && small_file("/byteorder", kLongestByteOrder) != "little")
    big_endian(path);
  if (directory.contains(archive + "/constants.pkl"))
    fail(ErrorCode::kUnsupported,
         "cannot read {}: it is a TorchScript program; save the state dict of the module in it instead.", path);

  const std::string bytes = small_file(std::string(kPickleName), kLargestPickle);
  Contents contents{.pickle = read_torch_pickle(bytes, path), .offsets = {}};
  for (const auto& [key, storage] : contents.pickle.storages) {
    const ZipEntry at = entry("/data/" + key);
    if (at.bytes != storage.bytes())
      corrupt(path, "storage '{}' should have {} bytes, but {} are stored", shown(key), storage.bytes(), at.bytes);
    contents.offsets[key] = at.offset;
  }
  return contents;
}

std::string_view no_symbol(std::string_view /*name*/) { return {}; }

const PickleValue* value_of(const Pickle& dict, std::string_view key) {
  const PickleValue& root = dict[dict.root];
  if (root.kind != PickleValue::Kind::kDict) return nullptr;
  for (size_t i = 0; i < root.items.size(); i += 2)
    if (dict[root.items[i]].text == key) return &dict[root.items[i + 1]];
  return nullptr;
}

// Before torch 1.6: pickles of the magic number, the version, the machine, the object and the keys of its storages, one
// after the other, and then for each key the number of elements, in 8 bytes, and the elements.
// Ref: torch/serialization.py, _legacy_save
Contents read_legacy(const OpenFile& file, const std::string& path) {
  const std::string start = read_at(file, path, 0, std::min(file.bytes, kLargestPickle));
  std::string_view rest = start;
  const auto next = [&](FindSymbol find_symbol = no_symbol) {
    Pickle pickle = read_pickle(rest, path, find_symbol);
    rest.remove_prefix(pickle.bytes);
    return pickle;
  };
  const Pickle magic = next();
  if (magic[magic.root].text != kMagic) corrupt(path, "it does not begin with torch's magic number");
  const Pickle version = next();
  constexpr int64_t kVersion = 1001;
  if (version[version.root].number != kVersion)
    fail(ErrorCode::kUnsupported, "cannot read {}: it is of version {} of torch's legacy format; {} is known.", path,
         version[version.root].number, kVersion);
  const Pickle machine = next();
  const PickleValue* little = value_of(machine, "little_endian");
  if (little == nullptr || little->number != 1) big_endian(path);

  Contents contents{.pickle = read_torch_pickle(rest, path), .offsets = {}};
  rest.remove_prefix(contents.pickle.bytes);
  const Pickle keys = next();
  if (keys[keys.root].kind != PickleValue::Kind::kList) corrupt(path, "it has no list of its storages");
  size_t position = start.size() - rest.size();
  for (const uint32_t item : keys[keys.root].items) {
    const std::string key(keys[item].text);
    const auto storage = contents.pickle.storages.find(key);
    if (storage == contents.pickle.storages.end() || contents.offsets.contains(key))
      corrupt(path, "it lists storage '{}', which is in none of its tensors, or twice", shown(key));
    uint64_t numel = 0;
    const std::string count = read_at(file, path, position, sizeof(numel));
    std::memcpy(&numel, count.data(), sizeof(numel));
    position += sizeof(numel);
    if (numel != storage->second.numel)
      corrupt(path, "storage '{}' should have {} elements, but {} are stored", shown(key), storage->second.numel,
              numel);
    if (storage->second.bytes() > file.bytes - position)
      corrupt(path, "storage '{}' of {} bytes ends behind the file: it is truncated", shown(key),
              storage->second.bytes());
    contents.offsets[key] = position;
    position += storage->second.bytes();
  }
  if (contents.offsets.size() != contents.pickle.storages.size())
    corrupt(path, "it lists {} storages, but its tensors have {}", contents.offsets.size(),
            contents.pickle.storages.size());
  return contents;
}

// Elements of `bytes` each, in row-major order, from where they lie `strides` apart.
template <typename T>
void gather(const char* source, const Shape& shape, const std::vector<int64_t>& strides, Tensor& out) {
  const auto rank = static_cast<int>(shape.rank());
  const int64_t row = shape[rank - 1], stride = strides.back(), rows = shape.numel() / row;
  auto* target = static_cast<T*>(out.raw_mut());
  constexpr int64_t kGrain = 16384;  // elements
  parallel_ranges(rows, std::max<int64_t>(1, kGrain / row), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      int64_t offset = 0;
      for (int64_t i = rank - 2, rest = r; i >= 0; --i) {
        offset += rest % shape[static_cast<int>(i)] * strides[static_cast<size_t>(i)];
        rest /= shape[static_cast<int>(i)];
      }
      for (int64_t c = 0; c < row; ++c)  // the source may be unaligned
        std::memcpy(target + r * row + c, source + static_cast<size_t>(offset + c * stride) * sizeof(T), sizeof(T));
    }
  });
}

}  // namespace

bool TorchFile::is_one(std::string_view start) noexcept {
  return start.starts_with(kZipStart) || start.starts_with(kMagicPickle);
}

std::shared_ptr<const TorchFile> TorchFile::open(const std::string& path) {
  OpenFile opened = open_file(path);
  const std::string start = read_at(opened, path, 0, std::min(opened.bytes, kZipStart.size()));
  Contents contents = start == kZipStart ? read_archive(opened, path) : read_legacy(opened, path);
  const std::shared_ptr<TorchFile> file(new TorchFile(path));
  for (auto& [name, tensor] : contents.pickle.tensors) {
    const auto at = contents.offsets.find(tensor.storage);  // tensors that Swan cannot read have none
    file->add(name, std::move(tensor), at == contents.offsets.end() ? 0 : at->second);
  }
  file->metadata_["state_dict"] = contents.pickle.state_dict;
  file->mapping_ = MappedFile::map(std::move(opened), path);
  return file;
}

void TorchFile::add(const std::string& name, TorchTensor tensor, size_t storage_offset) {
  tensor.entry.begin += storage_offset;
  tensor.entry.end += storage_offset;
  entries_.emplace(name, std::move(tensor.entry));
  if (!tensor.strides.empty()) strides_.emplace(name, std::move(tensor.strides));
}

Tensor TorchFile::read(const std::string& name, const TensorEntry& entry) const {
  const auto strided = strides_.find(name);
  if (strided == strides_.end()) return mapping_->tensor(name, entry.begin, entry.shape, entry.dtype);
  mapping_->check_length(name);
  Tensor out = Tensor::empty(entry.shape, entry.dtype);
  const char* source = mapping_->data() + entry.begin;
  switch (size_of(entry.dtype)) {
    case 1:
      gather<uint8_t>(source, entry.shape, strided->second, out);
      break;
    case 2:
      gather<uint16_t>(source, entry.shape, strided->second, out);
      break;
    case 4:
      gather<uint32_t>(source, entry.shape, strided->second, out);
      break;
    default:
      gather<uint64_t>(source, entry.shape, strided->second, out);
  }
  return out;
}

}  // namespace swan::io
