#include "hub/partial_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string_view>

#include "core/error.h"

namespace swan::hub {

namespace {

namespace fs = std::filesystem;

std::string journal_head(uint64_t size) { return fmt::format("swan pieces 1 {}\n", size); }

// 0 or errno
int put(int fd, const char* data, size_t bytes, uint64_t offset) {
  while (bytes > 0) {
    const ssize_t written = ::pwrite(fd, data, bytes, static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    data += written;
    bytes -= static_cast<size_t>(written);
    offset += static_cast<uint64_t>(written);
  }
  return 0;
}

}  // namespace

uint64_t bytes_on_disk(const std::string& path) {
  constexpr uint64_t kBlock = 512;  // of st_blocks, whatever the file system's own
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 ? static_cast<uint64_t>(status.st_blocks) * kBlock : 0;
}

PartialFile::PartialFile(std::string blob, uint64_t size)
    : blob_(std::move(blob)),
      data_path_(blob_ + ".swan.incomplete"),
      journal_path_(blob_ + ".swan.pieces"),
      size_(size),
      pieces_((size + kPiece - 1) / kPiece, Piece::kMissing),
      journal_begin_(journal_head(size).size()) {
  const std::string beginning = blob_ + ".incomplete";
  std::error_code error;
  uintmax_t taken_over = 0;
  if (!fs::exists(data_path_, error) && fs::is_regular_file(fs::symlink_status(beginning, error))) {
    taken_over = fs::file_size(beginning, error);
    if (!error && taken_over <= size_) fs::rename(beginning, data_path_, error);
    if (error || taken_over > size_) taken_over = 0;
  }
  const auto open = [this](const std::string& path, std::optional<io::FileDescriptor>& file) {
    file.emplace(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
    if (file->get() < 0) failed(path, errno);
  };
  open(data_path_, data_);
  open(journal_path_, journal_);
  if (taken_over > 0) {
    std::fill_n(pieces_.begin(), taken_over / kPiece, Piece::kThere);
    write_journal();
  } else if (!read_journal()) {
    restart();
  }
}

void PartialFile::failed(const std::string& path, int error) const {
  fail(ErrorCode::kIo,
       "cannot write {}: {}; check the folder, its permissions and the free space. What is there is kept.", path,
       io::system_message(error));
}

bool PartialFile::read_journal() {
  const std::string head = journal_head(size_);
  std::string text(head.size() + pieces_.size() + 1, '\0');
  const ssize_t got = ::pread(journal_->get(), text.data(), text.size(), 0);
  if (got != static_cast<ssize_t>(text.size() - 1) || !text.starts_with(head)) return false;
  // A disk that was full, or a file that somebody cut, lacks bytes that are noted.
  std::error_code error;
  const uintmax_t there = fs::file_size(data_path_, error);
  if (error) return false;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const char mark = text[journal_begin_ + i];
    if (mark != '0' && mark != '1') return false;
    pieces_[i] = mark == '1' && std::min((i + 1) * kPiece, size_) <= there ? Piece::kThere : Piece::kMissing;
  }
  return true;
}

void PartialFile::write_journal() {
  std::string text = journal_head(size_);
  for (const Piece piece : pieces_) text += piece == Piece::kThere ? '1' : '0';
  if (::ftruncate(journal_->get(), 0) != 0) failed(journal_path_, errno);
  if (const int error = put(journal_->get(), text.data(), text.size(), 0); error != 0) failed(journal_path_, error);
}

void PartialFile::restart() {
  std::fill(pieces_.begin(), pieces_.end(), Piece::kMissing);
  if (::ftruncate(data_->get(), 0) != 0) failed(data_path_, errno);
  write_journal();
}

std::optional<std::pair<uint64_t, uint64_t>> PartialFile::take(uint64_t most) {
  const auto first = std::find(pieces_.begin(), pieces_.end(), Piece::kMissing);
  if (first == pieces_.end()) return std::nullopt;
  auto last = first;
  const auto count = static_cast<std::ptrdiff_t>(std::max<uint64_t>(most / kPiece, 1));
  while (last != pieces_.end() && last - first < count && *last == Piece::kMissing) *last++ = Piece::kTaken;
  const auto begin = static_cast<uint64_t>(first - pieces_.begin()) * kPiece;
  const auto end = std::min(static_cast<uint64_t>(last - pieces_.begin()) * kPiece, size_);
  return std::pair(begin, end);
}

void PartialFile::write(uint64_t offset, const char* data, size_t bytes) {
  if (const int error = put(data_->get(), data, bytes, offset); error != 0) failed(data_path_, error);
}

void PartialFile::done(uint64_t begin, uint64_t end) {
  for (uint64_t i = begin / kPiece; i < pieces_.size() && std::min((i + 1) * kPiece, size_) <= end; ++i) {
    if (pieces_[i] == Piece::kThere) continue;
    pieces_[i] = Piece::kThere;
    if (const int error = put(journal_->get(), "1", 1, journal_begin_ + i); error != 0) failed(journal_path_, error);
  }
}

uint64_t PartialFile::done_bytes() const {
  uint64_t bytes = 0;
  for (size_t i = 0; i < pieces_.size(); ++i)
    if (pieces_[i] == Piece::kThere) bytes += std::min((i + 1) * kPiece, size_) - i * kPiece;
  return bytes;
}

bool PartialFile::complete() const {
  return std::all_of(pieces_.begin(), pieces_.end(), [](Piece piece) { return piece == Piece::kThere; });
}

void PartialFile::commit() {
  // The bytes first: after a power failure a blob must not be there without them, for nobody checks it again.
  if (::ftruncate(data_->get(), static_cast<off_t>(size_)) != 0) failed(data_path_, errno);
  if (::fdatasync(data_->get()) != 0 && errno != EINVAL && errno != ENOTSUP) failed(data_path_, errno);
  if (::rename(data_path_.c_str(), blob_.c_str()) != 0) failed(blob_, errno);
  ::unlink(journal_path_.c_str());
}

void PartialFile::remove() noexcept {
  ::unlink(data_path_.c_str());
  ::unlink(journal_path_.c_str());
}

}  // namespace swan::hub
