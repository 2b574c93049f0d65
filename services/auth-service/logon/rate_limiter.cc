#include "services/auth-service/logon/rate_limiter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

#include "common/bytes/utf16.h"

namespace continuo::auth {

namespace {

constexpr size_t kIpv6PrefixBytes = 8;

absl::Duration DelayAfter(uint32_t failures, uint32_t free_failures) {
  const uint32_t doublings = std::min(failures - free_failures, 10u);
  return std::min(RateLimiter::kFirstDelay * (int64_t{1} << doublings), RateLimiter::kDelayMax);
}

// An IPv4 address as it is, also one mapped into IPv6; of IPv6 the network.
std::string AddressKey(const std::string& address) {
  const std::string host = address.substr(0, address.find('%'));
  in6_addr parsed{};
  if (inet_pton(AF_INET6, host.c_str(), &parsed) != 1) return address;
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) return host.substr(host.rfind(':') + 1);
  std::fill(std::begin(parsed.s6_addr) + kIpv6PrefixBytes, std::end(parsed.s6_addr), uint8_t{0});
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(AF_INET6, &parsed, text.data(), text.size());
  return text.data();
}

// No address has a line feed in it.
std::string AccountKey(const LogonOrigin& origin) {
  return AddressKey(origin.address) + "\n" + bytes::FoldName(origin.account);
}

}  // namespace

absl::Time RateLimiter::TurnOf(Table& table, const std::string& key, uint32_t free_failures,
                               absl::Time now) {
  const auto it = table.find(key);
  if (it == table.end()) return now;
  if (now - it->second.last_failure > kForgetAfter) {
    table.erase(it);
    return now;
  }
  const Entry& entry = it->second;
  if (entry.failures < free_failures) return now;
  return std::max(now, entry.next_turn) + DelayAfter(entry.failures, free_failures);
}

std::optional<absl::Duration> RateLimiter::Admit(const LogonOrigin& origin, absl::Time now) {
  const std::string account = AccountKey(origin);
  const std::string address = AddressKey(origin.address);
  const absl::MutexLock lock(&mutex_);
  const absl::Time account_turn = TurnOf(accounts_, account, kFreeFailures, now);
  const absl::Time address_turn = TurnOf(addresses_, address, kFreeAddressFailures, now);
  const absl::Time turn = std::max(account_turn, address_turn);
  if (turn - now > kWaitMax) return std::nullopt;
  if (account_turn > now) accounts_[account].next_turn = account_turn;
  if (address_turn > now) addresses_[address].next_turn = address_turn;
  return turn - now;
}

void RateLimiter::Failed(const LogonOrigin& origin, absl::Time now) {
  const std::string account = AccountKey(origin);
  const std::string address = AddressKey(origin.address);
  const absl::MutexLock lock(&mutex_);
  Count(accounts_, account, now);
  Count(addresses_, address, now);
}

void RateLimiter::Succeeded(const LogonOrigin& origin) {
  const std::string account = AccountKey(origin);
  const absl::MutexLock lock(&mutex_);
  accounts_.erase(account);
}

uint32_t RateLimiter::FailureCount(const LogonOrigin& origin) const {
  const std::string account = AccountKey(origin);
  const absl::MutexLock lock(&mutex_);
  const auto it = accounts_.find(account);
  return it == accounts_.end() ? 0 : it->second.failures;
}

FailureTally RateLimiter::Tally() const {
  FailureTally tally;
  const absl::MutexLock lock(&mutex_);
  for (const auto& [key, entry] : accounts_) {
    tally.counts_[key.substr(key.find('\n') + 1)] += entry.failures;
  }
  return tally;
}

uint32_t FailureTally::Of(std::string_view account) const {
  const auto it = counts_.find(bytes::FoldName(account));
  return it == counts_.end() ? 0 : it->second;
}

void RateLimiter::Count(Table& table, const std::string& key, absl::Time now) {
  if (!table.contains(key)) MakeRoom(table, now);
  Entry& entry = table[key];
  ++entry.failures;
  entry.last_failure = now;
}

void RateLimiter::MakeRoom(Table& table, absl::Time now) {
  if (table.size() < kEntriesMax) return;
  std::erase_if(table,
                [&](const auto& item) { return now - item.second.last_failure > kForgetAfter; });
  // Full of fresh ones: the names are invented, for there are not that many users. Those with few
  // failures go first, so that a flood of names does not wipe out the account under attack.
  for (uint32_t limit = 1; table.size() >= kEntriesMax; limit *= 2) {
    std::erase_if(table, [&](const auto& item) { return item.second.failures <= limit; });
  }
}

}  // namespace continuo::auth
