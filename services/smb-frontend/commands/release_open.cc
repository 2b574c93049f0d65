#include "services/smb-frontend/commands/release_open.h"

#include <utility>

#include "services/smb-frontend/net/event_loop.h"

namespace continuo::commands {
namespace {

class CloseFile final : public net::WorkItem {
 public:
  explicit CloseFile(std::shared_ptr<vfs::File> file) : file_(std::move(file)) {}
  void Run() override { delete this; }

 private:
  std::shared_ptr<vfs::File> file_;
};

void Release(open::OpenFile* open) {
  bool closes_slowly = false;
  {
    absl::MutexLock lock(&open->mutex());
    closes_slowly = open->state().closes_slowly;
  }
  // Other threads may block. A loop that runs has its workers.
  net::EventLoop* const loop = net::EventLoop::Current();
  if (closes_slowly && loop != nullptr && open->file != nullptr) {
    loop->workers().Submit(new CloseFile(std::move(open->file)));
  }
  delete open;
}

}  // namespace

std::shared_ptr<open::OpenFile> NewOpenFile(open::OpenFacts facts) {
  return {new open::OpenFile(std::move(facts)), &Release};
}

}  // namespace continuo::commands
