#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>
#include <string_view>

namespace swan::server {

using Clock = std::chrono::steady_clock;

/// A connected socket that never blocks longer than it is told.
class Socket {
 public:
  explicit Socket(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  enum class Read { kBytes, kEnd, kTimeout };
  /// Appends what comes first, at most `most` bytes. kEnd: the peer has closed, or failed.
  [[nodiscard]] Read read(std::string& buffer, size_t most, Clock::time_point deadline);
  /// Sends all. False when the peer is gone or has not taken everything by the deadline.
  [[nodiscard]] bool write(std::string_view bytes, Clock::time_point deadline);
  /// Sends a part of a file.
  [[nodiscard]] bool write_file(int file, off_t offset, size_t length, Clock::time_point deadline);
  /// Whether the peer has closed its side or failed.
  [[nodiscard]] bool gone() const noexcept;
  /// Says that nothing more will be sent, and takes what still comes for a moment: closing a socket with unread bytes
  /// would make the system throw away the answer on its way.
  void linger() noexcept;
  /// Ends reads and writes of other threads; the descriptor stays until the destructor.
  void shut_down() noexcept;

 private:
  [[nodiscard]] bool wait(short events, Clock::time_point deadline) const noexcept;

  int descriptor_;
};

}  // namespace swan::server
