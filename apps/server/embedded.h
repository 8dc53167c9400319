#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swan::server {

/// A file that was put into the program when it was built (cmake/SwanEmbed.cmake).
struct EmbeddedFile {
  std::string_view name;  ///< "openapi.json", "page/index.html"
  std::string_view bytes;
};
[[nodiscard]] const std::vector<EmbeddedFile>& embedded_files();
/// The bytes of one. @throws Error kInternal where it is not there
[[nodiscard]] std::string_view embedded_file(const std::string& name);

}  // namespace swan::server
