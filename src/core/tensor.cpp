#include "swan/tensor.h"

#include <fmt/ranges.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <vector>

#include "core/allocator.h"
#include "core/convert.h"
#include "core/device.h"
#include "core/error.h"
#include "core/parallel.h"

namespace swan {

// What a constant's tensors share: its copy on a device, made at first use.
struct DeviceMirror {
  const void* base;  // of the tensor that `constant` was called on; slices lie within
  Shape shape;
  std::mutex mutex;  // one makes the copy, the others wait
  DeviceCopy copy;
};

Tensor Tensor::empty(const Shape& shape, DType dtype, Device* device) {
  Tensor t;
  t.shape_ = shape;
  t.dtype_ = dtype;
  t.device_ = device;
  const size_t bytes = static_cast<size_t>(shape.numel()) * size_of(dtype);
  t.owner_ = device == nullptr ? CachingAllocator::cpu().allocate(bytes) : device->allocate(bytes);
  t.data_ = t.owner_.get();
  return t;
}

Tensor Tensor::zeros(const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  std::memset(t.data_, 0, t.nbytes());
  return t;
}

Tensor Tensor::full(const Shape& shape, float value) {
  Tensor t = empty(shape, DType::kF32);
  std::fill_n(static_cast<float*>(t.data_), shape.numel(), value);
  return t;
}

namespace {
template <typename T>
Tensor copy_of(std::span<const T> values, const Shape& shape, DType dtype) {
  if (static_cast<int64_t>(values.size()) != shape.numel())
    fail(ErrorCode::kShapeMismatch, "{} values do not fill a tensor of shape {}.", values.size(), shape);
  Tensor t = Tensor::empty(shape, dtype);
  std::copy(values.begin(), values.end(), static_cast<T*>(t.raw_mut()));
  return t;
}
}  // namespace

Tensor Tensor::from(std::span<const float> values, const Shape& shape) { return copy_of(values, shape, DType::kF32); }
Tensor Tensor::from(std::span<const int32_t> values, const Shape& shape) { return copy_of(values, shape, DType::kI32); }

Tensor Tensor::view_of(const void* data, const Shape& shape, DType dtype, std::shared_ptr<void> owner, bool mapped) {
  Tensor t;
  t.shape_ = shape;
  t.dtype_ = dtype;
  t.owner_ = std::move(owner);
  t.data_ = const_cast<void*>(data);
  t.mapped_ = mapped;
  return t;
}

void Tensor::check_type(size_t element_size, bool floating) const {
  if (device_ != nullptr)
    fail(ErrorCode::kInvalidArgument, "a tensor {} on {} was read as if it were on the host.", shape_, device_->name());
  const bool float32 = dtype_ == DType::kF32;
  if (element_size != size_of(dtype_) || floating != float32)
    fail(ErrorCode::kInvalidArgument, "a tensor of {} {} was read as {}-byte {} elements.", dtype_, shape_,
         element_size, floating ? "floating-point" : "integer");
}

void Tensor::drop_copy() const {
  if (!mirror_) return;
  const std::scoped_lock lock(mirror_->mutex);
  mirror_->copy.reset();
}

void Tensor::drop_pages() const noexcept {
  if (!mapped_) return;
  // Whole pages only: those at the ends may hold a neighbour's bytes.
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<uintptr_t>(data_) + page - 1) / page * page;
  const auto end = (reinterpret_cast<uintptr_t>(data_) + nbytes()) / page * page;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

Tensor Tensor::reshape(std::initializer_list<int64_t> dims) const {
  std::vector<int64_t> resolved(dims);
  const auto unknown = std::find(resolved.begin(), resolved.end(), -1);
  if (unknown != resolved.end()) {
    *unknown = 1;
    const int64_t known = Shape(std::span<const int64_t>(resolved)).numel();  // checks the others
    *unknown = -1;
    if (known == 0 || shape_.numel() % known != 0)
      fail(ErrorCode::kShapeMismatch, "a tensor of shape {} cannot be reshaped to [{}].", shape_,
           fmt::join(resolved, ", "));
    *unknown = shape_.numel() / known;
  }
  return reshape(Shape(std::span<const int64_t>(resolved)));
}

Tensor Tensor::reshape(const Shape& shape) const {
  if (shape.numel() != shape_.numel())
    fail(ErrorCode::kShapeMismatch, "a tensor of shape {} cannot be reshaped to {}.", shape_, shape);
  Tensor t = *this;
  t.shape_ = shape;
  return t;
}

Tensor Tensor::slice(int64_t begin, int64_t end) const {
  if (rank() == 0 || begin < 0 || end < begin || end > shape_[0])
    fail(ErrorCode::kInvalidArgument, "rows {} to {} of a tensor of shape {} do not exist.", begin, end, shape_);
  std::vector<int64_t> dims(shape_.dims().begin(), shape_.dims().end());
  const int64_t row = dims[0] == 0 ? 0 : shape_.numel() / dims[0];
  dims[0] = end - begin;
  Tensor t = *this;
  t.shape_ = Shape(std::span<const int64_t>(dims));
  t.data_ = static_cast<char*>(data_) + static_cast<size_t>(begin * row) * size_of(dtype_);
  return t;
}

Tensor Tensor::clone() const {
  Tensor t = empty(shape_, dtype_, device_);
  copy_bytes(t, 0, *this, 0, static_cast<int64_t>(nbytes()));
  return t;
}

Tensor Tensor::to(DType dtype) const {
  if (dtype == dtype_) return *this;
  Tensor t = empty(shape_, dtype, device_);
  if (device_ != nullptr) {
    device_->convert(data_, dtype_, t.data_, dtype, shape_.numel());
  } else {
    convert(data_, dtype_, t.data_, dtype, shape_.numel());
  }
  return t;
}

Tensor Tensor::constant() const {
  Tensor t = *this;
  if (t.mirror_ || !defined() || device_ != nullptr) return t;
  t.mirror_ = std::make_shared<DeviceMirror>();
  t.mirror_->base = data_;
  t.mirror_->shape = shape_;
  return t;
}

Tensor Tensor::on(Device* device, DType dtype) const {
  if (!defined()) return *this;
  if (device == device_) return to(dtype);
  if (device == nullptr) {
    const Tensor source = size_of(dtype) < size_of(dtype_) ? to(dtype) : *this;
    Tensor t = empty(shape_, source.dtype_);
    device_->download(t.data_, source.data_, t.nbytes());
    return t.to(dtype);
  }
  if (device_ != nullptr) return cpu().on(device, dtype);
  if (!mirror_) {
    Tensor t = empty(shape_, dtype_, device);
    device->upload(t.data_, data_, nbytes());
    return t.to(dtype);
  }
  const std::scoped_lock lock(mirror_->mutex);
  Tensor t = mirror_->copy.get();
  if (!t.defined() || t.device_ != device || t.dtype_ != dtype) {
    const DeviceCopies::Making making;
    const Tensor whole = view_of(mirror_->base, mirror_->shape, dtype_, owner_, mapped_);
    t = whole.on(device, dtype);
    mirror_->copy.set(t);
    whole.drop_pages();  // the system keeps the file; this process needs it no more
  }
  t.shape_ = shape_;
  const auto offset = static_cast<const char*>(data_) - static_cast<const char*>(mirror_->base);
  t.data_ = static_cast<char*>(t.data_) +
            offset / static_cast<ptrdiff_t>(size_of(dtype_)) * static_cast<ptrdiff_t>(size_of(dtype));
  return t;
}

void copy_bytes(Tensor& to, int64_t to_offset, const Tensor& from, int64_t from_offset, int64_t bytes) {
  SWAN_ASSERT(to.device() == from.device());
  auto* target = static_cast<char*>(to.raw_mut()) + to_offset;
  const auto* source = static_cast<const char*>(from.raw()) + from_offset;
  if (to.device() != nullptr) {
    to.device()->copy(target, source, static_cast<size_t>(bytes));
    return;
  }
  parallel_ranges(bytes, int64_t{1} << 20, [&](int64_t begin, int64_t end) {
    std::memcpy(target + begin, source + begin, static_cast<size_t>(end - begin));
  });
}

void copy_rows(Tensor& to, RowsAt to_at, const Tensor& from, RowsAt from_at, int64_t row_bytes, int64_t rows) {
  SWAN_ASSERT(to.device() == from.device());
  if (row_bytes == 0 || rows == 0) return;
  auto* target = static_cast<char*>(to.raw_mut()) + to_at.offset;
  const auto* source = static_cast<const char*>(from.raw()) + from_at.offset;
  if (to.device() != nullptr) {
    to.device()->copy_rows(target, static_cast<size_t>(to_at.pitch), source, static_cast<size_t>(from_at.pitch),
                           static_cast<size_t>(row_bytes), static_cast<size_t>(rows));
    return;
  }
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(target + row * to_at.pitch, source + row * from_at.pitch, static_cast<size_t>(row_bytes));
}

}  // namespace swan
