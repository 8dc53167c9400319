#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "swan/tensor.h"

namespace swan::io {

/// A tensor's name in a format and in diffusers' repositories, as patterns: {i} and {j} stand for the same whole number
/// on both sides, {p} for the same part of a dotted path ("weight", "bias"). A network's repeated places (KeyPlace) and
/// what is at each of them (KeyRule) are tables of their own, so that a table says nothing twice.
struct KeyPlace {
  const char *original, *diffusers;  ///< beginnings, with the dot at their end
};
struct KeyRule {
  const char* original;
  const char* diffusers;        ///< "": the format has what diffusers does without
  int64_t part = 0, parts = 1;  ///< diffusers' tensor is that part of the original's rows, as q of a fused qkv
  int trailing_ones = 0;        ///< dimensions of one at the end that the original has besides, as a linear layer that
                                ///< was written as a convolution
};
struct KeyGroup {
  std::span<const KeyPlace> places;
  std::span<const KeyRule> rules;
};

/// How the names and shapes of a format and diffusers' become each other. Immutable once made; thread-safe.
class KeyMap {
 public:
  /// What is made of a tensor of one side, on the other.
  struct Place {
    std::string name;
    int64_t part = 0, parts = 1;
    int trailing_ones = 0;
  };
  /// @throws Error kInvalidArgument for a pattern that is none: a defect of a table
  explicit KeyMap(std::span<const KeyGroup> groups);

  /// The tensors of diffusers that are in the format's tensor: none if no rule knows it, or if diffusers does without.
  [[nodiscard]] std::vector<Place> to_diffusers(std::string_view original) const;
  /// Whether the format's tensor is one that diffusers does without.
  [[nodiscard]] bool drops(std::string_view original) const;
  /// Where the format has diffusers' tensor; nothing if no rule knows it.
  [[nodiscard]] std::optional<Place> to_original(std::string_view diffusers) const;

  /// The shape of diffusers' tensor, of the original's; nothing where the rule does not fit it.
  [[nodiscard]] static std::optional<Shape> diffusers_shape(const Shape& original, const Place& place);
  /// The inverse. @throws Error kInvalidArgument for more dimensions than a Shape has
  [[nodiscard]] static Shape original_shape(const Shape& diffusers, const Place& place);

 private:
  struct Piece {
    std::string literal;   // what stands before the placeholder
    char placeholder = 0;  // 'i', 'j', 'p'; 0: the pattern ends here
  };
  using Pattern = std::vector<Piece>;
  struct Captures {
    std::string_view i, j, p;
    [[nodiscard]] std::string_view& of(char placeholder);
  };
  struct Rule {
    Pattern original, diffusers;  // diffusers: empty for what it does without
    Place place;                  // without its name
  };
  [[nodiscard]] static Pattern compile(const std::string& text);
  [[nodiscard]] static std::optional<Captures> match(const Pattern& pattern, std::string_view text);
  [[nodiscard]] static Place substitute(const Rule& rule, const Pattern& pattern, Captures captures);

  std::vector<Rule> rules_;
};

}  // namespace swan::io
