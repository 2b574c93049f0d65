#include "services/watchdog-supervisor/children/ready_book.h"

#include <catch2/catch.hpp>

namespace continuo::supervisor {

TEST_CASE("ready book: a child that is ready after its start was entered", "[unit][supervisor]") {
  ReadyBook book;
  CHECK_FALSE(book.OnStarted(DaemonId::kAuth, 101));
  CHECK_FALSE(book.OnStarted(DaemonId::kTickle, 102));
  CHECK(book.OnReady(102) == DaemonId::kTickle);
  CHECK(book.OnReady(101) == DaemonId::kAuth);
}

TEST_CASE("ready book: a child that is ready before its start was entered", "[unit][supervisor]") {
  ReadyBook book;
  CHECK(book.OnReady(101) == std::nullopt);
  CHECK_FALSE(book.OnStarted(DaemonId::kTickle, 102));
  CHECK(book.OnStarted(DaemonId::kAuth, 101));
}

TEST_CASE("ready book: strangers are kept in bounds", "[unit][supervisor]") {
  ReadyBook book;
  for (pid_t stranger = 1000; stranger < 3000; ++stranger) {
    CHECK(book.OnReady(stranger) == std::nullopt);
  }
  CHECK_FALSE(book.OnStarted(DaemonId::kAuth, 2999));
  CHECK(book.OnReady(2999) == DaemonId::kAuth);
}

}  // namespace continuo::supervisor
