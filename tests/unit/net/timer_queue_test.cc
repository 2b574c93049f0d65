// Order, cancellation and re-entrance of timers.
#include "services/smb-frontend/net/timer_queue.h"

#include <catch2/catch.hpp>

namespace continuo::net {

TEST_CASE("TimerQueue: runs what is due, earliest first", "[unit][net]") {
  TimerQueue queue;
  std::vector<int> ran;
  queue.Add(30, [&] { ran.push_back(30); });
  queue.Add(10, [&] { ran.push_back(10); });
  queue.Add(20, [&] { ran.push_back(20); });
  queue.Add(10, [&] { ran.push_back(11); });
  CHECK(queue.NextDue() == 10);
  queue.RunDue(20);
  CHECK(ran == std::vector<int>{10, 11, 20});
  CHECK(queue.NextDue() == 30);
}

TEST_CASE("TimerQueue: a cancelled timer does not run", "[unit][net]") {
  TimerQueue queue;
  bool ran = false;
  const TimerId id = queue.Add(10, [&] { ran = true; });
  CHECK(queue.Cancel(id));
  CHECK_FALSE(queue.Cancel(id));
  CHECK_FALSE(queue.NextDue().has_value());
  queue.RunDue(100);
  CHECK_FALSE(ran);
}

TEST_CASE("TimerQueue: timers may add and cancel timers", "[unit][net]") {
  TimerQueue queue;
  std::vector<int> ran;
  TimerId second;
  queue.Add(1, [&] {
    ran.push_back(1);
    queue.Cancel(second);
    queue.Add(0, [&] { ran.push_back(3); });
  });
  second = queue.Add(2, [&] { ran.push_back(2); });
  queue.RunDue(5);
  CHECK(ran == std::vector<int>{1});  // The new one waits for the next call, so a loop ends.
  queue.RunDue(5);
  CHECK(ran == std::vector<int>{1, 3});
  CHECK(queue.size() == 0);
}

TEST_CASE("TimerQueue: many cancelled timers do not pile up", "[unit][net]") {
  TimerQueue queue;
  int ran = 0;
  for (int i = 0; i < 10000; ++i) queue.Cancel(queue.Add(1000 + i, [&] { ++ran; }));
  queue.Add(5, [&] { ++ran; });
  queue.RunDue(20000);
  CHECK(ran == 1);
}

}  // namespace continuo::net
