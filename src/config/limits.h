#pragma once

#include <cstddef>

namespace swan::config {

// What a configuration made by people never reaches. Beyond it reading stops, so that a hostile file costs neither time
// nor memory.
constexpr size_t kMaxBytes = size_t{1} << 20;  ///< of a file, and of what references are replaced by
constexpr size_t kMaxNodes = 20000;            ///< values of a file, aliases written out; and of what references copy
constexpr int kMaxDepth = 64;                  ///< of nested lists and maps
constexpr int kMaxReferences = 32;             ///< that lead from one to the next
constexpr size_t kMaxFiles = 256;              ///< that are read, one that is extended twice counting twice
constexpr size_t kMaxEnvironments = 64;        ///< that files name; checking lays each of them on the rest

}  // namespace swan::config
