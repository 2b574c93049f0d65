// A small language for stories about files: opens with one-letter share modes and lease states,
// and access to what the state made happen.
#pragma once

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/fsa/files.h"

namespace continuo::fsa {

inline FileKey Key(uint8_t n) {
  FileKey key;
  const uint8_t id[] = {n};
  REQUIRE(FileKey::Make(Guid{1}, id, &key));
  return key;
}

inline uint32_t State(std::string_view letters) {
  uint32_t state = 0;
  for (const char c : letters) {
    state |= c == 'R' ? kLeaseRead : c == 'H' ? kLeaseHandle : kLeaseWrite;
  }
  return state;
}

// "R", "W", "D" of FILE_SHARE_*.
inline uint32_t Share(std::string_view letters) {
  uint32_t share = 0;
  for (const char c : letters) share |= c == 'R' ? kShareRead : c == 'W' ? kShareWrite : kShareDelete;
  return share;
}

inline constexpr uint32_t kAllAccess = 0x001F01FF;

class World {
 public:
  OpenRequest Request(uint8_t file = 1) {
    OpenRequest request;
    request.op = OpId(++last_op_);
    request.open = OpenId(++last_open_);
    request.file = Key(file);
    request.path = "/share/file" + std::to_string(file);
    request.client_guid = Guid{1};
    request.access = kAllAccess;
    request.share_access = Share("RWD");
    return request;
  }
  OpenRequest LeaseRequestFor(uint8_t key, std::string_view state, uint8_t file = 1,
                              uint8_t version = 1, uint16_t epoch = 0) {
    OpenRequest request = Request(file);
    request.oplock = OplockLevel::kLease;
    request.lease = LeaseRequest{
        .key = LeaseKey{key}, .state = State(state), .version = version, .epoch = epoch,
        .parent_key = std::nullopt};
    return request;
  }
  OpenRequest OplockRequest(OplockLevel level, uint8_t file = 1) {
    OpenRequest request = Request(file);
    request.oplock = level;
    return request;
  }

  std::optional<NtResult<OpenGrant>> Open(const OpenRequest& request) {
    effects.clear();
    return files.Open(request, &effects);
  }
  // Requires that it is granted at once.
  OpenGrant MustOpen(const OpenRequest& request) {
    auto answer = Open(request);
    REQUIRE(answer.has_value());
    REQUIRE(answer->status() == NtStatus::kSuccess);
    return **answer;
  }
  NtStatus Refusal(const OpenRequest& request) {
    auto answer = Open(request);
    REQUIRE(answer.has_value());
    REQUIRE_FALSE(answer->ok());
    return answer->status();
  }
  CloseResult Close(OpenId open) {
    effects.clear();
    auto result = files.Close(open, &effects);
    REQUIRE(result.ok());
    return *result;
  }
  NtStatus AckLease(uint8_t key, std::string_view state) {
    effects.clear();
    return files
        .AckLeaseBreak({.op = OpId(), .client_guid = Guid{1}, .key = LeaseKey{key},
                        .state = State(state)},
                       &effects)
        .status();
  }
  NtStatus AckOplock(OpenId open, OplockLevel level) {
    effects.clear();
    return files.AckOplockBreak({.op = OpId(), .open = open, .level = level}, &effects);
  }
  std::optional<NtStatus> Lock(OpenId open, std::vector<LockElement> locks) {
    effects.clear();
    LockRequest request;
    request.op = last_lock_op = OpId(++last_op_);
    request.open = open;
    request.locks = std::move(locks);
    return files.Lock(request, &effects);
  }
  std::optional<NtStatus> Break(OpenId open, BreakReason reason) {
    effects.clear();
    BreakRequest request;
    request.op = last_break_op = OpId(++last_op_);
    request.open = open;
    request.reason = reason;
    return files.Break(request, &effects);
  }
  NtStatus Dispose(OpenId open, bool is_delete, bool is_posix = false) {
    effects.clear();
    return files.SetDeletePending(
        {.op = OpId(), .open = open, .is_delete = is_delete, .is_posix = is_posix}, &effects);
  }

  template <typename T>
  std::vector<T> All() const {
    std::vector<T> found;
    for (const Effect& effect : effects) {
      if (const T* one = std::get_if<T>(&effect)) found.push_back(*one);
    }
    return found;
  }
  BreakToSend OnlyBreak() const {
    const auto breaks = All<BreakToSend>();
    REQUIRE(breaks.size() == 1);
    return breaks.front();
  }
  // The answer of a waiting open among the last effects.
  std::optional<OpenCompleted> Completed(OpenId open) const {
    for (const OpenCompleted& completed : All<OpenCompleted>()) {
      if (completed.open == open) return completed;
    }
    return std::nullopt;
  }

  Files files;
  Effects effects;
  OpId last_lock_op;
  OpId last_break_op;

 private:
  uint64_t last_op_ = 0;
  uint64_t last_open_ = 0;
};

}  // namespace continuo::fsa
