#pragma once

#include <string>
#include <vector>

namespace swan::cli {

/// The lines of a UTF-8 text file of at most 1 MiB, without their ends and without a byte order mark.
/// @param option  that named the file, for messages: "--prompts"
/// @param remedy  what to give instead: "name a text file, or 'none'"
/// @throws Error naming the option, the path and the reason
[[nodiscard]] std::vector<std::string> read_lines(const std::string& option, const std::string& path,
                                                  const std::string& remedy);
/// The same of standard input.
[[nodiscard]] std::vector<std::string> read_standard_input(const std::string& option);

/// The lines of --complex-instruction. @param path  of a text file, or "none"
[[nodiscard]] std::vector<std::string> read_instruction(const std::string& path);

}  // namespace swan::cli
