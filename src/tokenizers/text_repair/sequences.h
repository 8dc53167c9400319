#pragma once

#include <unicode/uniset.h>

#include <cstddef>
#include <initializer_list>
#include <string_view>
#include <vector>

namespace swan::tokenizers::text_repair {

/// A choice of short sequences of character sets: the part of regular expressions that text repair needs, without
/// their backtracking. Immutable once made.
class Sequences {
 public:
  /// @param rules  each the sets of one sequence, parted by spaces, in the syntax of icu::UnicodeSet (a lone
  ///               character stands for itself). {name} inserts a class of character_classes.inc, {word} and {space}
  ///               are \w and \s of Python's re; a leading ^ stands for the beginning of the text.
  explicit Sequences(std::initializer_list<const char*> rules);

  /// The length of the first rule that matches at `position`, 0 where none does.
  /// @param text  of char32_t, or of bytes, which count as U+0000 to U+00FF
  template <typename Char>
  [[nodiscard]] size_t match(std::basic_string_view<Char> text, size_t position) const;
  /// Whether a rule matches anywhere.
  template <typename Char>
  [[nodiscard]] bool found_in(std::basic_string_view<Char> text) const;

 private:
  struct Rule {
    bool at_start = false;
    std::vector<icu::UnicodeSet> sets;
  };
  static UChar32 code_point(char32_t c) noexcept { return static_cast<UChar32>(c); }
  static UChar32 code_point(char c) noexcept { return static_cast<unsigned char>(c); }

  std::vector<Rule> rules_;
  icu::UnicodeSet first_;  // what any of them starts with
};

/// A single set in the same syntax.
[[nodiscard]] icu::UnicodeSet character_set(std::string_view pattern);

template <typename Char>
size_t Sequences::match(std::basic_string_view<Char> text, size_t position) const {
  if (position >= text.size() || first_.contains(code_point(text[position])) == 0) return 0;
  for (const Rule& rule : rules_) {
    const size_t length = rule.sets.size();
    if ((rule.at_start && position > 0) || length > text.size() - position) continue;
    size_t i = 0;
    while (i < length && rule.sets[i].contains(code_point(text[position + i])) != 0) ++i;
    if (i == length) return length;
  }
  return 0;
}

template <typename Char>
bool Sequences::found_in(std::basic_string_view<Char> text) const {
  for (size_t i = 0; i < text.size(); ++i)
    if (match(text, i) != 0) return true;
  return false;
}

}  // namespace swan::tokenizers::text_repair
