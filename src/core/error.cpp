#include "core/error.h"

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
