#include "services/smb-frontend/net/buffer_pool.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "common/base/check.h"

namespace continuo::net {

namespace {

thread_local BufferPool* thread_pool = nullptr;
std::atomic<uint64_t> live_bytes{0};

// From this size on a block is its own mapping: giving it back returns the memory to the system,
// whatever else was allocated in between.
constexpr size_t kMappedBlockBytes = 64 * 1024;

uint8_t* NewBlock(size_t capacity_bytes) {
  if (capacity_bytes < kMappedBlockBytes) {
    return static_cast<uint8_t*>(::operator new (capacity_bytes, std::align_val_t{64}));
  }
  void* const memory =
      mmap(nullptr, capacity_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CONTINUO_CHECK(memory != MAP_FAILED);
  return static_cast<uint8_t*>(memory);
}

void DeleteBlock(uint8_t* data, size_t capacity_bytes) {
  if (capacity_bytes < kMappedBlockBytes) {
    ::operator delete (data, std::align_val_t{64});
    return;
  }
  CONTINUO_CHECK(munmap(data, capacity_bytes) == 0);
}

size_t ClassFor(size_t capacity_bytes) {
  const auto& classes = BufferPool::kClassBytes;
  return static_cast<size_t>(std::lower_bound(classes.begin(), classes.end(), capacity_bytes) -
                             classes.begin());
}

}  // namespace

Buffer Buffer::Allocate(size_t payload_size_bytes) {
  Buffer buffer;
  buffer.block_ = BufferPool::Acquire(kBufferHeadroomBytes + payload_size_bytes);
  buffer.offset_ = kBufferHeadroomBytes;
  buffer.size_ = payload_size_bytes;
  return buffer;
}

Buffer Buffer::CopyOf(std::span<const uint8_t> payload) {
  Buffer buffer = Allocate(payload.size());
  if (!payload.empty()) std::memcpy(buffer.payload().data(), payload.data(), payload.size());
  return buffer;
}

std::span<uint8_t> Buffer::Prepend(size_t count) {
  CONTINUO_CHECK(count <= offset_);
  offset_ -= count;
  size_ += count;
  return {block_.data + offset_, count};
}

void Buffer::TrimFront(size_t count) {
  CONTINUO_CHECK(count <= size_);
  offset_ += count;
  size_ -= count;
}

void Buffer::Resize(size_t size_bytes) {
  CONTINUO_CHECK(size_bytes <= block_.capacity_bytes - offset_);
  size_ = size_bytes;
}

void Buffer::Free() {
  if (block_.data == nullptr) return;
  BufferPool::Release(block_);
  block_ = {};
}

BufferPool::~BufferPool() {
  if (thread_pool == this) thread_pool = nullptr;
  for (size_t i = 0; i < lists_.size(); ++i) {
    for (uint8_t* const block : lists_[i].blocks) DeleteBlock(block, kClassBytes[i]);
  }
}

void BufferPool::Install() {
  CONTINUO_CHECK(thread_pool == nullptr);
  thread_pool = this;
}

void BufferPool::Uninstall() {
  CONTINUO_CHECK(thread_pool == this);
  thread_pool = nullptr;
}

internal::Block BufferPool::Acquire(size_t capacity_bytes) {
  CONTINUO_CHECK(capacity_bytes <= UINT32_MAX);
  const size_t index = ClassFor(capacity_bytes);
  internal::Block block;
  if (index == kClassBytes.size()) {
    block.capacity_bytes = static_cast<uint32_t>(capacity_bytes);
    block.data = NewBlock(capacity_bytes);
  } else {
    block.capacity_bytes = kClassBytes[index];
    block.size_class = static_cast<int32_t>(index);
    FreeList* const list = thread_pool == nullptr ? nullptr : &thread_pool->lists_[index];
    if (list != nullptr && !list->blocks.empty()) {
      block.data = list->blocks.back();
      list->blocks.pop_back();
      list->low_water = std::min(list->low_water, list->blocks.size());
      thread_pool->free_bytes_.fetch_sub(block.capacity_bytes, std::memory_order_relaxed);
    } else {
      block.data = NewBlock(block.capacity_bytes);
    }
  }
  live_bytes.fetch_add(block.capacity_bytes, std::memory_order_relaxed);
  return block;
}

void BufferPool::Release(internal::Block block) {
  live_bytes.fetch_sub(block.capacity_bytes, std::memory_order_relaxed);
  if (thread_pool != nullptr && block.size_class >= 0) {
    FreeList& list = thread_pool->lists_[static_cast<size_t>(block.size_class)];
    const size_t count = list.blocks.size();
    if (count < kMaxFreeBlocksPerClass &&
        (count + 1) * block.capacity_bytes <= kMaxFreeBytesPerClass) {
      list.blocks.push_back(block.data);
      thread_pool->free_bytes_.fetch_add(block.capacity_bytes, std::memory_order_relaxed);
      return;
    }
  }
  DeleteBlock(block.data, block.capacity_bytes);
}

void BufferPool::TrimIdle() {
  for (size_t i = 0; i < lists_.size(); ++i) {
    FreeList& list = lists_[i];
    // The oldest blocks are at the front: they lay unused while later ones came and went.
    const size_t unused = std::min(list.low_water, list.blocks.size());
    for (size_t k = 0; k < unused; ++k) DeleteBlock(list.blocks[k], kClassBytes[i]);
    list.blocks.erase(list.blocks.begin(),
                      list.blocks.begin() + static_cast<std::ptrdiff_t>(unused));
    if (list.blocks.empty()) list.blocks.shrink_to_fit();
    free_bytes_.fetch_sub(unused * kClassBytes[i], std::memory_order_relaxed);
    list.low_water = list.blocks.size();
  }
}

uint64_t BufferPool::LiveBytes() { return live_bytes.load(std::memory_order_relaxed); }

}  // namespace continuo::net
