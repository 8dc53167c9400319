#include "core/allocator.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>

#include "core/error.h"

namespace swan {

namespace {
constexpr size_t kAlignment = 64;
constexpr size_t kHugePage = size_t{2} << 20;

// Sizes are rounded so that tensors of nearly one size share blocks: to 64 bytes when small, else to 1/16 of the size's
// power of two, which wastes at most 6 %.
size_t rounded(size_t bytes) {
  size_t unit = kAlignment;
  while (unit * 32 <= bytes) unit *= 2;
  return (std::max<size_t>(bytes, 1) + unit - 1) / unit * unit;
}

void* system_allocate(size_t bytes) {
  const bool huge = bytes >= kHugePage;
  void* block = nullptr;
  if (posix_memalign(&block, huge ? kHugePage : kAlignment, bytes) != 0) return nullptr;
  if (huge) madvise(block, bytes, MADV_HUGEPAGE);  // a hint: refusal costs only speed
  return block;
}
}  // namespace

CachingAllocator::~CachingAllocator() { trim(); }

CachingAllocator& CachingAllocator::cpu() {
  static auto* allocator = new CachingAllocator;  // leaked on purpose, see the header
  return *allocator;
}

std::shared_ptr<void> CachingAllocator::allocate(size_t bytes) {
  const size_t size = rounded(bytes);
  void* block = nullptr;
  size_t granted = size;
  {
    const std::lock_guard lock(mutex_);
    const auto it = cache_.lower_bound(size);
    if (it != cache_.end() && it->first <= size + size / 4) {
      granted = it->first;
      block = it->second;
      cache_.erase(it);
      stats_.cached -= granted;
      stats_.in_use += granted;
      ++stats_.reused;
    }
  }
  if (block == nullptr) {
    block = system_allocate(size);
    if (block == nullptr) {
      trim();
      block = system_allocate(size);
    }
    if (block == nullptr)
      fail(ErrorCode::kOutOfMemory,
           "out of memory: {} bytes were asked while {} are in use; make a smaller picture, fewer pictures at once, or "
           "close other programs.",
           bytes, stats().in_use);
    const std::lock_guard lock(mutex_);
    stats_.in_use += size;
    ++stats_.fetched;
    stats_.peak = std::max(stats_.peak, stats_.in_use + stats_.cached);
  }
  return {block, [this, granted](void* p) { release(p, granted); }};
}

void CachingAllocator::release(void* block, size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  stats_.in_use -= bytes;
  // Blocks that fit nothing any more must not pile up: the cache stays small beside what is in use.
  constexpr size_t kAlwaysKept = size_t{64} << 20;
  if (stats_.cached + bytes > std::max(kAlwaysKept, stats_.in_use / 8)) {
    std::free(block);
    return;
  }
  try {
    cache_.emplace(bytes, block);
    stats_.cached += bytes;
  } catch (...) {
    std::free(block);
  }
}

void CachingAllocator::trim() {
  const std::lock_guard lock(mutex_);
  for (const auto& [size, block] : cache_) std::free(block);
  cache_.clear();
  stats_.cached = 0;
}

AllocatorStats CachingAllocator::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void CachingAllocator::reset_peak() {
  const std::lock_guard lock(mutex_);
  stats_.peak = stats_.in_use + stats_.cached;
}

}  // namespace swan
