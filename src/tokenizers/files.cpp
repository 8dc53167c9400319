#include "tokenizers/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "core/error.h"

namespace swan::tokenizers {

std::optional<std::string> read_file(const std::string& path, size_t limit) {
  std::error_code status;
  if (!std::filesystem::is_regular_file(path, status)) return std::nullopt;
  const auto size = std::filesystem::file_size(path, status);
  if (status) fail(ErrorCode::kIo, "cannot read {}: {}.", path, status.message());
  if (size > limit) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: {} has {} bytes, but a tokenizer's has at most {}; replace it.", path, size, limit);
  }
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"), std::fclose);
  if (!file) fail(ErrorCode::kIo, "cannot read {}: {}.", path, std::strerror(errno));
  std::string bytes(static_cast<size_t>(size), '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file.get()));
  if (std::ferror(file.get()) != 0) fail(ErrorCode::kIo, "cannot read {}: {}.", path, std::strerror(errno));
  return bytes;
}

nlohmann::json parse_json(std::string_view text, const std::string& path) {
  try {
    return nlohmann::json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} is not valid JSON: {}; download it again.", path,
         error.what());
  }
}

}  // namespace swan::tokenizers
