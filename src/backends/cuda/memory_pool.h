#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

namespace swan::backends::cuda {

/// GPU memory in segments that are split and joined again, best fit first: one stream uses it, so what is freed may be
/// given out at once. While a recording is made, blocks come from segments of its own, which nobody else gets for as
/// long as the recording lives: its kernels write to them at every launch. Thread-safe.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  explicit MemoryPool(std::string device_name) : device_name_(std::move(device_name)) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  /// @throws Error kOutOfMemory with what was asked, what is free and what helps
  [[nodiscard]] std::shared_ptr<void> allocate(size_t bytes);
  /// Returns segments of which nothing is in use.
  void trim();

  /// From here to end_private, allocations come from segments that belong to the returned owner.
  [[nodiscard]] int begin_private();
  void end_private();
  /// The recording is gone: its segments are everyone's again.
  void release_private(int owner);

  [[nodiscard]] size_t peak_bytes() const;
  void reset_peak();

 private:
  struct Block;
  using Free = std::set<Block*, bool (*)(const Block*, const Block*)>;

  Block* find(size_t bytes);
  Block* reserve(size_t bytes);
  void release(Block* block) noexcept;
  Free& free_blocks(int owner);
  void trim_locked() noexcept;

  std::string device_name_;
  mutable std::mutex mutex_;
  std::map<int, Free> free_;  // by owner; 0: everyone
  std::set<int> live_;        // recordings that exist
  int owner_ = 0, last_owner_ = 0;
  size_t allocated_ = 0, peak_ = 0;
};

}  // namespace swan::backends::cuda
