#include "swan/version.h"

namespace swan {

const char* version() noexcept { return SWAN_VERSION; }

}  // namespace swan
