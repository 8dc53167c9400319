#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace swan::io {

/// Where something is kept between runs: the variable's value if it is set ("off": empty, nowhere), else swan/`name` in
/// $XDG_CACHE_HOME or ~/.cache.
[[nodiscard]] std::string cache_folder(const char* variable, const std::string& name);

/// Makes the folder, for its owner alone, unless it is there. @throws std::filesystem::filesystem_error
void make_cache_folder(const std::string& folder);

/// Marks a kept file as the latest used.
void touch(const std::string& path);

/// Removes files with that extension (".plan"), the least recently used first, until all together have no more than
/// max_bytes. Other processes may do so at the same time: what fails is passed over.
void trim_cache_folder(const std::string& folder, std::string_view extension, uint64_t max_bytes);

}  // namespace swan::io
