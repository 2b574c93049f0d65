#include "tools/smbload/loop.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "common/base/check.h"

namespace continuo::smbload {

Loop::Loop() : epoll_(epoll_create1(EPOLL_CLOEXEC)) { CONTINUO_CHECK(epoll_ >= 0); }
Loop::~Loop() { close(epoll_); }

void Loop::Add(Client& client) {
  if (client.fd() < 0) return;
  const auto fd = static_cast<size_t>(client.fd());
  if (watches_.size() <= fd) watches_.resize(fd + 1);
  watches_[fd] = {&client, client.wants_write()};
  epoll_event event{};
  event.events = EPOLLIN | (client.wants_write() ? uint32_t{EPOLLOUT} : 0u);
  event.data.fd = client.fd();
  const int added = epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd(), &event);
  CONTINUO_CHECK(added == 0);
}

void Loop::Update(Client& client) {
  if (client.fd() < 0) return;  // Closed: the kernel has forgotten it.
  Watch& watch = watches_[static_cast<size_t>(client.fd())];
  if (watch.wants_write == client.wants_write()) return;
  watch.wants_write = client.wants_write();
  epoll_event event{};
  event.events = EPOLLIN | (watch.wants_write ? uint32_t{EPOLLOUT} : 0u);
  event.data.fd = client.fd();
  const int changed = epoll_ctl(epoll_, EPOLL_CTL_MOD, client.fd(), &event);
  CONTINUO_CHECK(changed == 0);
}

void Loop::Poll(absl::Duration timeout) {
  std::array<epoll_event, 256> events{};
  const auto timeout_ms = static_cast<int>(absl::ToInt64Milliseconds(timeout));
  const int count =
      epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), timeout_ms);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<size_t>(i)];
    Client* client = watches_[static_cast<size_t>(event.data.fd)].client;
    if (client->fd() != event.data.fd) continue;
    if ((event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) client->OnWritable();
    if (client->fd() >= 0 && (event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0) {
      client->OnReadable();
    }
    Update(*client);
  }
}

}  // namespace continuo::smbload
