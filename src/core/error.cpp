#include "core/error.h"

#include <algorithm>

namespace swan {

Error::~Error() = default;

const char* error_code_name(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kCorruptFile:
      return "corrupt_file";
    case ErrorCode::kMissingTensor:
      return "missing_tensor";
    case ErrorCode::kShapeMismatch:
      return "shape_mismatch";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kOutOfMemory:
      return "out_of_memory";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNumerical:
      return "numerical";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

namespace {
// Bytes of the well-formed sequence at text[i], 0 when there is none. Ref: Unicode 15, table 3-7
size_t sequence_length(const std::string& text, size_t i) {
  const auto byte = [&](size_t k) { return i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U; };
  const auto continues = [&](size_t k) { return (byte(k) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool overlong = first == 0xE0 && second < 0xA0, surrogate = first == 0xED && second > 0x9F;
    return continues(1) && continues(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool overlong = first == 0xF0 && second < 0x90, beyond = first == 0xF4 && second > 0x8F;
    return continues(1) && continues(2) && continues(3) && !overlong && !beyond ? 4 : 0;
  }
  return 0;
}
}  // namespace

std::string printable_utf8(std::string text) {
  for (size_t i = 0; i < text.size();) {
    const size_t length = sequence_length(text, i);
    if (length == 0) text[i] = '?';
    i += std::max<size_t>(length, 1);
  }
  return text;
}

void check_same_shape(const char* operation, const char* operand, const Shape& found, const Shape& expected) {
  if (found == expected) return;
  fail(ErrorCode::kShapeMismatch, "{}: {} has shape {}, expected {}.", operation, operand, found, expected);
}

void check_dtype(const char* operation, const char* operand, const Tensor& tensor, DType expected) {
  if (tensor.dtype() == expected) return;
  fail(ErrorCode::kInvalidArgument, "{}: {} {} is {}, expected {}.", operation, operand, tensor.shape(), tensor.dtype(),
       expected);
}

void check_rank(const char* operation, const char* operand, const Tensor& tensor, size_t rank) {
  if (tensor.rank() == rank) return;
  fail(ErrorCode::kShapeMismatch, "{}: {} has shape {}, expected {} dimensions.", operation, operand, tensor.shape(),
       rank);
}

}  // namespace swan
