#include "core/memory_pool.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/error.h"

namespace swan {

namespace {
constexpr size_t kMiB = size_t{1} << 20;
constexpr size_t kAlignment = 512;
constexpr size_t kGranule = 2 * kMiB;  // segments are multiples of this, as the driver's memory is

size_t rounded(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

// Requests of one kind share segments that those of the others do not cut up. Weights come to stay, and most have a few
// MiB: in segments of their own they would leave a sixth of them unused, among activations they would keep theirs from
// being given back.
enum class Kind : uint8_t { kSmall, kLarge, kLasting };
constexpr size_t kSmall = kMiB, kLastingSegment = 64 * kMiB;
Kind kind_of(size_t bytes, bool lasting) {
  if (bytes < kSmall) return Kind::kSmall;
  return lasting && bytes < kLastingSegment / 2 ? Kind::kLasting : Kind::kLarge;
}

// What is left of a block is split off from this size on.
size_t least_rest(Kind kind) {
  return kind == Kind::kSmall ? kAlignment : kind == Kind::kLasting ? size_t{64} << 10 : kMiB;
}
}  // namespace

// A part of a segment; neighbours in it are linked, so that free ones join.
struct MemoryPool::Block {
  char* address;
  size_t bytes;
  int owner;
  Kind kind;
  bool used = false;
  bool fresh = false;  // taken over by its owner and not used since
  Block *before = nullptr, *after = nullptr;

  static bool less(const Block* a, const Block* b) {
    if (a->kind != b->kind) return a->kind < b->kind;
    if (a->bytes != b->bytes) return a->bytes < b->bytes;
    return a->address < b->address;
  }
};

MemoryPool::~MemoryPool() { trim_locked(); }  // blocks hold the pool, so none is in use

MemoryPool::Free& MemoryPool::free_blocks(int owner) { return free_.try_emplace(owner, Block::less).first->second; }

MemoryPool::Block* MemoryPool::find(size_t bytes, bool lasting) {
  Free& free = free_blocks(owner_);
  Block key{.address = nullptr, .bytes = bytes, .owner = owner_, .kind = kind_of(bytes, lasting)};
  const auto it = free.lower_bound(&key);
  if (it == free.end() || (*it)->kind != key.kind) return nullptr;
  Block* block = *it;
  free.erase(it);
  return block;
}

MemoryPool::Block* MemoryPool::reserve(size_t bytes, bool lasting) {
  const Kind kind = kind_of(bytes, lasting);
  const size_t least = rounded(bytes, kGranule), wanted = kind == Kind::kLasting ? kLastingSegment : least;
  size_t segment = 0;
  void* address = nullptr;
  const auto take = [&](size_t size) {
    segment = size;
    address = limit_ != 0 && held_ + size > limit_ ? nullptr : source_->take(size);
    return address != nullptr;
  };
  if (!take(wanted) && !take(least)) {
    if (owner_ != 0) return nullptr;
    // Pieces of the cache may be too small each; together they may suffice.
    trim_locked();
    if (!take(wanted) && !take(least)) return nullptr;
  }
  held_ += segment;
  peak_ = std::max(peak_, held_);
  return new Block{.address = static_cast<char*>(address), .bytes = segment, .owner = owner_, .kind = kind};
}

std::shared_ptr<void> MemoryPool::allocate(size_t bytes, bool lasting) {
  const std::scoped_lock lock(mutex_);
  const size_t wanted = rounded(std::max<size_t>(bytes, 1), kAlignment);
  Block* block = find(wanted, lasting);
  if (block == nullptr) block = reserve(wanted, lasting);
  if (block == nullptr) return nullptr;
  block->fresh = false;
  if (block->bytes - wanted >= least_rest(block->kind)) {
    auto* rest = new Block{.address = block->address + wanted,
                           .bytes = block->bytes - wanted,
                           .owner = block->owner,
                           .kind = block->kind,
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

size_t MemoryPool::private_bytes(int owner) const {
  const std::scoped_lock lock(mutex_);
  const auto found = free_.find(owner);
  size_t bytes = 0;
  if (found != free_.end())
    for (const Block* block : found->second) bytes += block->bytes;
  return bytes;
}

size_t MemoryPool::limit_bytes() const {
  const std::scoped_lock lock(mutex_);
  return limit_;
}

bool MemoryPool::limit_forbids(size_t bytes) const {
  const std::scoped_lock lock(mutex_);
  return limit_ != 0 && held_ + rounded(bytes, kGranule) > limit_;
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
