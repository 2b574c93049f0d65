// io_uring personalities: the credentials under which the kernel runs an operation, registered once
// per token and ring. Least recently used ones go when there are many.
//
// Threading: the loop's thread.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <unordered_map>

#include "services/smb-frontend/net/worker_pool.h"

namespace continuo::net {

// A ring holds 65,535.
inline constexpr size_t kMaxPersonalitiesPerLoop = 4096;
static_assert(kMaxPersonalitiesPerLoop <= 65535);

class PersonalityCache {
 public:
  explicit PersonalityCache(io_uring& ring) : ring_(ring) {}

  // The personality of `token` (not null); registers it at first use. nullopt when the kernel
  // refuses: the operation then belongs to the worker pool.
  // The number stays valid for entries that are submitted before the next call but
  // kMaxPersonalitiesPerLoop distinct tokens later; older entries are submitted here first.
  std::optional<uint16_t> Get(const TokenRef& token);
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    TokenRef token;  // Keeps the address, which is the key, from being used again.
    uint16_t personality;
  };
  std::optional<uint16_t> Register(const TokenRef& token);
  void DropOldest();

  io_uring& ring_;
  std::list<Entry> entries_;  // Most recently used first.
  std::unordered_map<const vfs::UnixToken*, std::list<Entry>::iterator> by_token_;
};

}  // namespace continuo::net
