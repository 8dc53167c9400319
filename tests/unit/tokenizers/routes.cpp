#include "routes.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/paths.h"

namespace swan::tokenizers {

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

nlohmann::json read_golden_json(const std::string& name) {
  return nlohmann::json::parse(read_bytes(support::source_path("tests/golden/tokenizers/" + name)));
}

RouteFolder::RouteFolder(const std::string& source, Route route) {
  for (const auto& entry : std::filesystem::directory_iterator(source)) {
    const std::string name = entry.path().filename().string();
    if (route == Route::kModel && name == "tokenizer.json") continue;
    if (route == Route::kJson && name.ends_with(".model")) continue;
    dir_.write(name, read_bytes(entry.path().string()));
  }
}

void RouteFolder::remove(const std::string& name) const { std::filesystem::remove(path() + "/" + name); }

nlohmann::json RouteFolder::json(const std::string& name) const {
  return nlohmann::json::parse(read_bytes(path() + "/" + name));
}

std::string golden_folder(const std::string& name) { return support::source_path("tests/golden/tokenizers/" + name); }
std::string emoji_folder() { return support::source_path("models/swan-emoji-256/tokenizer"); }

}  // namespace swan::tokenizers
