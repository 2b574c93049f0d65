#include "services/smb-frontend/net/personality_cache.h"

#include "services/smb-frontend/vfs/credentials.h"

namespace continuo::net {

std::optional<uint16_t> PersonalityCache::Get(const TokenRef& token) {
  if (!entries_.empty() && entries_.front().token == token) return entries_.front().personality;
  const auto found = by_token_.find(token.get());
  if (found != by_token_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return entries_.front().personality;
  }
  if (entries_.size() >= kMaxPersonalitiesPerLoop) DropOldest();
  const std::optional<uint16_t> personality = Register(token);
  if (!personality) return std::nullopt;
  entries_.push_front({token, *personality});
  by_token_.emplace(token.get(), entries_.begin());
  return personality;
}

std::optional<uint16_t> PersonalityCache::Register(const TokenRef& token) {
  int personality = -1;
  {
    const vfs::ScopedCredentials as_user(token, vfs::PosixVeto::kBypassed);
    personality = io_uring_register_personality(&ring_);
  }
  // A loop's thread is the daemon itself, whatever it did last.
  vfs::DropToProcessIdentity();
  if (personality <= 0 || personality > UINT16_MAX) return std::nullopt;
  return static_cast<uint16_t>(personality);
}

void PersonalityCache::DropOldest() {
  // Prepared entries may name it; once submitted they hold the credentials themselves.
  io_uring_submit(&ring_);
  const Entry& oldest = entries_.back();
  io_uring_unregister_personality(&ring_, oldest.personality);
  by_token_.erase(oldest.token.get());
  entries_.pop_back();
}

}  // namespace continuo::net
