#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "core/error.h"
#include "swan/tensor.h"

namespace swan {

namespace {
struct DTypeEntry {
  DType dtype;
  const char* name;
  size_t size;
  bool floating;
};
constexpr std::array<DTypeEntry, 9> kDTypes = {{{DType::kF32, "f32", 4, true},
                                                {DType::kF16, "f16", 2, true},
                                                {DType::kBF16, "bf16", 2, true},
                                                {DType::kI8, "i8", 1, false},
                                                {DType::kU8, "u8", 1, false},
                                                {DType::kI32, "i32", 4, false},
                                                {DType::kI64, "i64", 8, false},
                                                {DType::kF8E4M3, "f8_e4m3", 1, true},
                                                {DType::kF8E5M2, "f8_e5m2", 1, true}}};

const DTypeEntry& entry(DType dtype) noexcept { return kDTypes[static_cast<size_t>(dtype)]; }
}  // namespace

size_t size_of(DType dtype) noexcept { return entry(dtype).size; }
const char* dtype_name(DType dtype) noexcept { return entry(dtype).name; }
bool is_floating(DType dtype) noexcept { return entry(dtype).floating; }

DType parse_dtype(std::string_view name) {
  for (const DTypeEntry& e : kDTypes)
    if (name == e.name) return e.dtype;
  fail(ErrorCode::kInvalidArgument, "unknown dtype '{}'; known: f32, f16, bf16, i8, u8, i32, i64, f8_e4m3, f8_e5m2.",
       name);
}

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > kMaxRank)
    fail(ErrorCode::kInvalidArgument, "a shape of {} dimensions: at most {} are supported.", dims.size(), kMaxRank);
  rank_ = dims.size();
  std::copy(dims.begin(), dims.end(), dims_.begin());
  // A zero anywhere makes the product zero, but the other factors must still not overflow on the way.
  int64_t product = 1;
  bool empty = false;
  for (const int64_t d : dims) {
    if (d < 0) fail(ErrorCode::kInvalidArgument, "shape {} has a negative dimension.", str());
    if (d == 0) {
      empty = true;
    } else if (product > std::numeric_limits<int64_t>::max() / 8 / d) {  // 8: bytes of the widest element
      fail(ErrorCode::kInvalidArgument, "shape {} has more elements than memory can address.", str());
    } else {
      product *= d;
    }
  }
  numel_ = empty ? 0 : product;
}

int64_t Shape::operator[](int i) const {
  const int index = i < 0 ? i + static_cast<int>(rank_) : i;
  if (index < 0 || index >= static_cast<int>(rank_))
    fail(ErrorCode::kInvalidArgument, "dimension {} of shape {} does not exist.", i, str());
  return dims_[static_cast<size_t>(index)];
}

bool Shape::operator==(const Shape& other) const noexcept {
  return rank_ == other.rank_ &&
         std::equal(dims_.begin(), dims_.begin() + static_cast<ptrdiff_t>(rank_), other.dims_.begin());
}

std::string Shape::str() const { return fmt::format("[{}]", fmt::join(dims(), ", ")); }

}  // namespace swan
