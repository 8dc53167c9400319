#include "io/system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/error.h"

namespace swan::io {
namespace {
constexpr size_t kMostAtOnce = size_t{1} << 30;  // a single write is limited to 2 GiB
}

FileDescriptor::~FileDescriptor() { close(); }
FileDescriptor::FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

int FileDescriptor::close() noexcept {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1)) == 0 ? 0 : errno;
}

std::string system_message(int error) { return std::error_code(error, std::generic_category()).message(); }

OpenFile open_file(const std::string& path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer. It changes nothing for ordinary files.
  FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    const int error = errno;
    if (error == ENOENT || error == ENOTDIR)
      fail(ErrorCode::kNotFound, "cannot open {}: there is no such file; check the path.", path);
    if (error == ELOOP)
      fail(ErrorCode::kIo, "cannot open {}: its symbolic links lead in a circle; replace them by the file.", path);
    fail(ErrorCode::kIo, "cannot open {}: {}; check that the file can be read.", path, system_message(error));
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) fail(ErrorCode::kIo, "cannot open {}: {}.", path, system_message(errno));
  if (!S_ISREG(status.st_mode))
    fail(ErrorCode::kIo, "cannot open {}: it is {}, not a file; check the path.", path,
         S_ISDIR(status.st_mode) ? "a folder" : "a pipe, socket or device");
  return {std::move(fd), static_cast<size_t>(status.st_size)};
}

std::string read_at(const OpenFile& file, const std::string& path, size_t offset, size_t bytes) {
  std::string data(bytes, '\0');
  size_t done = 0;
  while (done < bytes) {
    const ssize_t got = ::pread(file.fd.get(), data.data() + done, bytes - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(ErrorCode::kIo, "cannot read {}: {}.", path, system_message(errno));
    if (got == 0)
      fail(ErrorCode::kCorruptFile, "cannot read {}: it ends at byte {}, where {} more were expected; get it again.",
           path, offset + done, bytes - done);
    done += static_cast<size_t>(got);
  }
  return data;
}

std::string read_file(const std::string& path, size_t max_bytes) {
  const OpenFile file = open_file(path);
  if (file.bytes > max_bytes)
    fail(ErrorCode::kCorruptFile,
         "cannot read {}: it has {} bytes, but a file of its kind has at most {}; check that it is the right file.",
         path, file.bytes, max_bytes);
  return read_at(file, path, 0, file.bytes);
}

namespace {
// The file that a rename should replace: what a symbolic link leads to rather than the link, and never a device or a
// pipe, which the rename would destroy.
std::string rename_target(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_directory(status)) fail(ErrorCode::kIo, "cannot write {}: it is a folder; name a file.", path);
  if (fs::exists(status) && !fs::is_regular_file(status))
    fail(ErrorCode::kIo, "cannot write {}: it is a pipe, socket or device, not a file; choose another name.", path);
  fs::path target = path;
  constexpr int kMostLinks = 40;  // as the kernel; status() has refused a circle of existing files
  for (int links = 0; links < kMostLinks && fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    target = target.parent_path() / fs::read_symlink(target, error);
  }
  return target.string();
}

// Creates a new file in the folder of `path` and says its name, which is short whatever the target's length. Not
// mkstemp: its files are private to the user.
FileDescriptor create_beside(const std::string& path, std::string& name) {
  static std::atomic<unsigned> counter{0};
  int fd = -1;
  do {
    name =
        std::filesystem::path(path).replace_filename(fmt::format(".swan-{}-{}.part", ::getpid(), counter++)).string();
    fd = ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  } while (fd < 0 && errno == EEXIST);
  return FileDescriptor(fd);
}
}  // namespace

AtomicFile::AtomicFile(const std::string& path) : path_(rename_target(path)), fd_(create_beside(path_, temporary_)) {
  if (fd_.get() < 0) failed(errno);
}

AtomicFile::~AtomicFile() {
  if (done_) return;
  fd_.close();
  ::unlink(temporary_.c_str());
}

void AtomicFile::failed(int error) const {
  fail(ErrorCode::kIo, "cannot write {}: {}; check the folder, its permissions and the free space.", path_,
       system_message(error));
}

void AtomicFile::write(const void* data, size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::write(fd_.get(), next, std::min(bytes, kMostAtOnce));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) failed(errno);
    next += written;
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::write_at(size_t offset, const void* data, size_t bytes) {
  const auto* next = static_cast<const char*>(data);
  while (bytes > 0) {
    const ssize_t written = ::pwrite(fd_.get(), next, std::min(bytes, kMostAtOnce), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) failed(errno);
    next += written;
    offset += static_cast<size_t>(written);
    bytes -= static_cast<size_t>(written);
  }
}

void AtomicFile::sync() {
  // Some file systems have nothing to wait for and say so.
  if (::fsync(fd_.get()) != 0 && errno != EINVAL && errno != ENOTSUP) failed(errno);
}

void AtomicFile::commit() {
  if (const int error = fd_.close(); error != 0) failed(error);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) failed(errno);
  done_ = true;
}

}  // namespace swan::io
