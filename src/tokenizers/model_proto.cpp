#include "tokenizers/model_proto.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "tokenizers/charsmap.h"
#include "tokenizers/unicode.h"

namespace swan::tokenizers {
namespace {

// Field numbers of sentencepiece_model.proto.
namespace field {
constexpr uint32_t kModelPieces = 1, kModelTrainer = 2, kModelNormalizer = 3;
constexpr uint32_t kPieceText = 1, kPieceScore = 2, kPieceType = 3;
constexpr uint32_t kTrainerModelType = 3, kTrainerByteFallback = 35;
constexpr uint32_t kNormalizerCharsmap = 2, kNormalizerDummyPrefix = 3, kNormalizerRemoveSpaces = 4;
}  // namespace field

enum WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

[[noreturn]] void corrupt(const std::string& path, const std::string& what) {
  fail(ErrorCode::kCorruptFile, "cannot load tokenizer: {} is not a valid sentencepiece model: {}; download it again.",
       path, what);
}

/// One field of a message: a number for varints and fixed sizes, bytes for the rest.
struct Field {
  uint32_t number = 0;
  WireType wire = kVarint;
  uint64_t value = 0;
  std::string_view bytes = {};
};

/// Steps through the fields of a message.
class MessageReader {
 public:
  MessageReader(std::string_view bytes, const std::string& path) : rest_(bytes), path_(path) {}

  [[nodiscard]] std::optional<Field> next() {
    if (rest_.empty()) return std::nullopt;
    const uint64_t key = varint();
    Field field{.number = static_cast<uint32_t>(key >> 3), .wire = static_cast<WireType>(key & 7)};
    if ((key >> 3) == 0 || (key >> 32) != 0) corrupt(path_, "a field has an impossible number");
    switch (field.wire) {
      case kVarint:
        field.value = varint();
        break;
      case kFixed64:
        (void)take(8);
        break;
      case kBytes:
        field.bytes = take(varint());
        break;
      case kFixed32: {
        uint32_t value = 0;
        std::memcpy(&value, take(4).data(), 4);
        field.value = value;
        break;
      }
      default:
        corrupt(path_, fmt::format("field {} has the unknown wire type {}", field.number, key & 7));
    }
    return field;
  }

 private:
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<uint8_t>(take(1).front());
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    corrupt(path_, "a number has more than ten bytes");
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size()) corrupt(path_, "it ends in the middle of a field");
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  std::string_view rest_;
  const std::string& path_;
};

void expect_wire(const Field& field, WireType wire, const char* name, const std::string& path) {
  if (field.wire != wire) {
    corrupt(path, fmt::format("{} has wire type {}, expected {}", name, static_cast<int>(field.wire),
                              static_cast<int>(wire)));
  }
}

Piece read_piece(std::string_view bytes, int32_t id, const std::string& path) {
  Piece piece{.id = id};
  MessageReader reader(bytes, path);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case field::kPieceText:
        expect_wire(*field, kBytes, "a piece's text", path);
        if (field->bytes.size() > kMaxPieceBytes) {
          corrupt(path, fmt::format("piece {} has {} bytes, more than {}", id, field->bytes.size(), kMaxPieceBytes));
        }
        piece.text = field->bytes;
        break;
      case field::kPieceScore:
        expect_wire(*field, kFixed32, "a piece's score", path);
        piece.score = std::bit_cast<float>(static_cast<uint32_t>(field->value));
        break;
      case field::kPieceType:
        expect_wire(*field, kVarint, "a piece's type", path);
        if (field->value < 1 || field->value > 6) {
          corrupt(path, fmt::format("piece {} has the unknown type {}", id, field->value));
        }
        piece.type = static_cast<PieceType>(field->value);
        break;
      default:
        break;
    }
  }
  if (piece.text.empty()) corrupt(path, fmt::format("piece {} is empty", id));
  if (!is_utf8(piece.text)) corrupt(path, fmt::format("piece {} is not UTF-8", id));
  if (!std::isfinite(piece.score)) corrupt(path, fmt::format("the score of piece {} is not a finite number", id));
  return piece;
}

ModelType read_model_type(uint64_t value, const std::string& path) {
  if (value == static_cast<uint64_t>(ModelType::kUnigram)) return ModelType::kUnigram;
  if (value == static_cast<uint64_t>(ModelType::kBpe)) return ModelType::kBpe;
  fail(ErrorCode::kUnsupported,
       "cannot load tokenizer: {} holds a model of type {}, but only unigram (1) and byte-pair (2) models are known; "
       "use the tokenizer of a Sana or Wan repository.",
       path, value);
}

}  // namespace

