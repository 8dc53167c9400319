// libswan is the sum of the folders' libraries; see src/pipelines/CMakeLists.txt. CMake wants a source of its own.
#include "swan/version.h"
