#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/device_copies.h"
#include "core/idle_replays.h"
#include "core/recording.h"
#include "swan/tensor.h"

namespace swan {

/// A point in a device's work.
class Mark {
 public:
  virtual ~Mark() = default;
  /// Until all that was asked for before the mark is done.
  virtual void wait() = 0;
};

/// An accelerator with memory of its own. Everything it is asked for happens in the order of asking, and nothing but
/// `download` and `synchronize` waits for it. Host tensors have no Device: a null pointer stands for the host.
class Device {
 public:
  virtual ~Device() = default;
  /// "cuda:0"
  [[nodiscard]] virtual const std::string& name() const noexcept = 0;
  /// Makes this the device that the calling thread's operations run on.
  virtual void activate() = 0;

  /// Uninitialised bytes, freed when the last copy goes. Where none are left, recordings that wait for another run and
  /// copies that can be made again make room.
  /// @throws Error kOutOfMemory with the bytes asked and free, and what helps
  [[nodiscard]] virtual std::shared_ptr<void> allocate(size_t bytes) = 0;
  /// Host to device; `from` may be changed when this returns.
  virtual void upload(void* to, const void* from, size_t bytes) = 0;
  /// Device to host; complete when this returns.
  virtual void download(void* to, const void* from, size_t bytes) = 0;
  /// Within the device.
  virtual void copy(void* to, const void* from, size_t bytes) = 0;
  /// Rows of `row_bytes`, `to_pitch` and `from_pitch` bytes apart, within the device.
  virtual void copy_rows(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t row_bytes,
                         size_t rows) = 0;
  /// `count` values into another floating dtype, rounded to nearest even, within the device.
  virtual void convert(const void* from, DType from_dtype, void* to, DType to_dtype, int64_t count) = 0;
  virtual void synchronize() = 0;
  [[nodiscard]] virtual std::unique_ptr<Mark> mark() = 0;

  /// Runs `work` once without effect and keeps it; what it allocates and the copies it uses live as long as the
  /// recording. Null when something in it cannot be recorded, such as an upload from the host, or when there is not
  /// enough memory for a recording.
  [[nodiscard]] virtual std::unique_ptr<Recording> record(const std::function<void()>& work) = 0;
  /// Returns cached memory to the system: before another network comes, whose blocks differ.
  virtual void trim() = 0;
  /// The most bytes of this device's memory to use, besides what its driver takes; 0: as many as there are. Copies that
  /// can be made again leave until it is kept to.
  virtual void set_memory_limit(size_t bytes) = 0;
  /// The most bytes in use and cached since reset_peak.
  [[nodiscard]] virtual size_t peak_bytes() const = 0;
  virtual void reset_peak() = 0;

  /// What is here of constants and weights.
  [[nodiscard]] DeviceCopies& copies() noexcept { return copies_; }
  /// Recordings that wait for another run. They hold copies that they read, so that these leave only after them.
  [[nodiscard]] IdleReplays& idle_replays() noexcept { return idle_replays_; }

 private:
  DeviceCopies copies_;
  IdleReplays idle_replays_;
};

/// Copies bytes between two tensors of one device (or of the host), at offsets in bytes. On several threads on the
/// host, where the first touch of a large tensor's pages costs more than the copy.
void copy_bytes(Tensor& to, int64_t to_offset, const Tensor& from, int64_t from_offset, int64_t bytes);

/// A rectangle's place among the rows of a tensor, in bytes.
struct RowsAt {
  int64_t offset;  ///< of the first row
  int64_t pitch;   ///< from one row to the next
};
/// Copies `rows` rows of `row_bytes` bytes between two tensors of one device (or of the host): out of or into the
/// middle of a picture.
void copy_rows(Tensor& to, RowsAt to_at, const Tensor& from, RowsAt from_at, int64_t row_bytes, int64_t rows);

}  // namespace swan
