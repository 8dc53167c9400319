#include "server/embedded.h"

#include <fmt/format.h>

#include "swan/error.h"

namespace swan::server {

std::string_view embedded_file(const std::string& name) {
  for (const EmbeddedFile& file : embedded_files()) {
    if (file.name == name) return file.bytes;
  }
  throw Error(ErrorCode::kInternal, fmt::format("the program was built without '{}'; please report it.", name));
}

}  // namespace swan::server
