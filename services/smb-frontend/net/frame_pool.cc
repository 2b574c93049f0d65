#include "services/smb-frontend/net/frame_pool.h"

#include <array>
#include <cstdlib>
#include <new>

namespace continuo::net {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

void* AllocateFrame(size_t size_bytes) { return ::operator new(size_bytes); }
void FreeFrame(void* frame, size_t) noexcept { ::operator delete(frame); }

#else

namespace {

constexpr size_t kClassStepBytes = 128;
constexpr size_t kClassCount = kMaxPooledFrameBytes / kClassStepBytes;
static_assert(kMaxPooledFrameBytes % kClassStepBytes == 0);

struct FreeFrameNode {
  FreeFrameNode* next;
};

class ThreadFrames {
 public:
  ~ThreadFrames() {
    for (List& list : lists_) {
      while (list.head != nullptr) ::operator delete(Pop(list));
    }
  }
  void* Allocate(size_t index) {
    List& list = lists_[index];
    if (list.head != nullptr) return Pop(list);
    return ::operator new((index + 1) * kClassStepBytes);
  }
  void Free(void* frame, size_t index) noexcept {
    List& list = lists_[index];
    if (list.count >= kMaxFreeFramesPerClass) {
      ::operator delete(frame);
      return;
    }
    list.head = new (frame) FreeFrameNode{list.head};
    ++list.count;
  }

 private:
  struct List {
    FreeFrameNode* head = nullptr;
    size_t count = 0;
  };
  static void* Pop(List& list) {
    FreeFrameNode* const node = list.head;
    list.head = node->next;
    --list.count;
    return node;
  }
  std::array<List, kClassCount> lists_;
};

thread_local ThreadFrames thread_frames;

size_t ClassOf(size_t size_bytes) {
  return size_bytes == 0 ? 0 : (size_bytes - 1) / kClassStepBytes;
}

}  // namespace

void* AllocateFrame(size_t size_bytes) {
  if (size_bytes > kMaxPooledFrameBytes) return ::operator new(size_bytes);
  return thread_frames.Allocate(ClassOf(size_bytes));
}

void FreeFrame(void* frame, size_t size_bytes) noexcept {
  if (size_bytes > kMaxPooledFrameBytes) {
    ::operator delete(frame);
    return;
  }
  thread_frames.Free(frame, ClassOf(size_bytes));
}

#endif

}  // namespace continuo::net
