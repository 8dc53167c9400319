#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/system.h"

namespace swan::hub {

/// Bytes that a file takes on its disk, which for one with holes are fewer than its size; 0 when there is none.
[[nodiscard]] uint64_t bytes_on_disk(const std::string& path);

/// A file that comes in pieces, in any order, and of which a process that is killed leaves what has come:
///   <blob>.swan.incomplete   the bytes, at their places
///   <blob>.swan.pieces       a line with the size, then '1' for each MiB that is there, else '0'
/// huggingface_hub's own <blob>.incomplete holds a beginning; one that is found is taken over. Swan does not use that
/// name, since versions that resume it believe that everything up to its end is there.
class PartialFile {
 public:
  static constexpr uint64_t kPiece = uint64_t{1} << 20;

  /// Opens what is there, or begins. To be called with the blob's lock held. @param blob  path of the whole
  /// @throws Error kIo
  PartialFile(std::string blob, uint64_t size);

  /// The next bytes that are missing and that nobody was given, at most `most` of them. @param most  in bytes
  [[nodiscard]] std::optional<std::pair<uint64_t, uint64_t>> take(uint64_t most);

  /// Writes bytes that came in order from `begin` of what was taken. @throws Error kIo ("No space left on device")
  void write(uint64_t offset, const char* data, size_t bytes);
  /// The bytes up to `end` of a run from `begin` have come: its whole pieces are noted. @throws Error kIo
  void done(uint64_t begin, uint64_t end);

  [[nodiscard]] uint64_t size() const noexcept { return size_; }
  [[nodiscard]] uint64_t done_bytes() const;
  [[nodiscard]] bool complete() const;
  /// Forgets what has come.
  void restart();
  [[nodiscard]] const std::string& path() const noexcept { return data_path_; }
  /// Makes it the blob. @throws Error kIo
  void commit();
  /// Removes it.
  void remove() noexcept;

 private:
  [[nodiscard]] bool read_journal();
  void write_journal();
  [[noreturn]] void failed(const std::string& path, int error) const;

  enum class Piece : char { kMissing = '0', kThere = '1', kTaken = '2' };

  std::string blob_, data_path_, journal_path_;
  uint64_t size_;
  std::vector<Piece> pieces_;
  size_t journal_begin_ = 0;
  std::optional<io::FileDescriptor> data_, journal_;
};

}  // namespace swan::hub
