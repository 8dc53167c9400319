#include "core/memory_pool.h"

#include <algorithm>
#include <vector>

#include "core/error.h"

namespace swan {

namespace {
constexpr size_t kAlignment = 512;
constexpr size_t kSmall = size_t{1} << 20;         // smaller requests share segments of
constexpr size_t kSmallSegment = size_t{2} << 20;  // this size, so that they do not cut up the large ones
constexpr size_t kGranule = size_t{2} << 20;       // large segments are multiples of this

size_t rounded(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }
size_t segment_for(size_t bytes) { return bytes < kSmall ? kSmallSegment : rounded(bytes, kGranule); }
}  // namespace

// A part of a segment; neighbours in it are linked, so that free ones join.
struct MemoryPool::Block {
  char* address;
  size_t bytes;
  int owner;
  bool small;
  bool used = false;
  bool fresh = false;  // taken over by its owner and not used since
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
  const size_t segment = segment_for(bytes);
  const auto take = [&] { return limit_ != 0 && held_ + segment > limit_ ? nullptr : source_->take(segment); };
  void* address = take();
  if (address == nullptr && owner_ == 0) {
    // Pieces of the cache may be too small each; together they may suffice.
    trim_locked();
    address = take();
  }
  if (address == nullptr) return nullptr;
  held_ += segment;
  peak_ = std::max(peak_, held_);
  return new Block{.address = static_cast<char*>(address), .bytes = segment, .owner = owner_, .small = bytes < kSmall};
}

std::shared_ptr<void> MemoryPool::allocate(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const size_t wanted = rounded(std::max<size_t>(bytes, 1), kAlignment);
  Block* block = find(wanted);
  if (block == nullptr) block = reserve(wanted);
  if (block == nullptr) return nullptr;
  block->fresh = false;
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
    first->fresh = false;
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
  bool settled = false;
  for (auto it = free.begin(); it != free.end();) {
    Block* block = *it;
    if (block->before != nullptr || block->after != nullptr) {
      ++it;
      continue;
    }
    if (!settled) source_->settle();
    settled = true;
    source_->give_back(block->address);
    held_ -= block->bytes;
    it = free.erase(it);
    delete block;
  }
}

// Free blocks of one owner become another's.
template <typename Suits>
void MemoryPool::hand_over(int from, int to, const Suits& suits) {
  std::vector<Block*> blocks;
  for (Block* block : free_blocks(from))
    if (suits(*block)) blocks.push_back(block);
  for (Block* block : blocks) {
    free_blocks(from).erase(block);
    block->owner = to;
    block->fresh = true;
    free_blocks(to).insert(block);
  }
}

int MemoryPool::begin_private() {
  const std::scoped_lock lock(mutex_);
  SWAN_ASSERT(owner_ == 0);
  owner_ = ++last_owner_;
  live_.insert(owner_);
  hand_over(0, owner_, [](const Block& b) { return b.before == nullptr && b.after == nullptr; });
  return owner_;
}

void MemoryPool::end_private() {
  const std::scoped_lock lock(mutex_);
  hand_over(owner_, 0, [](const Block& b) { return b.fresh && b.before == nullptr && b.after == nullptr; });
  owner_ = 0;
}

void MemoryPool::release_private(int owner) {
  const std::scoped_lock lock(mutex_);
  live_.erase(owner);  // blocks in use become everyone's when they are freed
  hand_over(owner, 0, [](const Block&) { return true; });
  free_.erase(owner);
}

void MemoryPool::set_limit(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  limit_ = bytes;
}

size_t MemoryPool::held_bytes() const {
  const std::scoped_lock lock(mutex_);
  return held_;
}

size_t MemoryPool::limit_bytes() const {
  const std::scoped_lock lock(mutex_);
  return limit_;
}

bool MemoryPool::limit_forbids(size_t bytes) const {
  const std::scoped_lock lock(mutex_);
  return limit_ != 0 && held_ + segment_for(bytes) > limit_;
}

size_t MemoryPool::peak_bytes() const {
  const std::scoped_lock lock(mutex_);
  return peak_;
}

void MemoryPool::reset_peak() {
  const std::scoped_lock lock(mutex_);
  peak_ = held_;
}

}  // namespace swan
