#include "server/http/socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace swan::server {

namespace {
bool would_block(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }
}  // namespace

Socket::~Socket() { close(descriptor_); }

bool Socket::wait(short events, Clock::time_point deadline) const noexcept {
  while (true) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry = {.fd = descriptor_, .events = events, .revents = 0};
    const int ready = poll(&entry, 1, static_cast<int>(std::min<int64_t>(left, 60'000)));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

Socket::Read Socket::read(std::string& buffer, size_t most, Clock::time_point deadline) {
  std::array<char, 16384> bytes{};
  while (true) {
    const ssize_t count = recv(descriptor_, bytes.data(), std::min(most, bytes.size()), 0);
    if (count > 0) {
      buffer.append(bytes.data(), static_cast<size_t>(count));
      return Read::kBytes;
    }
    if (count == 0) return Read::kEnd;
    if (errno == EINTR) continue;
    if (!would_block(errno)) return Read::kEnd;
    if (!wait(POLLIN, deadline)) return Read::kTimeout;
  }
}

bool Socket::write(std::string_view bytes, Clock::time_point deadline) {
  while (!bytes.empty()) {
    const ssize_t count = send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
    } else if (count < 0 && errno == EINTR) {
      continue;
    } else if (count == 0 || !would_block(errno) || !wait(POLLOUT, deadline)) {
      return false;
    }
  }
  return true;
}

bool Socket::write_file(int file, off_t offset, size_t length, Clock::time_point deadline) {
  // Not sendfile: it raises SIGPIPE where the peer is gone, and the whole process would have to ignore that.
  std::array<char, 65536> bytes{};
  while (length > 0) {
    const ssize_t count = pread(file, bytes.data(), std::min(length, bytes.size()), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;  // shorter than it was: the length was promised
    if (!write({bytes.data(), static_cast<size_t>(count)}, deadline)) return false;
    offset += count;
    length -= static_cast<size_t>(count);
  }
  return true;
}

bool Socket::gone() const noexcept {
  pollfd entry = {.fd = descriptor_, .events = POLLRDHUP, .revents = 0};
  return poll(&entry, 1, 0) > 0;
}

void Socket::linger() noexcept {
  constexpr size_t kMost = size_t{1} << 20;
  shutdown(descriptor_, SHUT_WR);
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  std::array<char, 16384> bytes{};
  for (size_t taken = 0; taken < kMost && Clock::now() < deadline;) {
    const ssize_t count = recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      taken += static_cast<size_t>(count);
    } else if (count == 0 || (!would_block(errno) && errno != EINTR) || !wait(POLLIN, deadline)) {
      return;
    }
  }
}

void Socket::shut_down() noexcept { shutdown(descriptor_, SHUT_RDWR); }

}  // namespace swan::server
