#!/usr/bin/python3
"""One trace of a failover: two nodes, one of them fails, the other takes over, a client comes back.

Runs in a network namespace of its own (the stage makes it), with an address that moves.

1. A daemon of n1 is killed while a client holds persistent handles; n2 is told that n1 is dead, starts
   and gets the address; the client reclaims. `continuoctl failover show` has every step, in order.
2. n2 is stopped and n1 started: a planned move.
3. A record on storage that hangs holds up neither a start nor the end of a group.
"""

import json
import os
import struct
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
sys.path.insert(0, os.path.join(HERE, "..", "conformance", "hostile"))
import signal  # noqa: E402

import smb2_client  # noqa: E402
from cluster_node import Node  # noqa: E402
from continuo_server import ContinuoServer  # noqa: E402
from processes import send, wait_until  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

ADDRESS, CLIENT_ADDRESS = "192.0.2.10", "192.0.2.20"
USER, PASSWORD = "tester", "Pass-word-1"
CLIENT_GUID = b"one client" + bytes(6)
HANDLES = 3
NOTED_IN_S = 10
FAILURE_ENDS_IN_S = 3
# [MS-SMB2] 2.2.13.2.11 and 2.2.13.2.12.
PERSISTENT = 0x2
WHOLE_FAILOVER = ["detect", "killed", "fence", "start", "adopt-begin", "adopt-end", "listen", "ready",
                  "address", "tickle", "reconnect", "reclaim-first", "reclaim-last", "reclaim-done"]


def create_context(name, data):
    return struct.pack("<IHHHHI", 0, 16, 4, 0, 24, len(data)) + name + bytes(4) + data


class Client(smb2_client.Connection):
    """A client with a GUID of its own, so that it can take back what it had."""

    def __init__(self, port):
        super().__init__(ADDRESS, port)
        self.negotiate((smb2_client.DIALECT_311,))
        self.logon(USER, PASSWORD)
        self.tree_connect("data")

    def negotiate_message(self, dialects, contexts=None, **fields):
        message = super().negotiate_message(dialects, contexts, **fields)
        at = smb2_client.HEADER_SIZE + 12  # ClientGuid, [MS-SMB2] 2.2.3.
        return message[:at] + CLIENT_GUID + message[at + 16:]

    def open_persistent(self, number):
        context = create_context(b"DH2Q", struct.pack("<IIQ", 0, PERSISTENT, 0) + guid_of(number))
        return self.create(f"held-{number}", contexts=context)

    def reclaim(self, number, file_id):
        context = create_context(b"DH2C", file_id + guid_of(number) + struct.pack("<I", PERSISTENT))
        return self.create(f"held-{number}", contexts=context)


def guid_of(number):
    return bytes([number + 1]) * 16


class Cluster:
    def __init__(self):
        self.first = ContinuoServer()  # Only for its directory.
        self.shared = self.first.directory
        for name in ("data", "runstate", "_ca", "_recovery"):
            os.makedirs(os.path.join(self.shared, name))
        os.chmod(os.path.join(self.shared, "data"), 0o777)

    def node(self, name):
        node = Node(self.shared, name)
        node.address = "0.0.0.0"
        node.keys |= {"ca": "true", "ca_path": f"{self.shared}/_ca", "tcp_tickle": "true",
                      "tcp_tickle_params": f"path={self.shared}/_recovery"}
        node.write_config()
        return node

    def remove(self):
        self.first.abandon()


def set_address(verb):
    code, output = run(["ip", "addr", verb, f"{ADDRESS}/32", "dev", "clients"])
    check_equal(code, 0, f"ip addr {verb} ({output})")


def make_network():
    for command in ("link set lo up", "link add clients type veth peer name other",
                    "link set clients up", "link set other up",
                    f"addr add {CLIENT_ADDRESS}/32 dev clients"):
        code, output = run(["ip", *command.split()])
        check_equal(code, 0, f"ip {command} ({output})")


def last_failover(node):
    code, output = node.server.ctl("--json", "failover", "show")
    check_equal(code, 0, f"failover show ({output})")
    return json.loads(output)["failovers"][-1]


def kinds_of(failover):
    return [step["kind"] for step in failover["steps"]]


