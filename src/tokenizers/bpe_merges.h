#pragma once

#include <string>
#include <utility>
#include <vector>

#include "tokenizers/definition.h"

namespace swan::tokenizers {

using Merges = std::vector<std::pair<std::string, std::string>>;

/// Turns a table of merges into what sentencepiece knows, a score for each piece: minus the rank of the first merge
/// that makes it. Pieces of one character, and those that a merge makes, become kNormal; kByte and kUnknown stay.
///
/// Sentencepiece merges any two neighbours that together make a piece, best score first, leftmost first among equals.
/// So the table must list every split of a piece into two pieces, and merges of different pieces may alternate only
/// among equal scores, where tables made from sentencepiece models sort by the halves' lengths.
/// @param path  for messages
/// @throws Error kCorruptFile for a merge of, or into, something that is no piece; kUnsupported for another table
void score_by_merges(std::vector<Piece>& pieces, const Merges& merges, const std::string& path);

}  // namespace swan::tokenizers
