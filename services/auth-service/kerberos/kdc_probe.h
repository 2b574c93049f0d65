// Asks a KDC for a ticket now and then, so that an administrator reads that none answers, or that the
// keytab's key is not the domain's any more, before users say so. Logons themselves need no KDC here:
// their clients do.
//
// | what the KDC does               | status says                                     |
// | ------------------------------- | ----------------------------------------------- |
// | gives a ticket, or knows no such client | nothing                                 |
// | refuses the key                 | the keytab is out of date                       |
// | nothing, for kAnswerMax         | no KDC answers                                  |
//
// Threading: one thread of its own, which may be held up in libkrb5 for as long as that tries; it is not
// joined, and what it uses outlives this object. Problem from any thread, blocks on nothing.
#pragma once

#include <memory>
#include <string>

#include <absl/time/time.h>

namespace continuo::auth::kerberos {

inline constexpr absl::Duration kProbeInterval = absl::Seconds(10);
inline constexpr absl::Duration kAnswerMax = absl::Seconds(5);

class KdcProbe {
 public:
  explicit KdcProbe(const std::string& keytab_path);
  ~KdcProbe();

  // Empty when all is well or nothing is known yet.
  std::string Problem() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace continuo::auth::kerberos
