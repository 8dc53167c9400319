#pragma once

#include <string>
#include <vector>

namespace swan::backends::cuda {

/// A library of NVIDIA's that is loaded when it is first needed.
class DynamicLibrary {
 public:
  /// Looks in $SWAN_CUDA_LIBRARIES (folders, joined by ':'), where the system looks, and in the folders of an installed
  /// toolkit and of NVIDIA's Python packages. @param file  "libcublasLt.so.13"
  /// @throws Error kUnsupported saying where it looked and how to install it (the package's name)
  DynamicLibrary(const std::string& file, const std::string& package);
  /// @throws Error kUnsupported when the library lacks the function: it is too old
  template <typename Fn>
  [[nodiscard]] Fn* function(const char* name) const {
    return reinterpret_cast<Fn*>(symbol(name));
  }
  [[nodiscard]] void* handle() const noexcept { return handle_; }

 private:
  [[nodiscard]] void* symbol(const char* name) const;

  std::string path_;
  void* handle_ = nullptr;  // never closed: its threads and static data outlive us
};

}  // namespace swan::backends::cuda
