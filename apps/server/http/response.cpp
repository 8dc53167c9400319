#include "server/http/response.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "swan/error.h"

namespace swan::server {

const std::string* find_field(const Fields& fields, std::string_view name) noexcept {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const auto& field) { return field.first == name; });
  return found == fields.end() ? nullptr : &found->second;
}

OpenFile::OpenFile(const std::string& path) : descriptor_(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)) {
  if (descriptor_ < 0) {
    throw Error(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo,
                fmt::format("cannot open '{}': {}", path, std::strerror(errno)));
  }
  struct stat status = {};
  if (fstat(descriptor_, &status) != 0 || !S_ISREG(status.st_mode)) {
    close(descriptor_);
    throw Error(ErrorCode::kIo, fmt::format("'{}' is no file that can be read", path));
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

OpenFile::~OpenFile() { close(descriptor_); }

const char* reason_phrase(int status) noexcept {
  struct Reason {
    int status;
    const char* phrase;
  };
  static constexpr std::array kReasons = {
      Reason{100, "Continue"},
      Reason{200, "OK"},
      Reason{202, "Accepted"},
      Reason{204, "No Content"},
      Reason{206, "Partial Content"},
      Reason{302, "Found"},
      Reason{304, "Not Modified"},
      Reason{400, "Bad Request"},
      Reason{401, "Unauthorized"},
      Reason{403, "Forbidden"},
      Reason{404, "Not Found"},
      Reason{405, "Method Not Allowed"},
      Reason{408, "Request Timeout"},
      Reason{409, "Conflict"},
      Reason{411, "Length Required"},
      Reason{413, "Content Too Large"},
      Reason{414, "URI Too Long"},
      Reason{415, "Unsupported Media Type"},
      Reason{416, "Range Not Satisfiable"},
      Reason{422, "Unprocessable Content"},
      Reason{429, "Too Many Requests"},
      Reason{431, "Request Header Fields Too Large"},
      Reason{499, "Client Closed Request"},
      Reason{500, "Internal Server Error"},
      Reason{501, "Not Implemented"},
      Reason{503, "Service Unavailable"},
      Reason{504, "Gateway Timeout"},
      Reason{505, "HTTP Version Not Supported"},
      Reason{507, "Insufficient Storage"},
  };
  const auto* const found =
      std::find_if(kReasons.begin(), kReasons.end(), [&](const Reason& reason) { return reason.status == status; });
  return found == kReasons.end() ? "Unknown" : found->phrase;
}

}  // namespace swan::server
