// Internal to common/crypto: prepared contexts that are lent to one call at a time.
//
// Threading: any thread. A slot is taken and given back with one atomic exchange each; a call that
// finds every slot empty makes a context of its own, and one that finds every slot full when it
// gives back destroys it. So memory follows the number of calls that really overlap.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace continuo::crypto {

template <typename Context>
class ContextPool {
 public:
  static constexpr size_t kSlotCount = 4;

  // Gives the context back when it goes away.
  class Loan {
   public:
    Loan(ContextPool* pool, std::unique_ptr<Context> context)
        : pool_(pool), context_(std::move(context)) {}
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ~Loan() { pool_->Return(std::move(context_)); }
    Context* operator->() { return context_.get(); }
    Context& operator*() { return *context_; }

   private:
    ContextPool* pool_;
    std::unique_ptr<Context> context_;
  };

  ContextPool() = default;
  ContextPool(const ContextPool&) = delete;
  ContextPool& operator=(const ContextPool&) = delete;
  ~ContextPool() {
    for (auto& slot : slots_) delete slot.load(std::memory_order_acquire);
  }

  // `make` returns a new std::unique_ptr<Context>.
  template <typename Make>
  Loan Borrow(const Make& make) {
    for (auto& slot : slots_) {
      // The plain load first keeps an empty slot's cache line shared.
      if (slot.load(std::memory_order_relaxed) == nullptr) continue;
      if (Context* context = slot.exchange(nullptr, std::memory_order_acquire)) {
        return Loan(this, std::unique_ptr<Context>(context));
      }
    }
    return Loan(this, make());
  }

 private:
  void Return(std::unique_ptr<Context> context) {
    for (auto& slot : slots_) {
      Context* expected = nullptr;
      if (slot.compare_exchange_strong(expected, context.get(), std::memory_order_release,
                                       std::memory_order_relaxed)) {
        (void)context.release();
        return;
      }
    }
  }

  std::array<std::atomic<Context*>, kSlotCount> slots_{};
};

}  // namespace continuo::crypto
