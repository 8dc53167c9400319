#pragma once

#include <fmt/format.h>

#include <string>

#include "swan/error.h"
#include "swan/tensor.h"

namespace swan {

/// The text with every byte that is not part of well-formed UTF-8 replaced by '?': messages quote files and names from
/// outside, and are printed and put into JSON.
[[nodiscard]] std::string printable_utf8(std::string text);

/// Throws Error with a formatted message. See STYLE.md, section 5, for what a message says.
template <typename... Args>
[[noreturn]] void fail(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(code, printable_utf8(fmt::format(format, std::forward<Args>(args)...)));
}

/// @throws Error kShapeMismatch naming both shapes, the operation and the operand, when they differ
void check_same_shape(const char* operation, const char* operand, const Shape& found, const Shape& expected);
/// @throws Error kInvalidArgument naming both dtypes when they differ
void check_dtype(const char* operation, const char* operand, const Tensor& tensor, DType expected);
/// @throws Error kShapeMismatch when the rank differs
void check_rank(const char* operation, const char* operand, const Tensor& tensor, size_t rank);

}  // namespace swan

/// For the library's own invariants, never for a user's input.
#define SWAN_ASSERT(condition)                                                                                   \
  do {                                                                                                           \
    if (!(condition))                                                                                            \
      ::swan::fail(::swan::ErrorCode::kInternal, "internal error: {} does not hold at {}:{}; please report it.", \
                   #condition, __FILE__, __LINE__);                                                              \
  } while (false)

template <>
struct fmt::formatter<swan::Shape> : fmt::formatter<std::string> {
  auto format(const swan::Shape& shape, fmt::format_context& ctx) const {
    return fmt::formatter<std::string>::format(shape.str(), ctx);
  }
};

template <>
struct fmt::formatter<swan::DType> : fmt::formatter<std::string_view> {
  auto format(swan::DType dtype, fmt::format_context& ctx) const {
    return fmt::formatter<std::string_view>::format(swan::dtype_name(dtype), ctx);
  }
};