TokenizerDefinition read_model_proto(std::string_view bytes, const std::string& path) {
  TokenizerDefinition definition{.path = path};
  Vocabulary& vocabulary = definition.vocabulary;
  vocabulary.type = ModelType::kUnigram;  // the proto's defaults
  bool add_dummy_prefix = true, remove_extra_whitespaces = true;

  MessageReader model(bytes, path);
  while (const auto field = model.next()) {
    if (field->number == field::kModelPieces) {
      expect_wire(*field, kBytes, "a piece", path);
      if (static_cast<int64_t>(vocabulary.pieces.size()) > kMaxTokenId) corrupt(path, "it has too many pieces");
      vocabulary.pieces.push_back(read_piece(field->bytes, static_cast<int32_t>(vocabulary.pieces.size()), path));
    } else if (field->number == field::kModelTrainer) {
      expect_wire(*field, kBytes, "the trainer's settings", path);
      MessageReader trainer(field->bytes, path);
      while (const auto setting = trainer.next()) {
        if (setting->number == field::kTrainerModelType) vocabulary.type = read_model_type(setting->value, path);
        if (setting->number == field::kTrainerByteFallback) vocabulary.byte_fallback = setting->value != 0;
      }
    } else if (field->number == field::kModelNormalizer) {
      expect_wire(*field, kBytes, "the normaliser's settings", path);
      MessageReader normalizer(field->bytes, path);
      while (const auto setting = normalizer.next()) {
        if (setting->number == field::kNormalizerCharsmap) vocabulary.precompiled_charsmap = setting->bytes;
        if (setting->number == field::kNormalizerDummyPrefix) add_dummy_prefix = setting->value != 0;
        if (setting->number == field::kNormalizerRemoveSpaces) remove_extra_whitespaces = setting->value != 0;
      }
    }
  }
  if (vocabulary.pieces.empty()) corrupt(path, "it has no pieces");

  if (vocabulary.type == ModelType::kUnigram) {
    if (!remove_extra_whitespaces) {
      fail(ErrorCode::kUnsupported,
           "cannot load tokenizer: {} keeps repeated spaces, which T5's tokenizers do not; use the tokenizer of a Wan "
           "repository.",
           path);
    }
    vocabulary.word_prefix = add_dummy_prefix ? WordPrefix::kAlways : WordPrefix::kNever;
  } else {
    // The reference builds Gemma's normaliser itself: spaces become "▁", and nothing else happens.
    vocabulary.precompiled_charsmap.clear();
  }
  return definition;
}

namespace {

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  out += static_cast<char>(value);
}

void put_number(std::string& out, uint32_t field, uint64_t value) {
  put_varint(out, field << 3 | kVarint);
  put_varint(out, value);
}

void put_bytes(std::string& out, uint32_t field, std::string_view bytes) {
  put_varint(out, field << 3 | kBytes);
  put_varint(out, bytes.size());
  out += bytes;
}

void put_float(std::string& out, uint32_t field, float value) {
  put_varint(out, field << 3 | kFixed32);
  const auto bits = std::bit_cast<uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift);
}

}  // namespace

std::string write_model_proto(ModelType type, const std::vector<Piece>& pieces, std::string_view precompiled_charsmap,
                              SpaceRules spaces) {
  std::string model, message;
  model.reserve(pieces.size() * 24 + precompiled_charsmap.size());
  bool byte_fallback = false;
  for (const Piece& piece : pieces) {
    message.clear();
    put_bytes(message, field::kPieceText, piece.text);
    put_float(message, field::kPieceScore, piece.score);
    put_number(message, field::kPieceType, static_cast<uint64_t>(piece.type));
    put_bytes(model, field::kModelPieces, message);
    byte_fallback |= piece.type == PieceType::kByte;
  }
  message.clear();
  put_number(message, field::kTrainerModelType, static_cast<uint64_t>(type));
  put_number(message, field::kTrainerByteFallback, byte_fallback ? 1 : 0);
  put_bytes(model, field::kModelTrainer, message);

  message.clear();
  if (!precompiled_charsmap.empty()) put_bytes(message, field::kNormalizerCharsmap, precompiled_charsmap);
  put_number(message, field::kNormalizerDummyPrefix, spaces.add_dummy_prefix ? 1 : 0);
  put_number(message, field::kNormalizerRemoveSpaces, spaces.remove_extra_whitespaces ? 1 : 0);
  put_bytes(model, field::kModelNormalizer, message);
  return model;
}

}  // namespace swan::tokenizers
