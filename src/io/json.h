#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace swan::io {

/// What a JSON file may be at most; defaults that real repositories stay far below (a Gemma tokenizer.json is 34 MB).
struct JsonLimits {
  size_t bytes = size_t{128} << 20;
  int depth = 64;
};

/// Reads a JSON file. Python's Infinity, -Infinity and NaN, which diffusers writes, become such numbers.
/// @throws Error kNotFound, kIo, or kCorruptFile naming the file for what is not JSON or not UTF-8, for an object that
///         has a key twice, and beyond the limits
[[nodiscard]] nlohmann::json read_json(const std::string& path, const JsonLimits& limits = {});

/// The same for text that is already in memory. @param path names it in messages
[[nodiscard]] nlohmann::json parse_json(std::string_view text, const std::string& path, const JsonLimits& limits = {});

}  // namespace swan::io
