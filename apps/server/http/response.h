#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/request.h"

namespace swan::server {

/// A file that is open for reading. It can be sent even if its name is removed meanwhile.
class OpenFile {
 public:
  /// @throws Error kNotFound or kIo naming the path
  explicit OpenFile(const std::string& path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] uint64_t size() const noexcept { return size_; }

 private:
  int descriptor_ = -1;
  uint64_t size_ = 0;
};

/// Where a stream's handler writes to.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  /// Sends bytes. False: the client is gone or too slow, or the server stops; the handler is to return.
  [[nodiscard]] virtual bool write(std::string_view bytes) = 0;
  /// Whether nobody listens any more.
  [[nodiscard]] virtual bool gone() = 0;
};

struct Response {
  int status = 200;
  Fields headers = {};    ///< without lengths and connection, which the server adds
  std::string body = {};  ///< or one of the two below
  std::shared_ptr<const OpenFile> file = nullptr;
  uint64_t offset = 0, length = 0;  ///< which part of the file
  std::function<void(StreamWriter&)> stream = nullptr;

  Response& with(std::string name, std::string value) {
    headers.emplace_back(std::move(name), std::move(value));
    return *this;
  }
};

}  // namespace swan::server
