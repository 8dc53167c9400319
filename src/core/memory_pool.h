#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

namespace swan {

/// Where a pool's memory comes from: a driver.
class MemorySource {
 public:
  virtual ~MemorySource() = default;
  /// @return  null when there is none left
  [[nodiscard]] virtual void* take(size_t bytes) = 0;
  virtual void give_back(void* memory) noexcept = 0;
  /// Waits until nothing that was started uses the memory that has been freed.
  virtual void settle() noexcept = 0;
};

/// A device's memory in segments that are split and joined again, best fit first: one stream uses it, so what is freed
/// may be given out at once. While a recording is made, blocks come from segments of its own, which nobody else gets
/// for as long as the recording lives: its kernels write to them at every launch. Thread-safe.
class MemoryPool : public std::enable_shared_from_this<MemoryPool> {
 public:
  explicit MemoryPool(std::unique_ptr<MemorySource> source) : source_(std::move(source)) {}
  MemoryPool(const MemoryPool&) = delete;
  MemoryPool& operator=(const MemoryPool&) = delete;
  ~MemoryPool();

  /// @param lasting  whether it is here to stay, as weights are
  /// @return         null when the source has none left, or the limit is reached, even after a trim
  [[nodiscard]] std::shared_ptr<void> allocate(size_t bytes, bool lasting = false);
  /// The most bytes to hold, those in use and those cached; 0: as many as there are. What is held already may be more.
  void set_limit(size_t bytes);
  /// Returns segments of which nothing is in use.
  void trim();

  /// From here to end_private, allocations come from segments that belong to the returned owner: first from those that
  /// are cached and wholly free, which it takes over, then from new ones.
  [[nodiscard]] int begin_private();
  /// Segments that were taken over and never used become everyone's again.
  void end_private();
  /// The recording is gone: its segments are everyone's again.
  void release_private(int owner);

  [[nodiscard]] size_t held_bytes() const;  ///< in use and cached
  /// Of the owner's segments, what its work has used and freed: all but what it still holds.
  [[nodiscard]] size_t private_bytes(int owner) const;
  [[nodiscard]] size_t limit_bytes() const;
  /// Whether the limit, not the source, is what an allocation that needs new memory meets first.
  [[nodiscard]] bool limit_forbids(size_t bytes) const;
  [[nodiscard]] size_t peak_bytes() const;  ///< the most that were held since reset_peak
  void reset_peak();

 private:
  struct Block;
  using Free = std::set<Block*, bool (*)(const Block*, const Block*)>;

  Block* find(size_t bytes, bool lasting);
  Block* reserve(size_t bytes, bool lasting);
  void release(Block* block) noexcept;
  Free& free_blocks(int owner);
  template <typename Suits>
  void hand_over(int from, int to, const Suits& suits);
  void trim_locked() noexcept;

  std::unique_ptr<MemorySource> source_;
  mutable std::mutex mutex_;
  std::map<int, Free> free_;  // by owner; 0: everyone
  std::set<int> live_;        // recordings that exist
  int owner_ = 0, last_owner_ = 0;
  size_t held_ = 0, peak_ = 0, limit_ = 0;
};

}  // namespace swan
