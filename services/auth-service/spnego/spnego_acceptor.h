// The server side of a SPNEGO negotiation around one mechanism; raw NTLMSSP and raw Kerberos
// tokens, which some clients send, pass through without SPNEGO.
//
// | state      | NegTokenInit            | NegTokenResp      | raw token        | after the answer |
// | ---------- | ----------------------- | ----------------- | ---------------- | ---------------- |
// | new        | choose mech, first step | kInvalidParameter | raw step         | talking / ended  |
// | talking    | kInvalidParameter       | next step         | kInvalidParameter| talking / ended  |
// | raw        | kInvalidParameter       | kInvalidParameter | next step        | raw / ended      |
// | ended      | kInvalidParameter       | kInvalidParameter | kInvalidParameter| ended            |
//
// mechListMIC: checked whenever the client sent one, made whenever it sent one; due when the mech
// is not the client's first choice, so that nobody can edit the list (RFC 4178 5). An anonymous
// mechanism has no key and takes part in none of it.
//
// Source:    RFC 4178, [MS-SPNG] 3.1.5.
// Threading: one owner at a time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "common/base/bytes.h"
#include "common/ntstatus/ntstatus.h"
#include "services/auth-service/spnego/spnego_messages.h"

namespace continuo::auth::spnego {

enum class Progress { kContinue, kDone };

struct MechStep {
  Progress progress = Progress::kContinue;
  Bytes token;
};

// What SPNEGO carries: NTLMSSP or Kerberos.
class Mechanism {
 public:
  virtual ~Mechanism() = default;
  virtual NtResult<MechStep> Step(std::span<const uint8_t> token) = 0;
  // After kDone. False for an anonymous logon: there is no key.
  virtual bool HasIntegrity() const = 0;
  virtual Bytes MakeMic(std::span<const uint8_t> data) = 0;
  virtual bool CheckMic(std::span<const uint8_t> data, std::span<const uint8_t> mic) = 0;
};

// Makes the mechanism; null when it is not offered here.
using MechFactory = std::function<std::unique_ptr<Mechanism>(Mech)>;

struct SpnegoStep {
  // kSuccess: done. kMoreProcessingRequired: send the token and go on. Else refused.
  NtStatus status;
  Bytes token;
};

class SpnegoAcceptor {
 public:
  explicit SpnegoAcceptor(MechFactory factory) : factory_(std::move(factory)) {}

  SpnegoStep Step(std::span<const uint8_t> token);

 private:
  enum class State { kNew, kTalking, kRaw, kEnded };

  SpnegoStep Begin(const NegTokenInit& init);
  SpnegoStep Continue(const NegTokenResp& response);
  SpnegoStep Raw(std::span<const uint8_t> token);
  SpnegoStep Answer(std::span<const uint8_t> mech_token,
                    const std::optional<Bytes>& mech_list_mic);
  SpnegoStep Refuse(NtStatus status);
  SpnegoStep RefuseRaw(NtStatus status);

  const MechFactory factory_;
  State state_ = State::kNew;
  std::unique_ptr<Mechanism> mechanism_;
  Mech mech_ = Mech::kNtlmssp;
  Bytes mech_types_der_;
  bool is_mic_due_ = false;
  bool is_mech_named_ = false;  // supportedMech goes into the first answer only.
};

}  // namespace continuo::auth::spnego
