#!/usr/bin/env python3
"""A group on a machine that is busy to the limit: the watchdog must not take load for death.

    watchdog_soak.py [--minutes 10] [--timeout 1s] [--interval 10s]

1. Start a group with the shipped interval and time-out, or those given.
2. One busy process for each core and two more, and four that write and fsync, for the time given.
3. The group must still be there; prints the slowest keep-alive of each daemon.
"""

import argparse
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from busy_machine import Load  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, check  # noqa: E402


def worst_latencies(server):
    """Daemon to microseconds of its slowest keep-alive."""
    _, output = server.ctl("--json", "--timeout", "60", "status", "--interval", "0", timeout_s=120)
    return {daemon["daemon"]: int(daemon["keepalive"].get("worst_latency_us", 0))
            for daemon in json.loads(output)["daemons"] if "keepalive" in daemon}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--timeout", default="", help="watchdog_timeout, for example 300ms")
    parser.add_argument("--interval", default="", help="watchdog_interval")
    arguments = parser.parse_args()
    lines = [f"watchdog_{key} = {value}" for key, value in
             (("timeout", arguments.timeout), ("interval", arguments.interval)) if value]
    results = Results("soak")
    with results.test(f"no false kill in {arguments.minutes:g} minutes of load"), \
            ContinuoServer(ServerOptions(global_lines=tuple(lines))) as server:
        with Load():
            end = time.monotonic() + 60 * arguments.minutes
            while time.monotonic() < end and server.process.poll() is None:
                time.sleep(0.5)
            check(server.process.poll() is None, f"the group ended: {server.log_tail(3)}")
            print(f"# slowest keep-alives in microseconds: {worst_latencies(server)}")
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
