#include "tokenizers/bpe_merges.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "core/error.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

[[noreturn]] void not_sentencepiece(const std::string& path, const std::string& what) {
  fail(ErrorCode::kUnsupported,
       "cannot load tokenizer: the merges in {} do not follow from piece scores as in Gemma's tokenizers: {}; add the "
       "sentencepiece model (tokenizer.model) that belongs to it.",
       path, what);
}

size_t characters(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

using Index = std::unordered_map<std::string_view, size_t>;

/// How many ways there are to cut a piece into two pieces.
int64_t count_splits(std::string_view text, const Index& index) {
  int64_t count = 0;
  for (size_t cut = 1; cut < text.size(); ++cut) {
    if ((static_cast<uint8_t>(text[cut]) & 0xC0) == 0x80) continue;
    count += index.contains(text.substr(0, cut)) && index.contains(text.substr(cut)) ? 1 : 0;
  }
  return count;
}

/// What the merges say about one piece.
struct Ranks {
  int64_t first = -1;
  int64_t last = -1;
  int64_t count = 0;
};

/// Pieces whose merges alternate must have had equal scores: their merges are then sorted by the halves' lengths.
void check_alternation(const Merges& merges, const std::vector<size_t>& made, const std::vector<Ranks>& ranks,
                       const std::string& path) {
  int64_t block_end = -1;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto [left, right] = merges[rank];
    const int64_t end = ranks[made[rank]].last;
    if (static_cast<int64_t>(rank) <= block_end && made[rank] != made[rank - 1]) {
      const auto lengths = std::pair(characters(left), characters(right));
      const auto before = std::pair(characters(merges[rank - 1].first), characters(merges[rank - 1].second));
      if (lengths > before) {
        not_sentencepiece(path, fmt::format("merge {} ('{}' '{}') is out of order", rank, left, right));
      }
    }
    if (end > block_end) block_end = end;
  }
}

}  // namespace

void score_by_merges(std::vector<Piece>& pieces, const Merges& merges, const std::string& path) {
  Index index;
  index.reserve(pieces.size());
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!index.emplace(pieces[i].text, i).second) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: '{}' occurs twice in the vocabulary of {}; download it again.", pieces[i].text,
           path);
    }
  }
  std::vector<Ranks> ranks(pieces.size());
  std::vector<size_t> made(merges.size());
  std::string text;
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    const auto& [left, right] = merges[rank];
    text.assign(left).append(right);
    const auto piece = index.find(text);
    if (piece == index.end() || !index.contains(left) || !index.contains(right)) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: merge {} in {} joins '{}' and '{}', but they or the result are not in the "
           "vocabulary; "
           "download the file again.",
           rank, path, left, right);
    }
    made[rank] = piece->second;
    Ranks& of_piece = ranks[piece->second];
    if (of_piece.first < 0) of_piece.first = static_cast<int64_t>(rank);
    of_piece.last = static_cast<int64_t>(rank);
    ++of_piece.count;
  }
  check_alternation(merges, made, ranks, path);

  for (size_t i = 0; i < pieces.size(); ++i) {
    Piece& piece = pieces[i];
    if (piece.type == PieceType::kByte || piece.type == PieceType::kUnknown) continue;
    if (ranks[i].count > 0) {
      if (ranks[i].count != count_splits(piece.text, index)) {
        not_sentencepiece(path, fmt::format("'{}' can be made in {} ways, but {} are listed", piece.text,
                                            count_splits(piece.text, index), ranks[i].count));
      }
      piece.type = PieceType::kNormal;
      piece.score = -static_cast<float>(ranks[i].first);
    } else if (characters(piece.text) == 1) {
      piece.type = PieceType::kNormal;
    }
  }
}

}  // namespace swan::tokenizers
