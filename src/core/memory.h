#pragma once

#include <cstddef>

namespace swan {

/// Largest resident set of this process so far, in bytes (0 where the system does not tell).
[[nodiscard]] size_t peak_resident_bytes() noexcept;
/// Resident set now, in bytes.
[[nodiscard]] size_t resident_bytes() noexcept;
/// Memory that new allocations can use without swapping, in bytes: the system's estimate, within the cgroup's limit.
[[nodiscard]] size_t available_bytes() noexcept;

}  // namespace swan
