#include "services/tickle-service/addresses/watcher.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <span>
#include <utility>

#include <absl/time/clock.h>

#include "common/base/check.h"
#include "common/logging/log.h"
#include "services/tickle-service/addresses/netlink_messages.h"

namespace continuo::tickle {

namespace {

constexpr size_t kDatagramMaxBytes = 64 * 1024;

std::string InterfaceName(uint32_t index) {
  char name[IF_NAMESIZE] = {};
  return if_indextoname(index, name) == nullptr ? "" : name;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AddressWatcher>> AddressWatcher::Start(
    std::function<void()> on_turn, std::function<void(const AddressEntry&)> on_arrived) {
  std::unique_ptr<AddressWatcher> watcher(new AddressWatcher);
  watcher->on_turn_ = std::move(on_turn);
  watcher->on_arrived_ = std::move(on_arrived);
  watcher->buffer_.resize(kDatagramMaxBytes);
  watcher->netlink_fd_ =
      socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
  if (watcher->netlink_fd_ < 0 ||
      bind(watcher->netlink_fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) !=
          0) {
    return absl::ErrnoToStatus(errno, "watch addresses over netlink");
  }
  watcher->wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (watcher->wake_fd_ < 0) return absl::ErrnoToStatus(errno, "make an event descriptor");
  watcher->thread_ = std::thread([raw = watcher.get()] { raw->Run(); });
  return watcher;
}

AddressWatcher::~AddressWatcher() {
  is_stopping_.store(true);
  if (thread_.joinable()) {
    Wake();
    thread_.join();
  }
  if (wake_fd_ >= 0) close(wake_fd_);
  if (netlink_fd_ >= 0) close(netlink_fd_);
}

AddressWatcher::Snapshot AddressWatcher::Read() const {
  absl::MutexLock lock(&mutex_);
  return {table_.Entries(), table_.arrival_count(), table_.departure_count()};
}

void AddressWatcher::Wake() {
  const uint64_t one = 1;
  // EAGAIN says that it is awake already.
  CONTINUO_CHECK(write(wake_fd_, &one, sizeof(one)) == sizeof(one) || errno == EAGAIN);
}

void AddressWatcher::Run() {
  pthread_setname_np(pthread_self(), "tickle-address");
  RequestDump();
  while (!is_stopping_.load()) {
    pollfd waits[2] = {{wake_fd_, POLLIN, 0}, {netlink_fd_, POLLIN, 0}};
    if (poll(waits, 2, -1) < 0) continue;
    if (waits[0].revents != 0) {
      uint64_t count = 0;
      if (read(wake_fd_, &count, sizeof(count)) < 0) count = 0;
    }
    if (waits[1].revents != 0) ReadDatagrams();
    on_turn_();
  }
}

void AddressWatcher::RequestDump() {
  const Bytes request = MakeAddressDumpRequest(++dump_sequence_);
  is_dump_stale_ = false;
  dump_.clear();
  if (send(netlink_fd_, request.data(), request.size(), 0) < 0) {
    logging::Warning("addresses.list_failed",
                     {{"status", absl::ErrnoToStatus(errno, "ask for the addresses")}});
  }
}

void AddressWatcher::ReadDatagrams() {
  for (;;) {
    const ssize_t size = recv(netlink_fd_, buffer_.data(), buffer_.size(), 0);
    if (size >= 0) {
      ReadDatagram(static_cast<size_t>(size));
    } else if (errno == ENOBUFS) {
      RequestDump();  // Messages were lost: the whole list again.
    } else if (errno != EINTR) {
      return;
    }
  }
}

void AddressWatcher::ReadDatagram(size_t size_bytes) {
  for (const AddressMessage& message :
       ParseAddressMessages(std::span(buffer_).first(size_bytes))) {
    const bool is_dump = message.sequence != 0 && message.sequence == dump_sequence_;
    is_dump_stale_ |= is_dump && message.is_dump_inconsistent;
    switch (message.kind) {
      case AddressMessage::Kind::kArrived:
        if (is_dump) dump_.insert(message.key);
        Arrived(message.key);
        break;
      case AddressMessage::Kind::kDeparted:
        dump_.erase(message.key);
        Departed(message.key);
        break;
      case AddressMessage::Kind::kDumpEnd:
        if (is_dump) FinishDump();
        break;
      case AddressMessage::Kind::kDumpFailed:
        logging::Warning("addresses.list_refused");
        break;
    }
  }
}

void AddressWatcher::Arrived(const AddressKey& key) {
  const std::string interface = InterfaceName(key.interface_index);
  const absl::Time now = absl::Now();
  bool is_new = false;
  {
    absl::MutexLock lock(&mutex_);
    is_new = table_.Add(key, interface, now);
  }
  if (!is_new) return;
  logging::Info("address.arrived", {{"address", key.address}, {"interface", interface}});
  if (on_arrived_ != nullptr) on_arrived_({key, interface, now});
}

void AddressWatcher::Departed(const AddressKey& key) {
  bool was_there = false;
  {
    absl::MutexLock lock(&mutex_);
    was_there = table_.Remove(key);
  }
  if (was_there) logging::Info("address.departed", {{"address", key.address}});
}

void AddressWatcher::FinishDump() {
  if (is_dump_stale_) return RequestDump();
  std::vector<AddressKey> gone;
  {
    absl::MutexLock lock(&mutex_);
    gone = table_.RetainOnly(dump_);
  }
  for (const AddressKey& key : gone) logging::Info("address.departed", {{"address", key.address}});
}

}  // namespace continuo::tickle
