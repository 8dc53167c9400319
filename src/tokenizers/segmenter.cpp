#include "tokenizers/segmenter.h"

#include <sentencepiece_processor.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/error.h"
#include "tokenizers/charsmap.h"
#include "tokenizers/model_proto.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

/// The byte that a piece "<0x41>" stands for, else -1.
int byte_of(std::string_view piece) {
  const auto digit = [](char c) { return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1; };
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece[5] != '>') return -1;
  const int high = digit(piece[3]), low = digit(piece[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/// Bytes that a missing piece is harmless for: those that make a character alone, and those that UTF-8 never uses.
bool may_lack_piece(int byte) { return byte < 0x80 || byte == 0xC0 || byte == 0xC1 || byte > 0xF4; }

}  // namespace

Segmenter::~Segmenter() = default;

Segmenter::Segmenter(Vocabulary vocabulary, std::string path)
    : path_(std::move(path)),
      type_(vocabulary.type),
      word_prefix_(vocabulary.word_prefix),
      pieces_(std::move(vocabulary.pieces)),
      charsmap_(std::move(vocabulary.precompiled_charsmap)) {
  if (!charsmap_.empty()) check_charsmap(charsmap_, path_);
  const bool unigram = type_ == ModelType::kUnigram;
  int64_t unknowns = 0;
  for (Piece& piece : pieces_) {
    const bool is_byte = piece.type == PieceType::kByte && vocabulary.byte_fallback;
    if (piece.type == PieceType::kUnknown) {
      ++unknowns;
    } else if (!is_byte && (unigram || piece.type == PieceType::kUserDefined || piece.type == PieceType::kUnused)) {
      piece.type = PieceType::kNormal;
    } else if (!is_byte && piece.type == PieceType::kByte) {
      piece.type = PieceType::kControl;
    }
    if (unigram && piece.text.find('\0') != std::string::npos) {
      fail(ErrorCode::kCorruptFile, "cannot load tokenizer: piece {} in {} contains a NUL; download the file again.",
           piece.id, path_);
    }
  }
  if (unknowns != 1) {
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: {} has {} pieces for unknown characters, expected one (<unk>); download it again.",
         path_, unknowns);
  }
  if (vocabulary.byte_fallback) add_byte_pieces();
  if (unigram) add_literal_pieces();

  ids_.reserve(pieces_.size());
  for (const Piece& piece : pieces_) ids_.push_back(piece.id);
  processor_ = load(unigram);
  // A second model without the prefix is rarely wanted; only the vocabulary's bytes stay for it.
  if (!unigram || word_prefix_ == WordPrefix::kAlways) {
    pieces_ = {};
    charsmap_ = {};
  }
}

void Segmenter::add_byte_pieces() {
  // Sentencepiece wants all 256 of them. The published Gemma tokenizer.json has "\t" in place of "<0x09>": the tab is
  // an ordinary piece there, and a byte that is missing altogether is unknown, as in the reference.
  std::array<bool, 256> found{};
  int32_t unknown_id = 0;
  for (const Piece& piece : pieces_) {
    if (piece.type == PieceType::kUnknown) unknown_id = piece.id;
    if (piece.type != PieceType::kByte) continue;
    const int byte = byte_of(piece.text);
    if (byte < 0) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: piece {} in {} is marked as a byte but is '{}'; download it again.", piece.id, path_,
           piece.text);
    }
    found[static_cast<size_t>(byte)] = true;
  }
  for (int byte = 0; byte < 256; ++byte) {
    if (found[static_cast<size_t>(byte)]) continue;
    const std::string text = fmt::format("<0x{:02X}>", byte);
    if (!may_lack_piece(byte)) {
      fail(ErrorCode::kCorruptFile,
           "cannot load tokenizer: {} falls back to bytes but lacks the piece {}; download it again.", path_, text);
    }
    pieces_.push_back({.text = text, .id = unknown_id, .type = PieceType::kByte});
  }
}

void Segmenter::add_literal_pieces() {
  // Sentencepiece keeps byte and unknown pieces apart from those that a text can match, so a twin may have the same
  // text.
  const size_t count = pieces_.size();
  for (size_t i = 0; i < count; ++i) {
    if (pieces_[i].type != PieceType::kByte && pieces_[i].type != PieceType::kUnknown) continue;
    Piece twin = pieces_[i];
    twin.type = PieceType::kNormal;
    pieces_.push_back(std::move(twin));
  }
}

std::unique_ptr<Segmenter::Processor> Segmenter::load(bool add_dummy_prefix) const {
  const bool unigram = type_ == ModelType::kUnigram;
  const std::string model = write_model_proto(
      type_, pieces_, charsmap_, {.add_dummy_prefix = add_dummy_prefix, .remove_extra_whitespaces = unigram});
  auto processor = std::make_unique<Processor>();
  std::string problem;
  try {
    const auto status = processor->LoadFromSerializedProto(model);
    if (status.ok()) return processor;
    problem = status.ToString();
  } catch (const std::exception& error) {  // its trie throws exceptions of its own
    problem = error.what();
  }
  fail(ErrorCode::kCorruptFile,
       "cannot load tokenizer: the pieces in {} do not make a sentencepiece model: {}; download it again.", path_,
       problem);
}

const Segmenter::Processor& Segmenter::without_prefix() const {
  std::call_once(without_prefix_once_, [this] { without_prefix_ = load(false); });
  return *without_prefix_;
}

void Segmenter::run(const Processor& processor, std::string_view text, std::vector<int32_t>& ids) const {
  std::vector<int> indices;
  const auto status = processor.Encode(text, &indices);
  if (!status.ok()) {
    fail(ErrorCode::kInternal,
         "internal error: sentencepiece cannot encode a text of {} bytes with {}: {}; please report it.", text.size(),
         path_, status.ToString());
  }
  for (const int index : indices) ids.push_back(ids_.at(static_cast<size_t>(index)));
}

void Segmenter::encode(std::string_view text, bool at_start, std::vector<int32_t>& ids) const {
  if (type_ == ModelType::kBpe) {
    run(*processor_, text, ids);
    return;
  }
  // Word by word, as the reference does: sentencepiece adds up scores in f32, and over a long prompt the rounding of
  // the sum would decide between two cuts of a word. No normalisation reaches across a space.
  for (size_t begin = 0; begin < text.size();) {
    size_t end = text.find(' ', begin);
    if (end == std::string_view::npos) end = text.size();
    if (end > begin) {
      const bool prefix =
          begin > 0 || word_prefix_ == WordPrefix::kAlways || (word_prefix_ == WordPrefix::kFirst && at_start);
      run(prefix ? *processor_ : without_prefix(), text.substr(begin, end - begin), ids);
    }
    begin = end + 1;
  }
}

}  // namespace swan::tokenizers
