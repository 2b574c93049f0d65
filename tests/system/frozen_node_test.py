#!/usr/bin/env python3
"""A node that was frozen, declared dead on an operator's word and thawed again changes nothing that is on
record, and acknowledges no such change.

Goal: design.md 5: the epoch in ca_path shuts out an owner that lives although it was given up. (What it
may still do to the data of files only fencing prevents; tests/cluster has that.)

1. Node a serves; a client opens a file there with a persistent handle and locks a range.
2. Every process of a is stopped. Node b, on the same directories, is refused and names a.
3. The operator says that a is dead. b starts; the client reclaims there, its lock holds.
4. a goes on. What the client's old connection asks of it is not acknowledged; a's group ends by itself.
5. b never noticed.
"""

import os
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import processes  # noqa: E402
from ca_client import CaClient, persistent  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, check, check_equal  # noqa: E402
from smb2_client import LOCK_NOT_GRANTED, SUCCESS  # noqa: E402

GUID, OTHER_GUID = b"A" * 16, b"B" * 16
END_LIMIT_S = 20


class Node(ContinuoServer):
    """A group of daemons with a host name of its own; the second on the directories of the first."""

    def __init__(self, name, options, first=None):
        super().__init__(options)
        self.name = name
        if first is None:
            os.makedirs(os.path.join(self.directory, "ca"), mode=0o700)
            return
        os.rmdir(self.directory)
        self.directory = first.directory
        self.run_dir = os.path.join(self.directory, f"{name}-run")
        self.config = os.path.join(self.directory, f"{name}-tsmb.conf")
        self.log = os.path.join(self.directory, f"{name}-log")

    def write_config(self):
        self.options.global_lines = ("ca = true", f"ca_path = {self.directory}/ca")
        super().write_config()

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name,
                 os.path.join(self.bin, "watchdog-supervisor"), "--config", self.config,
                 "--run-dir", self.run_dir],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def signal_all(self, number):
        for pid in self.group():
            processes.send(pid, number)


def is_acknowledged(ask):
    """Whether `ask()` got SUCCESS; no answer and a lost connection are none."""
    try:
        return ask() == SUCCESS
    except (AssertionError, OSError):
        return False


def check_refused(node):
    """A start beside an owner that is not known to be dead."""
    node.launch()
    check(node.process.wait(END_LIMIT_S) != 0, "b started beside a, which nobody had declared dead")
    check("is in use by node a," in node.log_text(), f"who owns it: {node.log_tail(5)}")


def tell_dead(node, name):
    code, output = node.ctl("handles", "adopt", "--confirm-fenced", name)
    check_equal(code, 0, f"exit code of the operator's word ({output})")


def run(results, first, second):
    with results.test("a client holds a file and a lock on node a"):
        old = CaClient(first, client_guid=GUID, deadline_s=3)
        held = old.open("file.bin", persistent())
        check(held.is_persistent, "a granted no persistent handle")
        check_equal(old.write(held, b"from a"), SUCCESS, "WRITE at a")
        check_equal(old.lock(held, 0, 10), SUCCESS, "LOCK at a")
    first.signal_all(signal.SIGSTOP)
    with results.test("node b is refused while a may live, and names it"):
        check_refused(second)
    with results.test("on the operator's word b takes over, and the client reclaims"):
        tell_dead(second, "a")
        second.start_again()
        client = CaClient(second, client_guid=GUID)
        again = client.reclaim("file.bin", held)
        check_equal(client.read(again, 6), b"from a", "what was written at a")
        check_equal(client.write(again, b"from b"), SUCCESS, "WRITE at b")
    first.signal_all(signal.SIGCONT)
    with results.test("a, thawed, acknowledges nothing that would have to be on record"):
        check(not is_acknowledged(lambda: old.lock(held, 100, 10)), "a acknowledged a LOCK")
        check(not is_acknowledged(lambda: old.close_file(held)), "a acknowledged a CLOSE")
    with results.test("a's group ends by itself and says why"):
        check(first.process.wait(END_LIMIT_S) != 0, "the exit status is 0")
        check("epoch" in first.log_text(), f"the reason: {first.log_tail(5)}")
        check_equal(first.left_over(), [], "processes of a")
    with results.test("b goes on as if nothing had been"):
        check_equal(client.read(again, 6), b"from b", "the data")
        with CaClient(second, client_guid=OTHER_GUID) as other:
            opened = other.open("file.bin")
            check_equal(other.lock(opened, 5, 1), LOCK_NOT_GRANTED, "another client's LOCK")
        check_equal(client.close_file(again), SUCCESS, "CLOSE at b")
        check_equal(second.ctl("handles")[0], 0, "exit code of continuoctl handles")
        client.close()


def main():
    results = Results("frozen node")
    first = Node("a", ServerOptions(shares=("data",)))
    second = Node("b", ServerOptions(shares=("data",), keep=True), first)
    try:
        first.start()
        second.write_config()
        run(results, first, second)
    finally:
        for node in (second, first):
            if node.process is not None:
                node.signal_all(signal.SIGCONT)
            node.abandon()
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
