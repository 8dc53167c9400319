#include "io/json.h"

#include <array>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/error.h"
#include "io/system.h"

namespace swan::io {

namespace {

// Python writes non-finite numbers as bare words. They are quoted before parsing, behind a character that no sane
// string begins with, and become numbers again as the parser reports them.
constexpr char kMark = '\x7f';
constexpr std::array<std::pair<std::string_view, double>, 3> kWords = {
    {{"-Infinity", -std::numeric_limits<double>::infinity()},
     {"Infinity", std::numeric_limits<double>::infinity()},
     {"NaN", std::numeric_limits<double>::quiet_NaN()}}};

std::string quote_non_finite(std::string_view text) {
  std::string result;
  result.reserve(text.size() + 16);
  bool in_string = false;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string && c == '\\' && i + 1 < text.size()) {
      result.append(text, i, 2);
      i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    const bool may_begin = !in_string && (c == '-' || c == 'I' || c == 'N');
    size_t length = 0;
    if (may_begin)
      for (const auto& [word, value] : kWords)
        if (text.compare(i, word.size(), word) == 0) length = word.size();
    if (length > 0) {
      result += '"';
      result += kMark;
      result.append(text, i, length);
      result += '"';
      i += length;
    } else {
      result += c;
      ++i;
    }
  }
  return result;
}

// Watches the parser: depth, repeated keys, marked words.
class Watcher {
 public:
  Watcher(const std::string& path, const JsonLimits& limits) : path_(path), limits_(limits) {}

  bool operator()(int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    switch (event) {
      case Event::object_start:
      case Event::array_start:
        if (depth >= limits_.depth)
          fail(ErrorCode::kCorruptFile, "cannot read {}: its JSON is nested more than {} deep; get it again.", path_,
               limits_.depth);
        if (event == Event::object_start) keys_.emplace_back();
        break;
      case Event::object_end:
        keys_.pop_back();
        break;
      case Event::key:
        if (marked_number(value) != nullptr)
          fail(ErrorCode::kCorruptFile, "cannot read {}: it has a number where a key belongs; get it again.", path_);
        if (!keys_.back().insert(value.get_ref<const std::string&>()).second)
          fail(ErrorCode::kCorruptFile, "cannot read {}: it has the key {} twice in one object; remove one.", path_,
               value.dump());
        break;
      case Event::value:
        if (const double* number = marked_number(value)) value = *number;
        break;
      case Event::array_end:
        break;
    }
    return true;
  }

 private:
  // The number that a marked word stands for, or null.
  static const double* marked_number(const nlohmann::json& value) {
    const auto* text = value.get_ptr<const std::string*>();
    if (text == nullptr || text->empty() || text->front() != kMark) return nullptr;
    for (const auto& [word, number] : kWords)
      if (std::string_view(*text).substr(1) == word) return &number;
    return nullptr;
  }

  const std::string& path_;
  const JsonLimits& limits_;
  std::vector<std::unordered_set<std::string>> keys_;  // of the objects that are open
};

}  // namespace

nlohmann::json read_json(const std::string& path, const JsonLimits& limits) {
  return parse_json(read_file(path, limits.bytes), path, limits);
}

nlohmann::json parse_json(std::string_view text, const std::string& path, const JsonLimits& limits) {
  if (text.size() > limits.bytes)
    fail(ErrorCode::kCorruptFile, "cannot read {}: {} bytes of JSON, but at most {} are allowed.", path, text.size(),
         limits.bytes);
  if (text.empty()) fail(ErrorCode::kCorruptFile, "cannot read {}: it is empty; get it again.", path);
  if (text.find('\0') != std::string_view::npos)  // the parser would take it for the end
    fail(ErrorCode::kCorruptFile, "cannot read {}: it contains a zero byte, so it is not JSON; get it again.", path);
  Watcher watcher(path, limits);
  try {
    return nlohmann::json::parse(quote_non_finite(text), std::ref(watcher));
  } catch (const nlohmann::json::exception& error) {
    std::string reason = error.what();  // "[json.exception.parse_error.101] parse error at line 1, column 2: ..."
    if (const size_t bracket = reason.find("] "); bracket != std::string::npos) reason.erase(0, bracket + 2);
    constexpr size_t kLongest = 200;  // the parser quotes the text it failed on
    if (reason.size() > kLongest) reason = reason.substr(0, kLongest) + "...";
    fail(ErrorCode::kCorruptFile, "cannot read {}: {}; correct the file or get it again.", path, reason);
  }
}

}  // namespace swan::io
