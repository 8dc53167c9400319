#pragma once

#include <cstdint>
#include <string>

namespace swan::server {

/// Bits of the system's generator, as [a-z2-7], five to a character: nobody can guess 26 of them.
[[nodiscard]] std::string random_word(size_t characters);
/// "job_" and 26 characters
[[nodiscard]] std::string new_job_id();
/// Whether it is one that new_job_id could have made: the only names that ever become part of a path.
[[nodiscard]] bool is_job_id(const std::string& text) noexcept;
/// A seed for a request without one: 32 bits, short enough to type again.
[[nodiscard]] uint64_t random_seed();

}  // namespace swan::server
