#include "io/zip_directory.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "io/byte_reader.h"

namespace swan::io {

namespace {

constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50, kEndSignature = 0x06054b50;
constexpr uint32_t kEnd64Signature = 0x06064b50, kLocator64Signature = 0x07064b50;
constexpr size_t kLocalBytes = 30, kEndBytes = 22, kLocatorBytes = 20, kEnd64Bytes = 56, kLongestComment = 65535;
// A model of 40 GB has a few thousand tensors.
constexpr uint64_t kMostEntries = 200'000, kLargestDirectory = 64 << 20;
constexpr uint16_t kMax16 = 0xFFFF;
constexpr uint32_t kMax32 = 0xFFFFFFFF;

struct Directory {
  uint64_t offset = 0, bytes = 0, entries = 0;
};

// What the directory says of a file, before its local header is looked at.
struct CentralEntry {
  std::string name;
  uint16_t method = 0;
  uint64_t header_offset = 0, bytes = 0, plain_bytes = 0;
};

[[noreturn]] void several_volumes(const std::string& path) {
  fail(ErrorCode::kUnsupported, "cannot read {}: it is one of several volumes of a zip archive; join them first.",
       path);
}

// The fields of a zip64 archive, whose 32-bit ones hold nothing.
std::optional<Directory> find_directory64(const OpenFile& file, const std::string& path, size_t end_offset) {
  if (end_offset < kLocatorBytes + kEnd64Bytes) return std::nullopt;
  const std::string locator_bytes = read_at(file, path, end_offset - kLocatorBytes, kLocatorBytes);
  ByteReader locator(locator_bytes, path, "the locator of its directory");
  if (locator.number<uint32_t>() != kLocator64Signature) return std::nullopt;
  (void)locator.number<uint32_t>();  // the volume of the next
  const auto offset = locator.number<uint64_t>();
  if (locator.number<uint32_t>() > 1) several_volumes(path);
  if (offset > end_offset - kLocatorBytes - kEnd64Bytes)
    corrupt(path, "its zip directory should be described at byte {}, which is not before its end", offset);
  const std::string end_bytes = read_at(file, path, offset, kEnd64Bytes);
  ByteReader end(end_bytes, path, "the end of its directory");
  if (end.number<uint32_t>() != kEnd64Signature)
    corrupt(path, "its zip directory is not described at byte {}, where it should be", offset);
  (void)end.take(8 + 2 + 2 + 4 + 4);  // size of this record, versions, volumes
  const auto here = end.number<uint64_t>(), entries = end.number<uint64_t>();
  if (here != entries) several_volumes(path);
  const auto bytes = end.number<uint64_t>();
  return Directory{.offset = end.number<uint64_t>(), .bytes = bytes, .entries = entries};
}

Directory find_directory(const OpenFile& file, const std::string& path) {
  const size_t tail_bytes = std::min(file.bytes, kEndBytes + kLongestComment);
  const std::string tail = read_at(file, path, file.bytes - tail_bytes, tail_bytes);
  for (size_t at = tail_bytes; at-- > 0;) {
    if (tail_bytes - at < kEndBytes || tail[at] != 'P') continue;
    ByteReader end(std::string_view(tail).substr(at), path, "the end of its directory");
    if (end.number<uint32_t>() != kEndSignature) continue;
    const auto volume = end.number<uint16_t>(), first_volume = end.number<uint16_t>();
    const auto here = end.number<uint16_t>(), entries = end.number<uint16_t>();
    const auto bytes = end.number<uint32_t>(), offset = end.number<uint32_t>();
    if (end.number<uint16_t>() != end.left()) continue;  // a signature within the comment
    const size_t end_offset = file.bytes - tail_bytes + at;
    auto directory = find_directory64(file, path, end_offset);
    if (!directory) {
      if (volume != 0 || first_volume != 0 || here != entries) several_volumes(path);
      directory = Directory{.offset = offset, .bytes = bytes, .entries = entries};
    }
    if (directory->offset > end_offset || directory->bytes > end_offset - directory->offset)
      corrupt(path, "its zip directory of {} bytes at byte {} does not lie within the file", directory->bytes,
              directory->offset);
    if (directory->bytes > kLargestDirectory || directory->entries > kMostEntries)
      corrupt(path, "its zip directory claims {} bytes and {} entries; at most {} and {} are allowed", directory->bytes,
              directory->entries, kLargestDirectory, kMostEntries);
    return *directory;
  }
  corrupt(path, "it begins as a zip archive but has no directory at its end: it is truncated");
}

// Replaces those sizes that did not fit into 32 bits. Ref: APPNOTE 4.5.3
void apply_zip64(std::string_view extra, const std::string& path, CentralEntry& entry) {
  ByteReader fields(extra, path, "an extra field of its directory");
  constexpr size_t kFieldHeader = 4;
  while (fields.left() >= kFieldHeader) {
    const auto id = fields.number<uint16_t>();
    const auto bytes = fields.number<uint16_t>();
    const std::string_view field = fields.take(bytes);
    if (id != 1) continue;
    ByteReader values(field, path, "a zip64 field of its directory");
    for (uint64_t* value : {&entry.plain_bytes, &entry.bytes, &entry.header_offset})
      if (*value == kMax32) *value = values.number<uint64_t>();
    return;
  }
}

CentralEntry read_central(ByteReader& directory, const std::string& path) {
  if (directory.number<uint32_t>() != kCentralSignature) corrupt(path, "its zip directory is damaged");
  CentralEntry entry;
  (void)directory.take(2 + 2);  // versions
  const auto flags = directory.number<uint16_t>();
  entry.method = directory.number<uint16_t>();
  (void)directory.take(2 + 2 + 4);  // time, date, checksum
  entry.bytes = directory.number<uint32_t>();
  entry.plain_bytes = directory.number<uint32_t>();
  const auto name_bytes = directory.number<uint16_t>(), extra_bytes = directory.number<uint16_t>();
  const auto comment_bytes = directory.number<uint16_t>(), volume = directory.number<uint16_t>();
  (void)directory.take(2 + 4);  // attributes
  entry.header_offset = directory.number<uint32_t>();
  entry.name = directory.take(name_bytes);
  apply_zip64(directory.take(extra_bytes), path, entry);
  (void)directory.take(comment_bytes);
  if (volume != 0 && volume != kMax16) several_volumes(path);
  constexpr unsigned kEncrypted = 1;
  if ((flags & kEncrypted) != 0)
    fail(ErrorCode::kUnsupported, "cannot read {}: its entry '{}' is encrypted; decrypt the archive first.", path,
         shown(entry.name));
  return entry;
}

// Where the bytes of an entry begin, from the header in front of them.
size_t data_offset(const OpenFile& file, const std::string& path, const CentralEntry& entry, uint64_t limit) {
  const size_t header_bytes = kLocalBytes + entry.name.size();
  if (entry.header_offset > limit || header_bytes > limit - entry.header_offset)
    corrupt(path, "its entry '{}' should begin at byte {}, which is not before its directory", shown(entry.name),
            entry.header_offset);
  const std::string bytes = read_at(file, path, entry.header_offset, header_bytes);
  ByteReader header(bytes, path, "the header of an entry");
  if (header.number<uint32_t>() != kLocalSignature)
    corrupt(path, "its entry '{}' is not at byte {}, where its directory says it is", shown(entry.name),
            entry.header_offset);
  (void)header.take(2 + 2);  // version, flags
  const auto method = header.number<uint16_t>();
  (void)header.take(2 + 2 + 4 + 4 + 4);  // time, date, checksum and sizes, which may stand behind the data instead
  const auto name_bytes = header.number<uint16_t>(), extra_bytes = header.number<uint16_t>();
  if (name_bytes != entry.name.size() || header.take(name_bytes) != entry.name || method != entry.method)
    corrupt(path, "its directory and the header of its entry '{}' contradict each other", shown(entry.name));
  const uint64_t offset = entry.header_offset + header_bytes + extra_bytes;
  if (offset > limit || entry.bytes > limit - offset)
    corrupt(path, "its entry '{}' of {} bytes at byte {} does not end before its directory", shown(entry.name),
            entry.bytes, offset);
  return offset;
}

}  // namespace

std::map<std::string, ZipEntry> read_zip_directory(const OpenFile& file, const std::string& path) {
  const Directory directory = find_directory(file, path);
  const std::string bytes = read_at(file, path, directory.offset, directory.bytes);
  ByteReader reader(bytes, path, "its zip directory");
  std::map<std::string, ZipEntry> entries;
  struct Range {
    size_t begin, end;
    const std::string* name;
  };
  std::vector<Range> ranges;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const CentralEntry central = read_central(reader, path);
    const size_t offset = data_offset(file, path, central, directory.offset);
    const bool stored = central.method == 0;
    if (stored && central.bytes != central.plain_bytes)
      corrupt(path, "its entry '{}' is stored in {} bytes but has {}", shown(central.name), central.bytes,
              central.plain_bytes);
    const auto [there, added] =
        entries.emplace(central.name, ZipEntry{.offset = offset, .bytes = central.bytes, .stored = stored});
    if (!added) corrupt(path, "it holds '{}' twice", shown(central.name));
    ranges.push_back({central.header_offset, offset + central.bytes, &there->first});
  }
  if (reader.left() > 0) corrupt(path, "its zip directory has {} bytes behind its last entry", reader.left());
  std::sort(ranges.begin(), ranges.end(), [](const Range& a, const Range& b) { return a.begin < b.begin; });
  for (size_t i = 1; i < ranges.size(); ++i)
    if (ranges[i].begin < ranges[i - 1].end)
      corrupt(path, "its entries '{}' and '{}' overlap", shown(*ranges[i - 1].name), shown(*ranges[i].name));
  return entries;
}

}  // namespace swan::io
