#include "tokenizers/prompt_cleaning.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <iterator>

#include "core/error.h"
#include "tokenizers/text_repair/fix_text.h"
#include "tokenizers/text_repair/html_entities.h"
#include "tokenizers/text_repair/unicode_strings.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

/// str.isspace(): the bidirectional classes WS, B and S beside category Zs, hence U+001C..1F and no U+200B.
bool is_python_space(int32_t c) noexcept { return (c >= 0x1C && c <= 0x1F) || is_white_space(c); }

// ICU counts in int32, and a character may become several.
void check_size(std::string_view prompt, size_t most) {
  if (prompt.size() > most)
    fail(ErrorCode::kInvalidArgument, "cannot clean the prompt: it has {} bytes, more than {}; shorten it.",
         prompt.size(), most);
}

}  // namespace

std::string clean_sana_prompt(std::string_view prompt) {
  check_size(prompt, size_t{1} << 28);
  const std::string valid = replace_invalid_utf8(prompt);
  icu::UnicodeString text =
      icu::UnicodeString::fromUTF8(icu::StringPiece(valid.data(), static_cast<int>(valid.size())));
  text.toLower(icu::Locale::getRoot());
  std::string lower;
  text.toUTF8String(lower);

  const std::string_view view = lower;
  size_t begin = 0, end = lower.size();
  for (size_t i = begin; i < end && is_python_space(next_character(view, i));) begin = i;
  for (size_t i = end; i > begin && is_python_space(previous_character(view, i));) end = i;
  return lower.substr(begin, end - begin);
}

// str.strip() and regex.sub(r"\s+", " ", ...) in one: \s leaves out the controls 1C to 1F, which strip() takes.
std::string clean_wan_prompt(std::string_view prompt) {
  check_size(prompt, size_t{1} << 24);
  std::u32string text = text_repair::fix_text(text_repair::from_utf8(replace_invalid_utf8(prompt)));
  text = text_repair::unescape_html(text_repair::unescape_html(text));

  const auto keep = [](char32_t c) { return !is_python_space(static_cast<int32_t>(c)); };
  const auto begin = std::find_if(text.begin(), text.end(), keep);
  const auto end = std::find_if(text.rbegin(), std::make_reverse_iterator(begin), keep).base();
  std::u32string collapsed;
  collapsed.reserve(text.size());
  for (auto it = begin; it != end; ++it) {
    if (!is_white_space(static_cast<int32_t>(*it))) {
      collapsed += *it;
    } else if (!is_white_space(static_cast<int32_t>(*(it - 1)))) {
      collapsed += U' ';
    }
  }
  return text_repair::to_utf8(collapsed);
}

}  // namespace swan::tokenizers
