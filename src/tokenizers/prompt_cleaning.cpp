#include "tokenizers/prompt_cleaning.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include "core/error.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

/// str.isspace(): the bidirectional classes WS, B and S beside category Zs, hence U+001C..1F and no U+200B.
bool is_python_space(int32_t c) noexcept { return (c >= 0x1C && c <= 0x1F) || is_white_space(c); }

}  // namespace

std::string clean_sana_prompt(std::string_view prompt) {
  // ICU counts in int32 and a character may grow threefold.
  if (prompt.size() > (size_t{1} << 28)) {
    fail(ErrorCode::kInvalidArgument, "cannot clean the prompt: it has {} bytes, more than {}; shorten it.",
         prompt.size(), size_t{1} << 28);
  }
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

}  // namespace swan::tokenizers
