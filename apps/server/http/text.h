#pragma once

#include <string>
#include <string_view>

namespace swan::server {

// Of HTTP's texts, which are ASCII: the process's locale has no say.

[[nodiscard]] std::string lower_case(std::string_view text);
/// Without blanks and tabs around it.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;

}  // namespace swan::server
