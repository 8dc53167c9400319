#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "swan/export.h"

namespace swan {

/// Element types of storage. The names are safetensors' (lower case).
enum class DType : uint8_t { kF32, kF16, kBF16, kI8, kU8, kI32, kI64, kF8E4M3, kF8E5M2 };

/// Bytes per element.
[[nodiscard]] SWAN_API size_t size_of(DType dtype) noexcept;
/// "f32", "f16", "bf16", "i8", "u8", "i32", "i64", "f8_e4m3", "f8_e5m2".
[[nodiscard]] SWAN_API const char* dtype_name(DType dtype) noexcept;
/// The inverse of dtype_name. @throws Error kInvalidArgument naming the known dtypes
[[nodiscard]] SWAN_API DType parse_dtype(std::string_view name);
/// True for f32, f16, bf16 and the two f8 formats.
[[nodiscard]] SWAN_API bool is_floating(DType dtype) noexcept;

/// Where a tensor's bytes live.
enum class DeviceType : uint8_t { kCpu, kCuda };
class Device;
struct DeviceMirror;

/// A tensor's dimensions, outermost first (PyTorch's order), at most kMaxRank of them, none negative, with a product
/// that fits in int64: the constructors check this, so that code holding a Shape need not.
class SWAN_API Shape {
 public:
  static constexpr size_t kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  /// @throws Error kInvalidArgument for too many or negative dimensions, or a product beyond int64
  explicit Shape(std::span<const int64_t> dims);

  [[nodiscard]] size_t rank() const noexcept { return rank_; }
  /// Dimension i; negative i counts from the end. @throws Error kInvalidArgument when out of range
  [[nodiscard]] int64_t operator[](int i) const;
  [[nodiscard]] int64_t numel() const noexcept { return numel_; }
  [[nodiscard]] std::span<const int64_t> dims() const noexcept { return {dims_.data(), rank_}; }
  [[nodiscard]] bool operator==(const Shape& other) const noexcept;
  /// "[2, 3, 4]"
  [[nodiscard]] std::string str() const;

 private:
  std::array<int64_t, kMaxRank> dims_{};
  size_t rank_ = 0;
  int64_t numel_ = 1;
};

/// A dense, contiguous, row-major array. Copies share the bytes (as torch.Tensor does); no operation writes to a tensor
/// it was given. The bytes may belong to the allocator, to a mapped file, or to the caller. Thread-safe to read.
class SWAN_API Tensor {
 public:
  Tensor() = default;  ///< undefined: defined() is false

  /// Uninitialised storage. @param device  null: the host. @throws Error kOutOfMemory saying what was asked
  [[nodiscard]] static Tensor empty(const Shape& shape, DType dtype, Device* device = nullptr);
  [[nodiscard]] static Tensor zeros(const Shape& shape, DType dtype);
  [[nodiscard]] static Tensor full(const Shape& shape, float value);  ///< f32
  /// A copy of `values` as f32. @throws Error kShapeMismatch when the count differs from the shape's
  [[nodiscard]] static Tensor from(std::span<const float> values, const Shape& shape);
  [[nodiscard]] static Tensor from(std::span<const int32_t> values, const Shape& shape);
  /// Uses `data` in place and keeps `owner` alive for as long as any copy lives. `data` must hold the shape's bytes;
  /// it need not be aligned beyond the element size. A tensor whose owner is null borrows.
  /// `mapped`: the bytes are a private, never written mapping of a file, whose pages may be dropped and read again.
  [[nodiscard]] static Tensor view_of(const void* data, const Shape& shape, DType dtype, std::shared_ptr<void> owner,
                                      bool mapped = false);

  [[nodiscard]] bool defined() const noexcept { return data_ != nullptr; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] int64_t dim(int i) const { return shape_[i]; }
  [[nodiscard]] size_t rank() const noexcept { return shape_.rank(); }
  [[nodiscard]] int64_t numel() const noexcept { return defined() ? shape_.numel() : 0; }
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] DeviceType device_type() const noexcept {
    return device_ == nullptr ? DeviceType::kCpu : DeviceType::kCuda;
  }
  [[nodiscard]] Device* device() const noexcept { return device_; }  ///< null: the host
  [[nodiscard]] size_t nbytes() const noexcept { return static_cast<size_t>(numel()) * size_of(dtype_); }

  [[nodiscard]] const void* raw() const noexcept { return data_; }
  /// For the code that has just made the tensor. Writing to bytes that others share is a defect.
  [[nodiscard]] void* raw_mut() noexcept { return data_; }
  /// @throws Error kInvalidArgument when T is not the element type, or the bytes are not the host's
  template <typename T>
  [[nodiscard]] const T* data() const {
    check_type(sizeof(T), std::is_floating_point_v<T>);
    return static_cast<const T*>(data_);
  }
  template <typename T>
  [[nodiscard]] T* data_mut() {
    check_type(sizeof(T), std::is_floating_point_v<T>);
    return static_cast<T*>(data_);
  }

  /// Whether nothing else shares the bytes: whoever was given such a tensor for good may write over it.
  [[nodiscard]] bool unique() const noexcept { return owner_.use_count() == 1 && !mapped_; }

  /// Gives the memory of a mapped tensor's pages back until they are read again. For weights that have been repacked or
  /// whose turn is over.
  void drop_pages() const noexcept;
  /// Gives the memory of a constant's copy on a device back until it is used again.
  void drop_copy() const;

  /// The same bytes under another shape; one dimension may be -1. @throws Error kShapeMismatch naming both shapes
  [[nodiscard]] Tensor reshape(std::initializer_list<int64_t> dims) const;
  [[nodiscard]] Tensor reshape(const Shape& shape) const;
  /// Rows [begin, end) of the first dimension, sharing the bytes. @throws Error kInvalidArgument when out of range
  [[nodiscard]] Tensor slice(int64_t begin, int64_t end) const;
  /// A copy with storage of its own, on the same device.
  [[nodiscard]] Tensor clone() const;
  /// The values in another dtype, rounded to nearest even. What is too large becomes infinity, but in f8_e4m3, which
  /// has none, the largest finite value, and in integers the nearest they hold. The same tensor when the dtype is its
  /// own.
  [[nodiscard]] Tensor to(DType dtype) const;

  /// The same bytes, declared never to change: what `on` puts on a device is then kept with them, as long as its memory
  /// is not needed for something else. Weights and tables are such.
  [[nodiscard]] Tensor constant() const;
  /// The same values on a device (null: the host), in a dtype. The same tensor when it is there already.
  [[nodiscard]] Tensor on(Device* device, DType dtype) const;
  [[nodiscard]] Tensor on(Device* device) const { return on(device, dtype_); }
  [[nodiscard]] Tensor cpu() const { return on(nullptr); }

 private:
  void check_type(size_t element_size, bool floating) const;

  void* data_ = nullptr;
  std::shared_ptr<void> owner_;
  std::shared_ptr<DeviceMirror> mirror_;  // of constants
  Device* device_ = nullptr;
  Shape shape_;
  DType dtype_ = DType::kF32;
  bool mapped_ = false;
};

}  // namespace swan
