#!/usr/bin/env python3
"""The six real daemons under failures: whatever dies or stops, the whole group is gone in time.

Goal: the group ends within watchdog_interval + watchdog_timeout + 0.5 s, with a non-zero exit
status, a reason that names the daemon, and no process left. For each failure:

1. Start a group with an interval of 200 ms and a time-out of 500 ms.
2. Break one thing: SIGKILL or SIGSTOP of a daemon, ptrace-stop of one loop's thread.
3. Wait for the group's end, and look at time, exit status, reason, history and processes.

And what is no failure: groups that start and drain, again and again, on a machine whose cores are
all taken.
"""

import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from group_failure import (SIGNALS, Failure, processes, send_signal, start_group,  # noqa: E402
                           stop_thread)
from busy_machine import Load  # noqa: E402
from continuo_server import DAEMONS  # noqa: E402
from results import Results, check, check_equal  # noqa: E402


def named(prefix, last=False):
    """Chooses the first, or the last, thread whose name begins with `prefix`."""
    def choose(threads, _):
        found = sorted(tid for tid, name in threads.items() if name.startswith(prefix))
        check(found, f"no thread is named {prefix}: {sorted(threads.values())}")
        return found[-1 if last else 0]
    return choose


# The threads whose standstill the daemon's own health question has to notice. "nexting_thread" is
# gRPC's name for those that run all callbacks of a daemon: its services and its clients. Of kinds
# with several threads the first and the last are tried.
RPC_THREADS = ("rpc-acceptor", "rpc-health", "nexting_thread")
LOOP_THREADS = {
    "smb-frontend": ("smb-loop-", "smb-io-", "smb-timer", *RPC_THREADS),
    "auth-service": ("auth-logon-", "auth-lookup-", "auth-userdb", *RPC_THREADS),
    "fsa-state-service": RPC_THREADS,
    "ca-store-service": RPC_THREADS,
    "tickle-service": ("tickle-address", *RPC_THREADS),
}
SEVERAL = ("smb-loop-", "smb-io-", "auth-logon-", "auth-lookup-", "nexting_thread")
STARTS_UNDER_LOAD = 10


def history_of(server):
    with open(os.path.join(server.run_dir, "watchdog-history"), encoding="utf-8") as file:
        return file.read()


def try_failure(results, name, inject, wanted, in_history=True):
    with results.test(name):
        server = start_group()
        try:
            failure = Failure(server, inject)
            failure.check(wanted)
            if in_history:
                check(wanted in history_of(server).splitlines()[-1],
                      f"{wanted} is not in the history: {history_of(server)}")
            print(f"# {name}: gone after {failure.seconds:.2f} s")
        finally:
            server.abandon()


def test_daemons(results):
    for daemon in DAEMONS:
        for signal_name, number in SIGNALS.items():
            try_failure(results, f"{signal_name} of {daemon}", send_signal(daemon, number), daemon)
        for thread in LOOP_THREADS[daemon]:
            try_failure(results, f"thread {thread} of {daemon} stopped",
                        stop_thread(daemon, named(thread)), daemon)
            if thread in SEVERAL:
                try_failure(results, f"last thread {thread} of {daemon} stopped",
                            stop_thread(daemon, named(thread, last=True)), daemon)


def test_supervisor(results):
    for signal_name, number in SIGNALS.items():
        try_failure(results, f"{signal_name} of watchdog-supervisor",
                    send_signal("watchdog-supervisor", number), "watchdog-supervisor",
                    in_history=False)
    with results.test("SIGKILL of the guard leaves nobody"):
        server = start_group()
        try:
            failure = Failure(server, lambda s: processes.send(s.process.pid, signal.SIGKILL))
            check(failure.in_time, f"left: {server.left_over()}")
        finally:
            server.abandon()


def test_drain(results):
    for number in (signal.SIGTERM, signal.SIGINT):
        with results.test(f"{number.name} drains with exit status 0"):
            server = start_group()
            try:
                processes.send(server.process.pid, number)
                check_equal(server.process.wait(timeout=20), 0, "exit status")
                check(not server.left_over(), f"left: {server.left_over()}")
            finally:
                server.abandon()


def test_load(results):
    with Load(), results.test(f"{STARTS_UNDER_LOAD} groups start and drain on a busy machine"):
        for _ in range(STARTS_UNDER_LOAD):
            start_group().stop()  # Raises unless it drained with exit status 0.


def main():
    results = Results("watchdog")
    test_daemons(results)
    test_supervisor(results)
    test_drain(results)
    test_load(results)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
