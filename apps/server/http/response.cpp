#include "server/http/response.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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

}  // namespace swan::server
