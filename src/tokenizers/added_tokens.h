#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

/// A stretch of a text that is one added token, or text for the model.
struct Section {
  std::string_view text;  ///< empty for a token
  int32_t id = -1;        ///< -1: text
  bool at_start = false;  ///< begins the whole text
};

/// Finds added tokens in a text: first those with normalized = false, leftmost first and longest at each place, then
/// the others in what is left. Takes time linear in the text (times the longest token's length). Ref:
/// huggingface/tokenizers, added_vocabulary.rs
class AddedTokenFinder {
 public:
  AddedTokenFinder() = default;
  /// @param spaces_are_marks  what is normalised has "▁" in place of spaces, which rstrip and lstrip then leave
  AddedTokenFinder(std::vector<AddedToken> tokens, bool spaces_are_marks);

  /// @param text  valid UTF-8, which the sections refer to
  [[nodiscard]] std::vector<Section> split(std::string_view text) const;

 private:
  /// Tokens sorted by content: those that share a prefix are neighbours, so a match narrows a range byte by byte.
  struct Set {
    std::vector<AddedToken> tokens;
    std::array<bool, 256> first_bytes{};

    bool strips_spaces = true;

    Set(std::vector<AddedToken> unsorted, bool strips);
    Set() = default;
    [[nodiscard]] const AddedToken* longest_match(std::string_view text) const;
    void split(const Section& section, std::vector<Section>& sections) const;
  };

  Set raw_;
  Set normalized_;
};

}  // namespace swan::tokenizers
