#include "support/paths.h"

namespace swan::support {

std::string source_path(const std::string& name) { return std::string(SWAN_SOURCE_DIR "/") + name; }

}  // namespace swan::support
