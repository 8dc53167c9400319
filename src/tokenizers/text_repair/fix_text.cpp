#include "tokenizers/text_repair/fix_text.h"

#include <algorithm>
#include <utility>

#include "tokenizers/text_repair/budget.h"
#include "tokenizers/text_repair/characters.h"
#include "tokenizers/text_repair/html_entities.h"
#include "tokenizers/text_repair/mojibake.h"
#include "tokenizers/text_repair/unicode_strings.h"

namespace swan::tokenizers::text_repair {
namespace {

// Ref: ftfy 6.3.1 __init__.py, fix_and_explain. Its fix_surrogates has nothing to do here.
std::u32string fix_segment(std::u32string text, bool unescape) {
  Budget budget(text.size());
  while (budget.spend(text.size())) {
    std::u32string fixed = unescape ? unescape_html_cautiously(text) : text;
    fixed = fix_encoding(std::move(fixed), budget);
    fixed = fix_c1_controls(std::move(fixed));
    fixed = fix_latin_ligatures(fixed);
    fixed = fix_character_width(fixed);
    fixed = uncurl_quotes(std::move(fixed));
    fixed = fix_line_breaks(fixed);
    fixed = remove_terminal_escapes(fixed);
    fixed = remove_control_chars(std::move(fixed));
    fixed = to_nfc(std::move(fixed));
    if (fixed == text) break;
    text = std::move(fixed);
  }
  return text;
}

}  // namespace

std::u32string fix_text(std::u32string_view text) {
  constexpr size_t kMaxDecodeLength = 1'000'000;
  std::u32string result;
  bool unescape = true;
  while (!text.empty()) {
    const size_t line = std::min(text.find(U'\n'), text.size() - 1) + 1;
    const std::u32string_view segment = text.substr(0, std::min(line, kMaxDecodeLength));
    // A tag: from here on the text is taken for real HTML.
    if (segment.find(U'<') != std::u32string_view::npos) unescape = false;
    result += fix_segment(std::u32string(segment), unescape);
    text.remove_prefix(segment.size());
  }
  return result;
}

}  // namespace swan::tokenizers::text_repair
