#pragma once

#include <string>

#include "swan/file_info.h"

namespace swan::cli {

/// What `swan info FILE` prints, as one line of JSON without the newline, and for people.
[[nodiscard]] std::string file_json(const FileInfo& info);
[[nodiscard]] std::string file_text(const FileInfo& info);

}  // namespace swan::cli
