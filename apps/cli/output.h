#pragma once

#include <string>
#include <vector>

namespace swan::cli {

/// Where `count` pictures go: `output` itself for one; "out_0.png", "out_1.png", ... for more.
[[nodiscard]] std::vector<std::string> output_paths(const std::string& output, size_t count);

/// Finds out before a long run whether a file can be written: its folder exists and takes new files, and the path is
/// not itself a folder. Leaves nothing behind.
/// @throws Error naming the path, the folder and the system's reason
void check_writable(const std::string& path);

}  // namespace swan::cli
