#!/usr/bin/env python3
"""Connection recovery with the real daemons: who is on record when, and what a tickle does to a client.

The test runs in a network namespace of its own (the clients'), the server in a second one behind a pair
of virtual links with an IPv4 and an IPv6 address. For each family:

1. A client's first request is answered: it is on record. It closes: it is not any more.
2. The link is cut, the server is killed and started again, the link is back: the clients of before are
   reset by the tickles, without having sent anything.
3. `tickle reset` ends connections at once; after `tickle hand-over` a connection that ends stays on
   record.
4. Many connections at once share syncs.
"""

import errno
import json
import os
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import processes  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from reflection_client import ReflectionClient  # noqa: E402
from results import Results, check, check_equal  # noqa: E402
from smb2_client import DIALECT_210, Connection  # noqa: E402

SERVER_NS = f"ct-tickle-{os.getpid()}"
ADDRESSES = {"IPv4": "10.88.0.1", "IPv6": "fd88::1"}
CLIENT_ADDRESSES = ("10.88.0.2/24", "fd88::2/64")
PORT = 445
TICKLE_LIMIT_S = 5
CROWD = 400
SYNCS_MAX = CROWD // 4


def ip(*arguments, inside=False):
    command = ["ip", *(["-n", SERVER_NS] if inside else []), *arguments]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


class TickleServer(ContinuoServer):
    """In the server's namespace, with records and without loopback."""

    def write_config(self):
        recovery = os.path.join(self.directory, "recovery")
        os.makedirs(recovery, exist_ok=True)
        self.options.global_lines = (
            *(f"listen = ANY,{any_address},{family},{PORT},DIRECT_TCP"
              for family, any_address in (("IPv4", "0.0.0.0"), ("IPv6", "::"))),
            "connections_max = 0", "tcp_tickle = true", f"tcp_tickle_params = path={recovery}")
        super().write_config()
        with open(self.config, encoding="utf-8") as file:
            lines = [line for line in file if f"IPv4,{self.port}," not in line]
        with open(self.config, "w", encoding="utf-8") as file:
            file.writelines(lines)

    def launch(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", SERVER_NS, os.path.join(self.bin, "watchdog-supervisor"),
                 "--config", self.config, "--run-dir", self.run_dir],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def lose_connections(self):
        """A node that dies: nothing of it is heard any more."""
        ip("link", "set", "srv", "down", inside=True)
        self.crash()
        subprocess.run(["ip", "netns", "exec", SERVER_NS, "ss", "--tcp", "--kill", "state", "connected",
                        "sport", "=", f":{PORT}"], check=True, stdout=subprocess.DEVNULL)

    def come_back(self):
        self.start_again()
        ip("link", "set", "srv", "up", inside=True)
        # Bringing the link down took the IPv6 address along.
        ip("addr", "replace", f"{ADDRESSES['IPv6']}/64", "dev", "srv", "nodad", inside=True)

    def asked(self, *arguments):
        code, output = self.ctl("--json", "tickle", *arguments)
        check_equal(code, 0, f"exit code of continuoctl tickle {' '.join(arguments)} ({output})")
        return json.loads(output)

    def on_record(self, *arguments):
        return {(one["remote_address"], int(one["remote_port"]))
                for one in self.asked(*arguments).get("connections", [])}

    def counter(self, name):
        client = ReflectionClient(os.path.join(self.run_dir, "tickle-service.sock"))
        try:
            answer = client.call("continuo.tickle.v1.TickleAdminService", "GetRecovery")
            return int(answer["counters"].get(name, 0))
        finally:
            client.close()


def client_of(family):
    client = Connection(ADDRESSES[family], PORT, deadline_s=10)
    client.negotiate((DIALECT_210,))
    return client


def name_of(client):
    return client.socket.getsockname()[:2]


def check_reset(client, why):
    """The client, which sends nothing, learns that its connection is gone."""
    client.socket.settimeout(TICKLE_LIMIT_S)
    try:
        data = client.socket.recv(1)
    except ConnectionResetError:
        return
    except socket.timeout:
        raise AssertionError(f"{why}: nothing within {TICKLE_LIMIT_S} s") from None
    raise AssertionError(f"{why}: received {data!r}")


