#include "server/public_message.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

namespace swan::server {

namespace {

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

}  // namespace

std::string public_message(const std::string& message, const ServerSettings& settings) {
  std::vector<std::pair<std::string, std::string>> known;
  const auto know = [&](std::string path, const std::string& name) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    if (path.find('/') != std::string::npos) known.emplace_back(std::move(path), name);  // else it may be a mere word
  };
  for (const ModelSource& model : settings.models) know(model.path, model.name);
  for (const LoraSource& lora : settings.loras) know(lora.path, lora.name);
  // One may be below another.
  std::sort(known.begin(), known.end(), [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  std::string text = message;
  for (const auto& [path, name] : known) replace_all(text, path, name);

  constexpr std::string_view kBefore = " '\"(=,:\n\t";
  constexpr std::string_view kAfter = " '\"),;:\n\t";
  std::string result;
  for (size_t at = 0; at < text.size();) {
    const bool begins = text[at] == '/' && (at == 0 || kBefore.find(text[at - 1]) != std::string_view::npos) &&
                        at + 1 < text.size() && text[at + 1] != '/' &&  // of a URL
                        kAfter.find(text[at + 1]) == std::string_view::npos;
    if (!begins) {
      result += text[at++];
      continue;
    }
    const std::string path = text.substr(at, text.find_first_of(kAfter, at) - at);
    result += path.substr(path.find_last_of('/', path.size() - 2) + 1);
    at += path.size();
  }
  return result;
}

}  // namespace swan::server
