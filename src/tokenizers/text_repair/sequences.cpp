#include "tokenizers/text_repair/sequences.h"

#include <unicode/unistr.h>

#include <algorithm>
#include <string>
#include <utility>

#include "core/error.h"

namespace swan::tokenizers::text_repair {
namespace {

struct CharacterClass {
  std::string_view name;
  const char* members;
};
// Ref: ftfy 6.3.1 badness.py, MOJIBAKE_CATEGORIES; chardata.py, UTF8_CLUES
constexpr CharacterClass kClasses[] = {
#include "tokenizers/text_repair/character_classes.inc"
    {"word", R"(\p{L}\p{nt=De}\p{nt=Di}\p{nt=Nu}_)"},
    {"space", R"(\u0009-\u000D\u001C-\u0020\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000)"}};

std::string with_classes(std::string_view pattern) {
  std::string result;
  for (size_t at = 0; at < pattern.size();) {
    const CharacterClass* found = nullptr;
    for (const CharacterClass& c : kClasses)
      if (pattern[at] == '{' && pattern.substr(at + 1).starts_with(c.name) &&
          pattern.substr(at + 1 + c.name.size()).starts_with('}'))
        found = &c;
    if (found != nullptr) {
      result += found->members;
      at += found->name.size() + 2;
    } else {
      result += pattern[at++];
    }
  }
  return result;
}

}  // namespace

icu::UnicodeSet character_set(std::string_view pattern) {
  const std::string inner = with_classes(pattern);
  const std::string whole = inner.starts_with('[') ? inner : "[" + inner + "]";
  UErrorCode status = U_ZERO_ERROR;
  icu::UnicodeSet set(icu::UnicodeString::fromUTF8(whole), status);
  if (U_FAILURE(status) || set.isBogus())
    fail(ErrorCode::kInternal, "text repair: ICU cannot read the set {}: {}.", whole, u_errorName(status));
  set.freeze();
  return set;
}

Sequences::Sequences(std::initializer_list<const char*> rules) {
  for (std::string_view text : rules) {
    Rule rule;
    while (!text.empty()) {
      const size_t end = std::min(text.find(' '), text.size());
      if (text.substr(0, end) == "^") {
        rule.at_start = true;
      } else {
        rule.sets.push_back(character_set(text.substr(0, end)));
      }
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    first_.addAll(rule.sets.front());
    rules_.push_back(std::move(rule));
  }
  first_.freeze();
}

}  // namespace swan::tokenizers::text_repair