def fail_over(one, two):
    """Serves on `one`, kills a daemon of it, serves on `two`; the client takes back what it had."""
    set_address("add")
    one.serve()
    code, output = one.server.ctl("user", "add", "--update", USER, stdin=PASSWORD + "\n")
    check_equal(code, 0, f"user add ({output})")
    client = Client(one.server.port)
    held = [client.open_persistent(number) for number in range(HANDLES)]
    send(one.server.pid_of("smb-frontend"), signal.SIGKILL)
    check(one.wait_ended() != 0, "the failed group ended with 0")
    set_address("del")
    code, output = two.server.ctl("handles", "adopt", "--confirm-fenced", "n1")
    check_equal(code, 0, f"adopt ({output})")
    two.serve()
    set_address("add")
    check(wait_until(lambda: "tickle" in kinds_of(last_failover(two)), NOTED_IN_S, 0.1),
          f"no tickle in {kinds_of(last_failover(two))}")
    client.close()
    client = Client(two.server.port)
    for number, file_id in enumerate(held):
        client.reclaim(number, file_id)
    check(wait_until(lambda: "reclaim-done" in kinds_of(last_failover(two)), NOTED_IN_S, 0.1),
          f"not done: {kinds_of(last_failover(two))}")
    client.close()


def check_trace(failover):
    steps = failover["steps"]
    # Addresses that do not move, and a second word about progress, are no part of the order.
    kinds = [step["kind"] for step in steps
             if step["kind"] != "address" or step["detail"].startswith(ADDRESS)]
    check_equal(kinds, WHOLE_FAILOVER, "the steps")
    check_equal((failover["from_node"], failover["to_node"]), ("n1", "n2"), "from and to")
    offsets = [step["offset_s"] for step in steps]
    check(offsets == sorted(offsets) and offsets[0] == 0, f"offsets {offsets}")
    details = {step["kind"]: step["detail"] for step in steps}
    check("smb-frontend" in details["detect"] and "signal 9" in details["detect"],
          details["detect"])
    check_equal(details["fence"], "n1", "who is fenced")
    check_equal(details["adopt-begin"], "from n1", "whose records")
    check(f"{HANDLES} handles" in details["adopt-end"], details["adopt-end"])
    check(f"1 clients of {ADDRESS}" in details["tickle"], details["tickle"])
    check(f"{HANDLES} of {HANDLES} reclaimed, 0 expired" in details["reclaim-done"],
          details["reclaim-done"])


def test_failover(results, one, two):
    with results.test("a failover is one trace, from its detection to the last reclaim"):
        fail_over(one, two)
        check_trace(last_failover(two))
    with results.test("the trace is drawn, with what an administrator wrote down"):
        code, output = two.server.ctl("failover", "note", "note", "pulled the plug")
        check_equal(code, 0, f"failover note ({output})")
        code, output = two.server.ctl("failover", "show")
        print(output)
        check_equal(code, 0, f"failover show ({output})")
        check(" failover  n1 -> n2 " in output.splitlines()[0], output)
        check("pulled the plug" in output.splitlines()[-1], output)
        code, output = two.server.ctl("failover", "show", "--last", "9")
        check(output.count(" -> ") == 2, f"not the start and the failover: {output}")
        check_equal(two.server.ctl("failover", "note", "dance")[0], 2, "exit code of an unknown step")


def test_planned_move(results, one, two):
    with results.test("a planned move is told from a failure"):
        two.server.process.send_signal(signal.SIGTERM)
        check_equal(two.wait_ended(), 0, "exit status of the drained group")
        one.serve()
        failover = last_failover(one)
        check_equal((failover["is_planned"], failover["from_node"], failover["to_node"]),
                    (True, "n2", "n1"), "the move")
        check("which stopped in order" in json.dumps(failover), "nothing is said of the former owner")


def test_hanging_record(results, one):
    with results.test("a record that hangs holds up neither a start nor the end of a failed group"):
        one.server.process.send_signal(signal.SIGTERM)
        one.wait_ended()
        record = os.path.join(one.shared, "runstate", "failover", "n1.log")
        os.unlink(record)
        # Opening a FIFO that nobody reads waits, as a file on dead storage does.
        os.mkfifo(record)
        try:
            one.serve()
            send(one.server.pid_of("auth-service"), signal.SIGKILL)
            begun = time.monotonic()
            check(one.wait_ended() != 0, "the failed group ended with 0")
            check(time.monotonic() - begun < FAILURE_ENDS_IN_S, "the group's end took long")
        finally:
            os.unlink(record)


def main():
    results = Results()
    make_network()
    cluster = Cluster()
    one, two = cluster.node("n1"), cluster.node("n2")
    try:
        test_failover(results, one, two)
        test_planned_move(results, one, two)
        test_hanging_record(results, one)
    finally:
        one.remove()
        two.remove()
        cluster.remove()
    return results.exit_code()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (AssertionError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"not ok failover trace: {error}")
        sys.exit(1)
