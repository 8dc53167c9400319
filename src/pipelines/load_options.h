#pragma once

#include <cstddef>
#include <optional>

#include "swan/pipeline.h"

namespace swan::pipelines {

/// Components up to this size stay in memory between runs; larger ones leave after their stage, so that only one of
/// them is there at a time. Their files remain in the system's cache: opening them again is cheap.
inline constexpr size_t kResidentBytes = size_t{256} << 20;

/// The dtype that weights are kept in; nothing: as stored. @throws Error kInvalidArgument for an unknown name
[[nodiscard]] std::optional<DType> storage_of(const LoadOptions& options);
/// @throws Error kUnsupported for a device that this build does not have
void check_device(const LoadOptions& options);

}  // namespace swan::pipelines
