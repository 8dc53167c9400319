#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace swan::config {

/// How many single-character insertions, deletions, substitutions and swaps of neighbours turn `a` into `b` (optimal
/// string alignment). Bytes are compared, without case for ASCII.
[[nodiscard]] size_t edit_distance(std::string_view a, std::string_view b);

/// The candidate that `text` was most likely meant to be, or empty when none is close: at most a third of the
/// characters wrong, or `text` (of three characters or more) is the beginning of the candidate.
[[nodiscard]] std::string nearest(std::string_view text, const std::vector<std::string>& candidates);

}  // namespace swan::config
