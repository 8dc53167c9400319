#include "tokenizers/added_tokens.h"

#include <algorithm>
#include <utility>

#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

/// Whether a token found at [begin, end) of `text` stands inside a word.
bool touches_word(std::string_view text, size_t begin, size_t end) {
  const int32_t before = previous_character(text, begin);
  const int32_t after = next_character(text, end);
  return (before >= 0 && is_word_character(before)) || (after >= 0 && is_word_character(after));
}

}  // namespace

AddedTokenFinder::Set::Set(std::vector<AddedToken> unsorted, bool strips)
    : tokens(std::move(unsorted)), strips_spaces(strips) {
  std::sort(tokens.begin(), tokens.end(),
            [](const AddedToken& a, const AddedToken& b) { return a.content < b.content; });
  for (const AddedToken& token : tokens) first_bytes[static_cast<uint8_t>(token.content.front())] = true;
}

const AddedToken* AddedTokenFinder::Set::longest_match(std::string_view text) const {
  const AddedToken* longest = nullptr;
  auto low = tokens.begin(), high = tokens.end();
  for (size_t depth = 0; depth < text.size() && low != high; ++depth) {
    // Shorter tokens sort first, so all of [low, high) are longer than `depth` here.
    const auto byte = static_cast<uint8_t>(text[depth]);
    const auto byte_of = [depth](const AddedToken& token) { return static_cast<uint8_t>(token.content[depth]); };
    low = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) < byte; });
    high = std::partition_point(low, high, [&](const AddedToken& token) { return byte_of(token) == byte; });
    if (low != high && low->content.size() == depth + 1) longest = &*low++;
  }
  return longest;
}

void AddedTokenFinder::Set::split(const Section& section, std::vector<Section>& sections) const {
  const std::string_view text = section.text;
  const auto strips = [this](int32_t c) { return is_white_space(c) && (strips_spaces || c != ' '); };
  size_t done = 0;  // everything before is in `sections`
  const auto take_text = [&](size_t end) {
    if (end > done) sections.push_back({text.substr(done, end - done), -1, section.at_start && done == 0});
  };
  for (size_t i = 0; i < text.size();) {
    const AddedToken* token = first_bytes[static_cast<uint8_t>(text[i])] ? longest_match(text.substr(i)) : nullptr;
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + token->content.size();
    i = end;  // even with rstrip: whitespace that is itself a token ("\n") is then both stripped and found, as in the
              // reference
    if (token->single_word && touches_word(text, begin, end)) continue;
    if (token->lstrip) {
      for (size_t p = begin; p > done && strips(previous_character(text, p));) begin = std::max(p, done);
    }
    if (token->rstrip) {
      for (size_t p = end; p < text.size() && strips(next_character(text, p));) end = p;
    }
    take_text(begin);
    sections.push_back({{}, token->id, section.at_start && begin == 0});
    done = end;
  }
  take_text(text.size());
}

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens, bool spaces_are_marks) {
  const auto middle = std::partition(tokens.begin(), tokens.end(), [](const AddedToken& t) { return !t.normalized; });
  normalized_ = Set({std::make_move_iterator(middle), std::make_move_iterator(tokens.end())}, !spaces_are_marks);
  tokens.erase(middle, tokens.end());
  raw_ = Set(std::move(tokens), true);
}

std::vector<Section> AddedTokenFinder::split(std::string_view text) const {
  std::vector<Section> first, sections;
  raw_.split({text, -1, true}, first);
  for (const Section& section : first) {
    if (section.id >= 0) {
      sections.push_back(section);
    } else {
      normalized_.split(section, sections);
    }
  }
  return sections;
}

}  // namespace swan::tokenizers