def test_records(results, server, family):
    with results.test(f"{family}: on record when the first request is answered, and gone when it closes"):
        with client_of(family) as client:
            name = name_of(client)
            check(name in server.on_record(), f"{name} is not on record")
            check(name in server.on_record("--all-nodes"), f"{name} is not in the database")
        check(processes.wait_until(lambda: name not in server.on_record(), 5),
              f"{name} is still on record")


def test_failover(results, server):
    with results.test("clients of a server that died are reset by tickles, IPv4 and IPv6"):
        clients = {family: client_of(family) for family in ADDRESSES}
        server.lose_connections()
        server.come_back()
        for family, client in clients.items():
            check_reset(client, family)
            client.close()
    with results.test("records of clients that were told are settled"):
        check(processes.wait_until(lambda: not server.on_record("--all-nodes"), 30),
              f"left: {server.on_record('--all-nodes')}")


def test_verbs(results, server, family):
    address = ADDRESSES[family]
    with results.test(f"{family}: tickle reset ends a connection at once"):
        with client_of(family) as client:
            check_equal(int(server.asked("reset", address)["reset_count"]), 1, "connections reset")
            check_reset(client, "reset")
    with results.test(f"{family}: handed over, a connection that ends stays on record"):
        client = client_of(family)
        name = name_of(client)
        check_equal(int(server.asked("hand-over", address)["connection_count"]), 1, "handed over")
        client.close()
        check(processes.wait_until(lambda: name not in server.on_record(), 5), "it is open here")
        server.lose_connections()
        server.come_back()
        check(processes.wait_until(lambda: server.counter("tickled_connections") == 1, 10),
              "the next owner of the address sent its client no tickle")
        check(processes.wait_until(lambda: not server.on_record("--all-nodes"), 30),
              "a client that was told stays on record")
    with results.test(f"{family}: what is no address is refused"):
        code, output = server.ctl("tickle", "send", "nonsense")
        check_equal(code, 1, f"exit code ({output})")
        code, output = server.ctl("tickle", "send", "192.0.2.77")
        check_equal(code, 1, f"exit code for an address of others ({output})")


def test_crowd(results, server):
    with results.test(f"{CROWD} connections at once share syncs, and all are on record"):
        crowd = []
        syncs_before = server.counter("log_syncs")
        for _ in range(CROWD):
            one = socket.socket()
            one.setblocking(False)
            check(one.connect_ex((ADDRESSES["IPv4"], PORT)) in (0, errno.EINPROGRESS), "connect")
            crowd.append(one)
        check(processes.wait_until(lambda: len(server.on_record()) == CROWD, 30, 0.2),
              f"{len(server.on_record())} are on record")
        syncs = server.counter("log_syncs") - syncs_before
        check(syncs <= SYNCS_MAX, f"{syncs} syncs for {CROWD} connections")
        for one in crowd:
            one.close()
        check(processes.wait_until(lambda: not server.on_record(), 30, 0.2), "they stay on record")


def main():
    results = Results("tickle")
    subprocess.run(["ip", "netns", "add", SERVER_NS], check=True)
    try:
        ip("link", "add", "cli", "type", "veth", "peer", "name", "srv", "netns", SERVER_NS)
        for address in CLIENT_ADDRESSES:
            ip("addr", "add", address, "dev", "cli", *(["nodad"] if ":" in address else []))
        ip("link", "set", "cli", "up")
        ip("link", "set", "lo", "up", inside=True)
        ip("addr", "add", f"{ADDRESSES['IPv4']}/24", "dev", "srv", inside=True)
        ip("addr", "add", f"{ADDRESSES['IPv6']}/64", "dev", "srv", "nodad", inside=True)
        ip("link", "set", "srv", "up", inside=True)
        with TickleServer(ServerOptions(shares=("data",))) as server:
            for family in ADDRESSES:
                test_records(results, server, family)
            test_crowd(results, server)
            test_failover(results, server)
            for family in ADDRESSES:
                test_verbs(results, server, family)
    finally:
        subprocess.run(["ip", "netns", "del", SERVER_NS], check=False)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
