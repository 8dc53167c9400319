#include "tokenizers/text_repair/unicode_strings.h"

#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>

#include "core/error.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers::text_repair {
namespace {

void check(UErrorCode status) {
  if (U_FAILURE(status)) fail(ErrorCode::kInternal, "text repair: ICU cannot normalise: {}.", u_errorName(status));
}

// Normalisation form D. ICU would sort a run of combining marks by insertion, which hostile text makes quadratic.
std::u32string to_nfd(std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfd = icu::Normalizer2::getNFDInstance(status);
  check(status);
  std::u32string result;
  result.reserve(text.size());
  icu::UnicodeString decomposed;
  for (const char32_t c : text) {
    if (c >= 0x80 && nfd->getDecomposition(static_cast<UChar32>(c), decomposed) != 0) {
      result += from_icu(decomposed);
    } else {
      result += c;
    }
  }
  const auto combining_class = [](char32_t c) { return u_getCombiningClass(static_cast<UChar32>(c)); };
  const auto is_mark = [&](char32_t c) { return c >= 0x300 && combining_class(c) != 0; };
  for (auto begin = result.begin(); begin != result.end();) {
    begin = std::find_if(begin, result.end(), is_mark);
    const auto end = std::find_if_not(begin, result.end(), is_mark);
    std::stable_sort(begin, end, [&](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  return result;
}

std::u32string normalize(const icu::Normalizer2& normalizer, std::u32string_view text) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::UnicodeString result = normalizer.normalize(to_icu(text), status);
  check(status);
  return from_icu(result);
}

}  // namespace

icu::UnicodeString to_icu(std::u32string_view text) {
  return icu::UnicodeString::fromUTF32(reinterpret_cast<const UChar32*>(text.data()),
                                       static_cast<int32_t>(text.size()));
}

std::u32string from_icu(const icu::UnicodeString& text) {
  std::u32string result;
  result.reserve(static_cast<size_t>(text.length()));
  for (int32_t i = 0; i < text.length(); i = text.moveIndex32(i, 1)) result += static_cast<char32_t>(text.char32At(i));
  return result;
}

std::u32string from_utf8(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) result += static_cast<char32_t>(next_character(text, i));
  return result;
}

std::string to_utf8(std::u32string_view text) {
  std::string result;
  to_icu(text).toUTF8String(result);
  return result;
}

std::u32string to_nfc(std::u32string text) {
  if (std::all_of(text.begin(), text.end(), [](char32_t c) { return c < 0x80; })) return text;
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfc = icu::Normalizer2::getNFCInstance(status);
  check(status);
  return normalize(*nfc, to_nfd(text));
}

std::u32string to_nfkc(char32_t c) {
  UErrorCode status = U_ZERO_ERROR;
  const icu::Normalizer2* nfkc = icu::Normalizer2::getNFKCInstance(status);
  check(status);
  return normalize(*nfkc, std::u32string_view(&c, 1));
}

}  // namespace swan::tokenizers::text_repair
