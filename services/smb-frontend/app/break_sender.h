// Carries what the FSA wants clients to know to the connections that reach them: oplock and lease
// breaks, and what is left of opens that had to give way.
//
// Source:    [MS-SMB2] 3.3.4.6, 3.3.4.7.
// Threading: any thread; every message hops to its connection's loop.
#pragma once

#include "services/smb-frontend/dispatch/server_context.h"
#include "services/smb-frontend/fsa_host/fsa_host.h"

namespace continuo::app {

class BreakSender final : public frontend::FsaHostSink {
 public:
  explicit BreakSender(dispatch::ServerContext& server) : server_(server) {}

  void OnBreak(const fsa::BreakToSend& event) override;
  void OnOpenPurged(const fsa::OpenPurged& event) override;
  void OnNameEvents(std::span<const fsa::NameEvent> events) override;
  void PassIoBarrier(std::function<void()> then) override;

 private:
  bool DeliverTo(const std::shared_ptr<session::Session>& session, const Bytes& body);
  bool Deliver(const fsa::BreakToSend& event, const open::OpenFile& open);
  bool EndIfDisconnected(const std::shared_ptr<open::OpenFile>& open);
  void GiveUp(const fsa::BreakToSend& event);

  dispatch::ServerContext& server_;
};

}  // namespace continuo::app
