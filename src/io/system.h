#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace swan::io {

/// An open file, closed with the object.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) noexcept : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  FileDescriptor& operator=(FileDescriptor&&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  /// Closes now. @return 0 or errno, which a file on a network or with a quota may report only here
  int close() noexcept;

 private:
  int fd_;
};

/// An ordinary file opened for reading, and its size.
struct OpenFile {
  FileDescriptor fd;
  size_t bytes;
};

/// Opens an ordinary file; a folder, a pipe or a device is refused without waiting on it.
/// @throws Error kNotFound, or kIo with the system's reason
[[nodiscard]] OpenFile open_file(const std::string& path);
/// The bytes [offset, offset + bytes). @throws Error kIo; kCorruptFile when the file ends before that
[[nodiscard]] std::string read_at(const OpenFile& file, const std::string& path, size_t offset, size_t bytes);
/// A whole file. @throws Error as open_file; kCorruptFile for one larger than `max_bytes`
[[nodiscard]] std::string read_file(const std::string& path, size_t max_bytes);

/// "No such file or directory": thread-safe strerror.
[[nodiscard]] std::string system_message(int error);

/// Writes a file under a temporary name in the target's folder and renames it when it is complete, so that nobody sees
/// a part of it; without commit() it is removed. A symbolic link is followed; a device or a pipe is refused.
class AtomicFile {
 public:
  /// @throws Error kIo naming the path and the system's reason
  explicit AtomicFile(const std::string& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. @throws Error kIo naming the path and the system's reason ("No space left on device")
  void write(const void* data, size_t bytes);
  void write(std::string_view text) { write(text.data(), text.size()); }
  /// Puts bytes at `offset`, over what is there or past the end; write() goes on where it was. @throws Error kIo
  void write_at(size_t offset, const void* data, size_t bytes);
  /// Waits until the bytes are on the disk, which may refuse them only then. @throws Error kIo
  void sync();
  /// Closes and renames. @throws Error kIo
  void commit();
  /// The name the file has until commit().
  [[nodiscard]] const std::string& temporary() const noexcept { return temporary_; }

 private:
  [[noreturn]] void failed(int error) const;

  std::string path_, temporary_;
  FileDescriptor fd_;
  bool done_ = false;
};

}  // namespace swan::io
