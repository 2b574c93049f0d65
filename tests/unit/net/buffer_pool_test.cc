// Buffers keep their headroom, pools recycle, and idle memory goes back.
#include "services/smb-frontend/net/buffer_pool.h"

#include <algorithm>

#include <catch2/catch.hpp>

namespace continuo::net {

TEST_CASE("Buffer: has the headroom that framing and sealing need", "[unit][net]") {
  const size_t size = GENERATE(size_t{0}, size_t{1}, size_t{384}, size_t{4096}, size_t{65536},
                               size_t{1} << 20, size_t{8} << 20, (size_t{8} << 20) + 100000);
  CAPTURE(size);
  Buffer buffer = Buffer::Allocate(size);
  CHECK(buffer.size() == size);
  CHECK(buffer.headroom() == kBufferHeadroomBytes);
  std::fill(buffer.payload().begin(), buffer.payload().end(), uint8_t{7});
  const std::span<uint8_t> front = buffer.Prepend(120);
  CHECK(front.size() == 120);
  CHECK(buffer.size() == size + 120);
  std::fill(front.begin(), front.end(), uint8_t{9});
  buffer.TrimFront(120);
  CHECK(std::all_of(buffer.payload().begin(), buffer.payload().end(),
                    [](uint8_t byte) { return byte == 7; }));
}

TEST_CASE("Buffer: resize takes tailroom and gives it back", "[unit][net]") {
  Buffer buffer = Buffer::Allocate(100);
  const size_t room = buffer.tailroom();
  REQUIRE(room > 0);
  buffer.Resize(100 + room);
  CHECK(buffer.tailroom() == 0);
  buffer.Resize(10);
  CHECK(buffer.size() == 10);
  CHECK(buffer.tailroom() == room + 90);
}

TEST_CASE("Buffer: moving leaves an empty source", "[unit][net]") {
  Buffer a = Buffer::CopyOf(std::vector<uint8_t>{1, 2, 3});
  Buffer b = std::move(a);
  CHECK_FALSE(a.valid());
  CHECK(b.size() == 3);
  a = std::move(b);
  CHECK(a.payload()[2] == 3);
}

TEST_CASE("BufferPool: recycles on its thread and trims what was idle", "[unit][net]") {
  const uint64_t live_before = BufferPool::LiveBytes();
  BufferPool pool;
  pool.Install();
  const uint8_t* memory = nullptr;
  {
    const Buffer buffer = Buffer::Allocate(1 << 20);
    memory = buffer.payload().data();
    CHECK(BufferPool::LiveBytes() > live_before);
  }
  CHECK(pool.free_bytes() >= 1 << 20);
  {
    const Buffer again = Buffer::Allocate(1 << 20);
    CHECK(again.payload().data() == memory);
  }
  // It was used since the last trim, so the first trim leaves it and the second takes it.
  pool.TrimIdle();
  CHECK(pool.free_bytes() >= 1 << 20);
  pool.TrimIdle();
  CHECK(pool.free_bytes() == 0);
  CHECK(BufferPool::LiveBytes() == live_before);
  pool.Uninstall();
}

TEST_CASE("BufferPool: what a free list holds is bounded", "[unit][net]") {
  BufferPool pool;
  pool.Install();
  {
    std::vector<Buffer> many;
    for (int i = 0; i < 64; ++i) many.push_back(Buffer::Allocate(1 << 20));
  }
  CHECK(pool.free_bytes() <= BufferPool::kMaxFreeBytesPerClass);
  pool.Uninstall();
}

}  // namespace continuo::net
