// Message memory: move-only buffers with headroom, from per-thread pools in size classes.
//
//   Buffer reply = Buffer::Allocate(64 + 16 + length);     // payload() has that size, unset.
//   … encode into reply.payload(), read the file into reply.payload().subspan(80) …
//   connection.Send(std::move(reply));                     // Framed and sealed in the headroom.
//
// Recycled memory keeps old bytes: whoever sends a buffer has written all of its payload.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace continuo::net {

// Room before every fresh payload: 4 bytes of direct-TCP framing ([MS-SMB2] 2.1), a 52-byte
// TRANSFORM_HEADER (2.2.41) and a 64-byte header (2.2.1), rounded so that payloads are aligned.
inline constexpr size_t kBufferHeadroomBytes = 128;
static_assert(kBufferHeadroomBytes >= 4 + 52 + 64);

namespace internal {
struct Block {
  uint8_t* data = nullptr;
  uint32_t capacity_bytes = 0;
  int32_t size_class = -1;  // -1: larger than every class, never pooled.
};
}  // namespace internal

// Shape: [headroom][payload][tailroom] in one piece of memory.
// Threading: one owner at a time; may be freed on any thread.
class Buffer {
 public:
  Buffer() = default;
  // Payload of `payload_size_bytes` unset bytes with kBufferHeadroomBytes before it; the size class
  // decides how much tailroom there is. Memory exhaustion ends the process.
  static Buffer Allocate(size_t payload_size_bytes);
  static Buffer CopyOf(std::span<const uint8_t> payload);

  Buffer(Buffer&& other) noexcept
      : block_(std::exchange(other.block_, {})),
        offset_(std::exchange(other.offset_, 0)),
        size_(std::exchange(other.size_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    if (this != &other) {
      Free();
      block_ = std::exchange(other.block_, {});
      offset_ = std::exchange(other.offset_, 0);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  ~Buffer() { Free(); }

  bool valid() const { return block_.data != nullptr; }
  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  std::span<uint8_t> payload() { return {block_.data + offset_, size_}; }
  std::span<const uint8_t> payload() const { return {block_.data + offset_, size_}; }
  size_t headroom() const { return offset_; }
  size_t tailroom() const { return block_.capacity_bytes - offset_ - size_; }

  // Grows the payload towards the front and returns the new bytes. Requires: count <= headroom().
  std::span<uint8_t> Prepend(size_t count);
  // Shrinks the payload at the front; the bytes become headroom. Requires: count <= size().
  void TrimFront(size_t count);
  // Sets the payload's size: drops bytes at the end, or takes tailroom (unset bytes).
  // Requires: size_bytes <= size() + tailroom().
  void Resize(size_t size_bytes);

 private:
  void Free();

  internal::Block block_;
  size_t offset_ = 0;
  size_t size_ = 0;
};

// Free blocks of one thread. An EventLoop installs one on its thread for as long as it runs;
// buffers that are allocated or freed on a thread without pool use the system's memory directly.
class BufferPool {
 public:
  // Capacities of the classes; above the largest every block is allocated for itself.
  static constexpr std::array<uint32_t, 8> kClassBytes = {
      512, 1024, 4096, 16384, 65536 + 1024, 262144 + 1024, 1048576 + 4096, 8388608 + 4096};
  // What the free list of one class may hold, by bytes and by blocks.
  static constexpr size_t kMaxFreeBytesPerClass = 32 * 1024 * 1024;
  static constexpr size_t kMaxFreeBlocksPerClass = 1024;

  BufferPool() = default;
  ~BufferPool();
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // Makes this the calling thread's pool, and ends that.
  void Install();
  void Uninstall();

  // Gives back the blocks that no allocation needed since the last call. The loop calls it once a
  // second, so that an idle server holds next to nothing.
  void TrimIdle();

  size_t free_bytes() const { return free_bytes_.load(std::memory_order_relaxed); }

  // Bytes in buffers that are alive, over all threads.
  static uint64_t LiveBytes();

 private:
  friend class Buffer;
  static internal::Block Acquire(size_t capacity_bytes);
  static void Release(internal::Block block);

  struct FreeList {
    std::vector<uint8_t*> blocks;
    size_t low_water = 0;  // The least it held since the last TrimIdle: those were not needed.
  };
  std::array<FreeList, kClassBytes.size()> lists_;
  std::atomic<size_t> free_bytes_{0};
};

}  // namespace continuo::net
