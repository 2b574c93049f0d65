"""What all rows share: the server under test, an innocent client beside it, and what has to hold
again after each row."""

import json
import os
import struct

from processes import is_alive, stat_fields, wait_until
from results import check, check_equal
from smb2_client import (DIALECT_210, READ, SUCCESS, WRITE, Closed, Connection, hex_status, open_body,
                         read_body, write_body, CREATE)

SETTLE_S = 15
INNOCENT_FILE = "innocent.dat"


class Lab:
    def __init__(self, server):
        self.server = server
        self.frontend_pid = server.pid_of("smb-frontend")
        self.group = sorted(server.group())
        self.innocent = self.connect()
        self.innocent_file = self.innocent.create(INNOCENT_FILE)
        self.turn = 0
        self.baseline = None
        self.baseline = self.counters()

    # --- clients ---

    def raw(self, **options):
        return Connection(self.server.address, self.server.port, **options)

    def negotiated(self, dialect=DIALECT_210, contexts=None):
        client = self.raw()
        client.negotiate((dialect,), contexts)
        return client

    def logged_on(self, dialect=DIALECT_210, contexts=None):
        client = self.negotiated(dialect, contexts)
        client.logon(self.server.user, self.server.password)
        return client

    def connect(self, dialect=DIALECT_210, share="data"):
        client = self.logged_on(dialect)
        client.tree_connect(share)
        return client

    # --- what has to hold ---

    def counters(self):
        code, output = self.server.ctl("--json", "status")
        check_equal(code, 0, f"exit code of continuoctl status ({output[-200:]})")
        totals = json.loads(output)["totals"]
        return {name: int(totals[name]) for name in
                ("connection_count", "session_count", "tree_connect_count", "open_count",
                 "requests_in_flight")}

    def check_innocent(self):
        self.turn += 1
        data = struct.pack("<Q", self.turn) * 512
        self.innocent.must(WRITE, write_body(self.innocent_file, data, 4096 * (self.turn % 8)))
        answer = self.innocent.must(READ, read_body(self.innocent_file, 4096,
                                                    4096 * (self.turn % 8)))
        check(answer.body[16:] == data, "the innocent client reads back what it wrote")

    def check_group(self):
        check_equal(sorted(self.server.group()), self.group, "the group of processes")
        check(all(is_alive(pid) for pid in self.group), "a process of the group is gone")

    def check_settled(self):
        """Counters are what they were: nothing of the row is left."""
        last = [None]

        def is_back():
            last[0] = self.counters()
            return last[0] == self.baseline

        check(wait_until(is_back, SETTLE_S, 0.2),
              f"counters are {last[0]}, not {self.baseline}, after {SETTLE_S} s")

    def resident_bytes(self):
        with open(f"/proc/{self.frontend_pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("smb-frontend has no VmRSS")

    def cpu_seconds(self):
        fields = stat_fields(self.frontend_pid)
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.frontend_pid}/fd"))


def check_hex(status, *wanted):
    check(status in wanted, f"the status is {hex_status(status)}, not "
          f"{' or '.join(map(hex_status, wanted))}")


def check_status(response, *wanted):
    check_hex(response.status, *wanted)
    return response


def check_disconnected(client, deadline_s=5):
    """The server ends the connection, at most after answers that are refusals."""
    for answer in client.wait_closed(deadline_s):
        check(answer.status != SUCCESS, f"command {answer.command} was answered with success")


def send_and_check_disconnected(client, message):
    try:
        client.send_frame(message)
    except Closed:
        return
    check_disconnected(client)


def check_alive(client):
    """The connection itself is still served."""
    client.echo()


def open_status(client, name, **fields):
    return client.request(CREATE, open_body(name, **fields)).status
