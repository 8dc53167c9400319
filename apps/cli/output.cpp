#include "cli/output.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "swan/error.h"

namespace swan::cli {

namespace fs = std::filesystem;

std::vector<std::string> output_paths(const std::string& output, size_t count) {
  if (count == 1) return {output};
  const fs::path path(output);
  std::vector<std::string> paths;
  paths.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const std::string name = fmt::format("{}_{}{}", path.stem().string(), i, path.extension().string());
    paths.push_back((path.parent_path() / name).string());
  }
  return paths;
}

void check_writable(const std::string& path) {
  const auto reject = [&path](ErrorCode code, const std::string& reason) {
    throw Error(code, fmt::format("cannot write '{}': {}.", path, reason));
  };
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  const std::string folder = parent.empty() ? "." : parent.string();
  if (fs::is_directory(path, error)) {
    reject(ErrorCode::kInvalidArgument,
           fmt::format("it is a folder; name a file in it, such as '{}'", (fs::path(path) / "out.png").string()));
  }
  const fs::file_status status = fs::status(folder, error);
  if (status.type() == fs::file_type::not_found) {
    reject(ErrorCode::kNotFound, fmt::format("the folder '{}' does not exist; create it or choose another", folder));
  }
  if (!fs::exists(status)) {
    reject(ErrorCode::kIo, fmt::format("the folder '{}' cannot be looked at: {}", folder, error.message()));
  }
  if (!fs::is_directory(status)) reject(ErrorCode::kIo, fmt::format("'{}' is not a folder", folder));

  // Permission bits do not tell (read-only file systems, /proc, root): make a file. O_TMPFILE gives it no name; where
  // the file system lacks that, a named one is made and removed.
  int fd = open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL || errno == ENOENT)) {
    std::string name = (fs::path(folder) / ".swan-XXXXXX").string();
    fd = mkostemp(name.data(), O_CLOEXEC);
    if (fd >= 0) unlink(name.c_str());
  }
  if (fd < 0) {
    reject(ErrorCode::kIo,
           fmt::format("the folder '{}' takes no new files: {}; choose another", folder, std::strerror(errno)));
  }
  close(fd);
}

}  // namespace swan::cli
