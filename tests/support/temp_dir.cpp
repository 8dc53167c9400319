#include "support/temp_dir.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

namespace swan::support {

namespace fs = std::filesystem;

TempDir::TempDir() : path_((fs::temp_directory_path() / "swan_test_XXXXXX").string()) {
  if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + path_);
}

TempDir::~TempDir() {
  std::error_code ignored;  // a test may have made part of it unwritable
  fs::remove_all(path_, ignored);
}

std::string TempDir::write(const std::string& name, std::string_view content) const {
  const std::string target = file(name);
  fs::create_directories(fs::path(target).parent_path());
  std::ofstream out(target, std::ios::binary);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + target);
  return target;
}

}  // namespace swan::support
