#include "io/cache_folder.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <vector>

namespace swan::io {

namespace fs = std::filesystem;

std::string cache_folder(const char* variable, const std::string& name) {
  const auto value = [](const char* of) {
    const char* text = std::getenv(of);
    return std::string(text != nullptr ? text : "");
  };
  if (const std::string chosen = value(variable); !chosen.empty()) return chosen == "off" ? "" : chosen;
  if (const std::string cache = value("XDG_CACHE_HOME"); !cache.empty()) return cache + "/swan/" + name;
  if (const std::string home = value("HOME"); !home.empty()) return home + "/.cache/swan/" + name;
  return "";
}

void make_cache_folder(const std::string& folder) {
  if (fs::exists(folder)) return;
  fs::create_directories(folder);
  std::error_code error;
  fs::permissions(folder, fs::perms::owner_all, error);
}

void touch(const std::string& path) {
  std::error_code error;
  fs::last_write_time(path, fs::file_time_type::clock::now(), error);
}

void trim_cache_folder(const std::string& folder, std::string_view extension, uint64_t max_bytes) {
  struct File {
    fs::file_time_type used;
    uint64_t bytes;
    fs::path path;
  };
  std::vector<File> files;
  uint64_t total = 0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    std::error_code failed;
    if (!entry.is_regular_file(failed) || entry.path().extension() != extension) continue;
    const uint64_t bytes = entry.file_size(failed);
    const fs::file_time_type used = entry.last_write_time(failed);
    if (failed) continue;
    files.push_back({used, bytes, entry.path()});
    total += bytes;
  }
  std::sort(files.begin(), files.end(), [](const File& a, const File& b) { return a.used < b.used; });
  for (const File& file : files) {
    if (total <= max_bytes) return;
    fs::remove(file.path, error);
    total -= file.bytes;
  }
}

}  // namespace swan::io
