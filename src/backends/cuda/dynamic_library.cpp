#include "cuda/dynamic_library.h"

#include <dlfcn.h>

#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "core/error.h"

namespace swan::backends::cuda {

namespace {
std::vector<std::string> folders() {
  std::vector<std::string> all;
  if (const char* given = std::getenv("SWAN_CUDA_LIBRARIES")) {
    std::stringstream list(given);
    for (std::string folder; std::getline(list, folder, ':');)
      if (!folder.empty()) all.push_back(folder);
  }
  all.emplace_back();  // where the system looks
  all.emplace_back("/usr/local/cuda/lib64");
  if (const char* environment = std::getenv("VIRTUAL_ENV")) {
    std::error_code ignored;
    for (const auto& python : std::filesystem::directory_iterator(std::string(environment) + "/lib", ignored))
      for (const char* package : {"cu13", "cudnn"})
        all.push_back(python.path().string() + "/site-packages/nvidia/" + package + "/lib");
  }
  return all;
}
}  // namespace

DynamicLibrary::DynamicLibrary(const std::string& file, const std::string& package) {
  std::string looked, reason;
  for (const std::string& folder : folders()) {
    path_ = folder.empty() ? file : folder + "/" + file;
    handle_ = dlopen(path_.c_str(), RTLD_NOW | RTLD_GLOBAL);
    if (handle_ != nullptr) return;
    if (const char* why = dlerror(); why != nullptr && reason.empty()) reason = why;
    looked += (looked.empty() ? "" : ", ") + (folder.empty() ? std::string("the system's folders") : folder);
  }
  fail(ErrorCode::kUnsupported,
       "CUDA: {} was not found in {} ({}). Install it (pip install {}), name its folder in SWAN_CUDA_LIBRARIES, or use "
       "--device cpu.",
       file, looked, reason, package);
}

void* DynamicLibrary::symbol(const char* name) const {
  void* address = dlsym(handle_, name);
  if (address == nullptr) fail(ErrorCode::kUnsupported, "CUDA: {} has no {}: it is too old.", path_, name);
  return address;
}

}  // namespace swan::backends::cuda
