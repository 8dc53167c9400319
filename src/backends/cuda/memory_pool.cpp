#include "cuda/memory_pool.h"

#include <cuda_runtime_api.h>

#include <algorithm>

#include "core/error.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
constexpr size_t kAlignment = 512;
constexpr size_t kSmall = size_t{1} << 20;         // smaller requests share segments of
constexpr size_t kSmallSegment = size_t{2} << 20;  // this size, so that they do not cut up the large ones
constexpr size_t kGranule = size_t{2} << 20;       // large segments are multiples of this

size_t rounded(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }
}  // namespace

// A part of a segment; neighbours in it are linked, so that free ones join.
struct MemoryPool::Block {
  char* address;
  size_t bytes;
  int owner;
  bool small;
  bool used = false;
  Block *before = nullptr, *after = nullptr;

  static bool less(const Block* a, const Block* b) {
    if (a->small != b->small) return a->small;
    if (a->bytes != b->bytes) return a->bytes < b->bytes;
    return a->address < b->address;
  }
};

MemoryPool::~MemoryPool() { trim_locked(); }  // blocks hold the pool, so none is in use

MemoryPool::Free& MemoryPool::free_blocks(int owner) { return free_.try_emplace(owner, Block::less).first->second; }

MemoryPool::Block* MemoryPool::find(size_t bytes) {
  Free& free = free_blocks(owner_);
  Block key{.address = nullptr, .bytes = bytes, .owner = owner_, .small = bytes < kSmall};
  const auto it = free.lower_bound(&key);
  if (it == free.end() || (*it)->small != key.small) return nullptr;
  Block* block = *it;
  free.erase(it);
  return block;
}

MemoryPool::Block* MemoryPool::reserve(size_t bytes) {
  const bool small = bytes < kSmall;
  const size_t segment = small ? kSmallSegment : rounded(bytes, kGranule);
  void* address = nullptr;
  cudaError_t status = cudaMalloc(&address, segment);
  if (status == cudaErrorMemoryAllocation && owner_ == 0) {
    // Pieces of the cache may be too small each; together they may suffice. Work in flight must not lose its memory.
    (void)cudaGetLastError();
    (void)cudaDeviceSynchronize();
    trim_locked();
    status = cudaMalloc(&address, segment);
  }
  if (status == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();
    size_t free = 0, total = 0;
    (void)cudaMemGetInfo(&free, &total);
    constexpr double kGiB = 1 << 30;
    fail(ErrorCode::kOutOfMemory,
         "{}: {:.2f} GiB of GPU memory were asked for; {:.2f} of {:.2f} GiB are free, and Swan holds {:.2f}. Make a "
         "smaller picture or fewer at once, close other programs that use the GPU, or compute with --device cpu.",
         device_name_, static_cast<double>(segment) / kGiB, static_cast<double>(free) / kGiB,
         static_cast<double>(total) / kGiB, static_cast<double>(allocated_) / kGiB);
  }
  check(status, "cudaMalloc");
  allocated_ += segment;
  peak_ = std::max(peak_, allocated_);
  return new Block{.address = static_cast<char*>(address), .bytes = segment, .owner = owner_, .small = small};
}

std::shared_ptr<void> MemoryPool::allocate(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const size_t wanted = rounded(std::max<size_t>(bytes, 1), kAlignment);
  Block* block = find(wanted);
  if (block == nullptr) block = reserve(wanted);
  if (block->bytes - wanted >= (block->small ? kAlignment : kSmall)) {
    auto* rest = new Block{.address = block->address + wanted,
                           .bytes = block->bytes - wanted,
                           .owner = block->owner,
                           .small = block->small,
                           .before = block,
                           .after = block->after};
    if (block->after != nullptr) block->after->before = rest;
    block->after = rest;
    block->bytes = wanted;
    free_blocks(rest->owner).insert(rest);
  }
  block->used = true;
  return {block->address, [pool = shared_from_this(), block](void*) { pool->release(block); }};
}

void MemoryPool::release(Block* block) noexcept {
  const std::scoped_lock lock(mutex_);
  block->used = false;
  if (!live_.contains(block->owner)) block->owner = 0;
  Free& free = free_blocks(block->owner);
  const auto join = [&](Block* first, Block* second) {  // second leaves
    first->bytes += second->bytes;
    first->after = second->after;
    if (second->after != nullptr) second->after->before = first;
    delete second;
  };
  if (Block* after = block->after; after != nullptr && !after->used) {
    free.erase(after);
    join(block, after);
  }
  if (Block* before = block->before; before != nullptr && !before->used) {
    free.erase(before);
    join(before, block);
    block = before;
  }
  free.insert(block);
}

void MemoryPool::trim() {
  const std::scoped_lock lock(mutex_);
  trim_locked();
}

void MemoryPool::trim_locked() noexcept {
  Free& free = free_blocks(0);
  for (auto it = free.begin(); it != free.end();) {
    Block* block = *it;
    if (block->before != nullptr || block->after != nullptr) {
      ++it;
      continue;
    }
    (void)cudaFree(block->address);
    allocated_ -= block->bytes;
    it = free.erase(it);
    delete block;
  }
}

int MemoryPool::begin_private() {
  const std::scoped_lock lock(mutex_);
  SWAN_ASSERT(owner_ == 0);
  owner_ = ++last_owner_;
  live_.insert(owner_);
  return owner_;
}

void MemoryPool::end_private() {
  const std::scoped_lock lock(mutex_);
  owner_ = 0;
}

void MemoryPool::release_private(int owner) {
  const std::scoped_lock lock(mutex_);
  live_.erase(owner);  // blocks in use become everyone's when they are freed
  const auto it = free_.find(owner);
  if (it == free_.end()) return;
  for (Block* block : it->second) {
    block->owner = 0;
    free_blocks(0).insert(block);
  }
  free_.erase(it);
}

size_t MemoryPool::peak_bytes() const {
  const std::scoped_lock lock(mutex_);
  return peak_;
}
void MemoryPool::reset_peak() {
  const std::scoped_lock lock(mutex_);
  peak_ = allocated_;
}

}  // namespace swan::backends::cuda
