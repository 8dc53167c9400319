#include "cli/video_output.h"

#include <fmt/format.h>

#include <filesystem>

#include "cli/output.h"

namespace swan::cli {

namespace fs = std::filesystem;

namespace {
std::string without_slashes(const std::string& path) { return path.substr(0, path.find_last_not_of('/') + 1); }
}  // namespace

bool is_frame_folder(const std::string& path) {
  std::error_code error;
  return path.ends_with('/') || fs::is_directory(path, error);
}

std::string video_extension(const std::string& path) {
  if (is_frame_folder(path)) return "";
  std::string extension = fs::path(path).extension().string();
  for (char& c : extension) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return extension;
}

std::vector<std::string> video_paths(const std::string& output, size_t count) {
  if (count == 1 || !is_frame_folder(output)) return output_paths(output, count);
  std::string base = without_slashes(output);
  // "." and "/" are places, no names to number.
  const std::string name = fs::path(base).filename().string();
  if (name.empty() || name == "." || name == "..") base += "/out";
  std::vector<std::string> paths;
  paths.reserve(count);
  for (size_t i = 0; i < count; ++i) paths.push_back(fmt::format("{}_{}/", base, i));
  return paths;
}

void check_video_outputs(const std::vector<std::string>& paths, int64_t width, int64_t height,
                         const SaveVideoOptions& options) {
  for (size_t i = 0; i < paths.size(); ++i) {
    const bool folder = is_frame_folder(paths[i]);
    check_video_path(paths[i]);
    std::error_code error;
    if (!folder || !fs::is_directory(paths[i], error)) check_writable(without_slashes(paths[i]));
    // A writer that is opened and given up knows the rest: sides, rates and an older clip's frames. All files are
    // alike.
    if (folder || i == 0) static_cast<void>(VideoWriter::open(paths[i], width, height, {}, options));
  }
}

}  // namespace swan::cli
