#include "cli/text_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "cli/values.h"
#include "config/utf8.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

// @param name  of option and file, for messages
std::vector<std::string> lines_of(std::istream& stream, const std::string& name) {
  constexpr std::streamsize kMaxBytes = 1 << 20;  // texts for people are a page or a list of some thousand lines
  std::string text(static_cast<size_t>(kMaxBytes) + 1, '\0');
  stream.read(text.data(), kMaxBytes + 1);
  text.resize(static_cast<size_t>(stream.gcount()));
  if (stream.bad()) throw Error(ErrorCode::kIo, fmt::format("cannot read {}: {}.", name, std::strerror(errno)));
  if (text.size() > static_cast<size_t>(kMaxBytes)) {
    throw Error(ErrorCode::kInvalidArgument, fmt::format("{} is longer than 1 MiB; is it a text file?", name));
  }
  if (const size_t at = config::find_invalid_utf8(text); at != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("{} is not UTF-8 at byte {}; convert it with iconv.", name, at));
  }
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::vector<std::string> lines;
  size_t begin = text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

}  // namespace

std::vector<std::string> read_lines(const std::string& option, const std::string& path, const std::string& remedy) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw Error(ErrorCode::kIo, fmt::format("cannot read {} '{}': it is a folder; {}.", option, path, remedy));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(ErrorCode::kNotFound,
                fmt::format("cannot read {} '{}': {}; {}.", option, path, std::strerror(errno), remedy));
  }
  return lines_of(file, fmt::format("{} '{}'", option, path));
}

std::vector<std::string> read_standard_input(const std::string& option) {
  return lines_of(std::cin, fmt::format("{} '-' (standard input)", option));
}

std::vector<std::string> read_instruction(const std::string& path) {
  if (path == "none") return {};
  return read_lines("--complex-instruction", path, "name a text file, or 'none'");
}

}  // namespace swan::cli
