#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>

namespace swan {

/// Counters of an allocator, in bytes.
struct AllocatorStats {
  size_t in_use = 0;   ///< handed out now
  size_t cached = 0;   ///< kept for reuse
  size_t peak = 0;     ///< largest in_use + cached since the last reset_peak
  size_t reused = 0;   ///< allocations served from the cache
  size_t fetched = 0;  ///< allocations served by the system
};

/// Keeps freed blocks for reuse, best fit first, so that a denoising loop asks the system for nothing after its first
/// step. Blocks are 64-byte aligned; those of 2 MiB and more are aligned to huge pages and ask for them. Thread-safe.
class CachingAllocator {
 public:
  CachingAllocator() = default;
  CachingAllocator(const CachingAllocator&) = delete;
  CachingAllocator& operator=(const CachingAllocator&) = delete;
  ~CachingAllocator();

  /// Uninitialised bytes, freed when the last copy goes. @throws Error kOutOfMemory with the bytes asked and in use
  [[nodiscard]] std::shared_ptr<void> allocate(size_t bytes);
  /// Returns every cached block to the system: between the stages of a pipeline, whose blocks differ.
  void trim();
  [[nodiscard]] AllocatorStats stats() const;
  void reset_peak();

  /// The allocator behind Tensor::empty. Never destroyed: tensors of static storage may outlive main.
  [[nodiscard]] static CachingAllocator& cpu();

 private:
  void release(void* block, size_t bytes) noexcept;

  mutable std::mutex mutex_;
  std::multimap<size_t, void*> cache_;
  AllocatorStats stats_;
};

}  // namespace swan
