#include "io/checkpoint/key_map.h"

#include <algorithm>
#include <array>

#include "core/error.h"

namespace swan::io {

namespace {

// Numbers as Python writes them: another spelling of the same one would be another tensor.
size_t number_at(std::string_view text) {
  constexpr size_t kDigits = 5;
  const size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  return end > kDigits || (end > 1 && text[0] == '0') ? 0 : end;
}

size_t part_at(std::string_view text) { return std::min(text.find('.'), text.size()); }

}  // namespace

std::string_view& KeyMap::Captures::of(char placeholder) { return placeholder == 'i' ? i : placeholder == 'j' ? j : p; }

KeyMap::Pattern KeyMap::compile(const std::string& text) {
  Pattern pattern;
  std::string_view rest = text;
  for (;;) {
    const size_t open = rest.find('{');
    Piece& piece = pattern.emplace_back(Piece{std::string(rest.substr(0, open))});
    if (open == rest.npos) return pattern;
    if (rest.size() < open + 3 || rest[open + 2] != '}' || std::string_view("ijp").find(rest[open + 1]) == rest.npos)
      fail(ErrorCode::kInvalidArgument, "'{}' is not a pattern of names.", text);
    piece.placeholder = rest[open + 1];
    rest.remove_prefix(open + 3);
  }
}

std::optional<KeyMap::Captures> KeyMap::match(const Pattern& pattern, std::string_view text) {
  Captures captures;
  for (const Piece& piece : pattern) {
    if (!text.starts_with(piece.literal)) return std::nullopt;
    text.remove_prefix(piece.literal.size());
    if (piece.placeholder == 0) break;
    const size_t length = piece.placeholder == 'p' ? part_at(text) : number_at(text);
    if (length == 0) return std::nullopt;
    captures.of(piece.placeholder) = text.substr(0, length);
    text.remove_prefix(length);
  }
  if (!text.empty()) return std::nullopt;
  return captures;
}

KeyMap::Place KeyMap::substitute(const Rule& rule, const Pattern& pattern, Captures captures) {
  Place place = rule.place;
  for (const Piece& piece : pattern) {
    place.name += piece.literal;
    if (piece.placeholder != 0) place.name += captures.of(piece.placeholder);
  }
  return place;
}

KeyMap::KeyMap(std::span<const KeyGroup> groups) {
  static constexpr std::array kTop = {KeyPlace{"", ""}};
  for (const KeyGroup& group : groups)
    for (const KeyPlace& at : group.places.empty() ? std::span<const KeyPlace>(kTop) : group.places)
      for (const KeyRule& rule : group.rules) {
        Rule& made = rules_.emplace_back();
        made.original = compile(std::string(at.original) + rule.original);
        if (*rule.diffusers != '\0') made.diffusers = compile(std::string(at.diffusers) + rule.diffusers);
        made.place = {.name = "", .part = rule.part, .parts = rule.parts, .trailing_ones = rule.trailing_ones};
      }
}

std::vector<KeyMap::Place> KeyMap::to_diffusers(std::string_view original) const {
  std::vector<Place> places;
  for (const Rule& rule : rules_) {
    if (rule.diffusers.empty()) continue;
    const auto captures = match(rule.original, original);
    if (!captures) continue;
    places.push_back(substitute(rule, rule.diffusers, *captures));
    if (rule.place.parts == static_cast<int64_t>(places.size())) break;
  }
  return places;
}

bool KeyMap::drops(std::string_view original) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return rule.diffusers.empty() && match(rule.original, original); });
}

std::optional<KeyMap::Place> KeyMap::to_original(std::string_view diffusers) const {
  for (const Rule& rule : rules_)
    if (!rule.diffusers.empty())
      if (const auto captures = match(rule.diffusers, diffusers)) return substitute(rule, rule.original, *captures);
  return std::nullopt;
}

std::optional<Shape> KeyMap::diffusers_shape(const Shape& original, const Place& place) {
  std::vector<int64_t> dims(original.dims().begin(), original.dims().end());
  for (int i = 0; i < place.trailing_ones; ++i) {
    if (dims.empty() || dims.back() != 1) return std::nullopt;
    dims.pop_back();
  }
  if (place.parts > 1) {
    if (dims.empty() || dims[0] % place.parts != 0) return std::nullopt;
    dims[0] /= place.parts;
  }
  return Shape(dims);
}

Shape KeyMap::original_shape(const Shape& diffusers, const Place& place) {
  std::vector<int64_t> dims(diffusers.dims().begin(), diffusers.dims().end());
  if (place.parts > 1 && !dims.empty()) dims[0] *= place.parts;
  dims.resize(dims.size() + static_cast<size_t>(place.trailing_ones), 1);
  return Shape(dims);
}

}  // namespace swan::io
