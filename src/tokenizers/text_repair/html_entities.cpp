#include "tokenizers/text_repair/html_entities.h"

#include <unicode/locid.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <cstdint>

#include "core/text.h"
#include "tokenizers/text_repair/charmaps.h"
#include "tokenizers/text_repair/unicode_strings.h"

namespace swan::tokenizers::text_repair {
namespace {

struct Entity {
  std::string_view name;  // without semicolon; the table is in order
  char32_t first, second;
  bool bare;  // also without semicolon
};
constexpr Entity kEntities[] = {
#include "tokenizers/text_repair/html_entities.inc"
};

bool is_digit(char32_t c) noexcept { return c >= '0' && c <= '9'; }
bool is_letter(char32_t c) noexcept { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
int hex_value(char32_t c) noexcept {
  if (is_digit(c)) return static_cast<int>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<int>(c - 'a') + 10;
  return c >= 'A' && c <= 'F' ? static_cast<int>(c - 'A') + 10 : -1;
}

const Entity* find_entity(std::string_view name) noexcept {
  const auto* it = std::lower_bound(std::begin(kEntities), std::end(kEntities), name,
                                    [](const Entity& e, std::string_view n) { return e.name < n; });
  return it != std::end(kEntities) && it->name == name ? it : nullptr;
}

std::u32string value_of(const Entity& entity) {
  std::u32string value(1, entity.first);
  if (entity.second != 0) value += entity.second;
  return value;
}

// The longest name without semicolon that the text starts with, but not all of it.
const Entity* find_prefix(std::string_view text) noexcept {
  for (size_t length = text.size(); length >= 2; --length) {
    const Entity* entity = find_entity(text.substr(0, length));
    if (entity != nullptr && entity->bare) return entity;
  }
  return nullptr;
}

// What a number stands for. Ref: CPython Lib/html/__init__.py, _invalid_charrefs and _invalid_codepoints
std::u32string numbered(uint32_t number) {
  constexpr char32_t kReplacement = 0xFFFD;
  if (number >= 0x80 && number <= 0x9F)
    return std::u32string(1, decode(static_cast<uint8_t>(number), Charmap::kWindows1252));
  if (number == 0 || (number >= 0xD800 && number <= 0xDFFF) || number > 0x10FFFF) return {kReplacement};
  const bool control = number < 0x20 && number != '\t' && number != '\n' && number != '\f' && number != '\r';
  const bool noncharacter = (number >= 0xFDD0 && number <= 0xFDEF) || (number & 0xFFFE) == 0xFFFE;
  if (control || number == 0x7F || noncharacter) return {};
  return std::u32string(1, number);
}

// A reference to a number, "#39;" or "#x27;", at the start of the text; the semicolon may be missing. Its value goes to
// `result`. Returns its length, 0 if there is none.
size_t read_number(std::u32string_view text, std::u32string& result) {
  constexpr uint32_t kTooLarge = 0x110000;
  if (!text.starts_with(U'#')) return 0;
  const bool hex = text.size() > 1 && (text[1] == 'x' || text[1] == 'X');
  const size_t begin = hex ? 2 : 1;
  size_t end = begin;
  uint32_t number = 0;
  for (; end < text.size() && (hex ? hex_value(text[end]) >= 0 : is_digit(text[end])); ++end)
    number = std::min(number * (hex ? 16 : 10) + static_cast<uint32_t>(hex_value(text[end])), kTooLarge);
  if (end == begin) return 0;
  result += numbered(number);
  return end < text.size() && text[end] == ';' ? end + 1 : end;
}

// The same for a name, "amp;" or "amp"; letters that follow a name without semicolon stay.
size_t read_name(std::u32string_view text, std::u32string& result) {
  constexpr size_t kLongest = 32;
  constexpr std::u32string_view kEnds = U"\t\n\f <&#;";
  size_t length = 0;
  std::string ascii;  // the name as far as it can be one
  while (length < std::min(text.size(), kLongest) && kEnds.find(text[length]) == std::u32string_view::npos) {
    if (ascii.size() == length && text[length] < 0x80) ascii += static_cast<char>(text[length]);
    ++length;
  }
  if (length == 0) return 0;
  const bool semicolon = length < text.size() && text[length] == ';';
  const Entity* entity = semicolon && ascii.size() == length ? find_entity(ascii) : find_prefix(ascii);
  if (semicolon && entity == nullptr) entity = find_prefix(ascii);
  if (entity == nullptr) return 0;
  result += value_of(*entity);
  return semicolon && entity->name.size() == length ? length + 1 : entity->name.size();
}

// The length of "&name;" or "&#number;" at the start of the text, 0 if there is none.
size_t cautious_length(std::u32string_view text) noexcept {
  constexpr size_t kLongest = 24;
  if (!text.starts_with(U'&')) return 0;
  const size_t begin = text.size() > 1 && text[1] == '#' ? 2 : 1;
  size_t end = begin;
  while (end < text.size() && (is_digit(text[end]) || is_letter(text[end]))) ++end;
  const bool fits = end > begin && end - begin <= kLongest;
  return fits && end < text.size() && text[end] == ';' ? end + 1 : 0;
}

// What "&NAME;" is in capitals, when that is no name itself; empty where it is nothing.
std::u32string capital(const std::string& name) {
  const bool has_lower = std::any_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  const Entity* entity = find_entity(in_lower_case(name));
  if (has_lower || entity == nullptr || find_prefix(name) != nullptr) return {};
  icu::UnicodeString value = to_icu(value_of(*entity));
  return from_icu(value.toUpper(icu::Locale::getRoot()));
}

}  // namespace

std::u32string unescape_html(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    size_t length = 0;
    if (text[i] == '&') {
      const std::u32string_view rest = text.substr(i + 1);
      length = read_number(rest, result);
      if (length == 0) length = read_name(rest, result);
    }
    if (length == 0) result += text[i];
    i += length + 1;
  }
  return result;
}

std::u32string unescape_html_cautiously(std::u32string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    const size_t length = cautious_length(text.substr(i));
    if (length == 0) {
      result += text[i++];
      continue;
    }
    const std::u32string_view reference = text.substr(i, length);
    std::u32string value;
    if (reference[1] == '#') {
      value = unescape_html(reference);
      if (value.find(U';') != std::u32string::npos) value = reference;  // only a part was a number
    } else {
      const std::string name(reference.begin() + 1, reference.end() - 1);
      const Entity* entity = find_entity(name);
      value = entity != nullptr ? value_of(*entity) : capital(name);
      if (value.empty()) value = reference;
    }
    result += value;
    i += length;
  }
  return result;
}

}  // namespace swan::tokenizers::text_repair
