#include <dlfcn.h>
#include <fmt/ranges.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/error.h"
#include "swan/video_pipeline.h"

namespace swan {

namespace {
namespace fs = std::filesystem;

// Where this code was loaded from: libswan, or the program it is linked into.
fs::path own_folder() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&default_image_model), &info) == 0 || info.dli_fname == nullptr) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
}

fs::path program_folder() {
  std::error_code error;
  const fs::path file = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : file.parent_path();
}
}  // namespace

namespace {
std::string embedded_model(const char* name) {
  std::vector<fs::path> candidates;
  if (const char* folder = std::getenv("SWAN_MODELS"); folder != nullptr && *folder != '\0') {
    candidates.emplace_back(fs::path(folder) / name);
  } else {
    for (const fs::path& from : {own_folder(), program_folder()}) {
      if (from.empty()) continue;
      candidates.push_back(from / "../share/swan/models" / name);     // installed: bin/ or lib/
      candidates.push_back(from / "../../share/swan/models" / name);  // installed: lib/<architecture>/
      candidates.push_back(from / "../../models" / name);             // build/<preset>/
      candidates.push_back(from / "../../../models" / name);          // build/<preset>/<folder>/
      candidates.push_back(from / "../../../../models" / name);
      candidates.push_back(from / "../../../../../models" / name);
    }
  }
  std::vector<std::string> looked;
  for (const fs::path& candidate : candidates) {
    std::error_code error;
    if (fs::exists(candidate / "model_index.json", error)) return candidate.lexically_normal().string();
    looked.push_back(candidate.lexically_normal().string());
  }
  fail(ErrorCode::kNotFound,
       "the embedded model {} was not found; looked in: {}. Set SWAN_MODELS to the folder that holds it, or give a "
       "model.",
       name, fmt::join(looked, ", "));
}

}  // namespace

std::string default_image_model() { return embedded_model("swan-emoji-256"); }
std::string default_video_model() { return embedded_model("swan-emoji-video"); }

}  // namespace swan
