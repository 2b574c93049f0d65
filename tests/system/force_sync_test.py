#!/usr/bin/env python3
"""What has to be stable before it is acknowledged is synced before it is acknowledged.

Goal: design.md 1, promise 1. smb-frontend runs under strace, which counts its fsync, fdatasync and
syncfs. Each change is made on three shares: with `vfs = libc:force_sync`, through a persistent handle on
a share with `ca = true`, and on a plain share. On the first two the answer comes after at least one
sync, on the third without any: that shows that the count is the change's own.
"""

import os
import re
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from ca_client import (CREATE_NEW, DELETE_ON_CLOSE, DIRECTORY, OVERWRITE, CaClient,  # noqa: E402
                       persistent)
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from processes import wait_until  # noqa: E402
from results import Results, check, check_equal  # noqa: E402
from smb2_client import IOCTL, SUCCESS, hex_status  # noqa: E402

SYNC, CA, PLAIN = "sync", "ca", "plain"
BASIC, RENAME, LINK, DISPOSITION, FULL_EA, ALLOCATION, END_OF_FILE = 4, 10, 11, 13, 15, 19, 20
SECURITY, DACL = 3, 4
SET_SPARSE, SET_ZERO_DATA = 0x000900C4, 0x000980C8
REQUEST_RESUME_KEY, COPYCHUNK = 0x00140078, 0x001440F2
CHANGES = []
# A self-relative descriptor whose DACL gives everybody everything.
EVERYBODY = (struct.pack("<BBHIIII", 1, 0, 0x8004, 0, 0, 0, 20) +
             struct.pack("<BBHHH", 2, 0, 28, 1, 0) + struct.pack("<BBHI", 0, 0, 20, 0x001F01FF) +
             bytes([1, 1, 0, 0, 0, 0, 0, 1]) + struct.pack("<I", 0))


def change(function):
    CHANGES.append(function)
    return function


class Strace:
    """Counts the syncs of one process and its threads."""

    def __init__(self, pid, path):
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-q", "-e", "trace=fsync,fdatasync,syncfs,sync", "-o", path, "-p", str(pid)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tasks = f"/proc/{pid}/task"
        attached = wait_until(lambda: all(self._is_traced(tasks, tid) for tid in os.listdir(tasks)), 10)
        check(attached, "strace did not attach")

    @staticmethod
    def _is_traced(tasks, tid):
        with open(f"{tasks}/{tid}/status", encoding="utf-8") as file:
            return not re.search(r"^TracerPid:\s+0$", file.read(), re.M)

    def count(self):
        with open(self.path, encoding="utf-8") as file:
            return len(re.findall(r"(?:fsync|fdatasync|syncfs|sync)\(.*= 0$|resumed>.*= 0$", file.read(),
                                  re.M))

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Field:
    """One share, where each change has a file of its own."""

    def __init__(self, server, share):
        self.client = CaClient(server, share=share)
        self.wish = persistent if share == CA else lambda: None
        self.number = 0

    def name(self):
        self.number += 1
        return f"file-{self.number}.bin"

    def open(self, name=None, **fields):
        return self.client.open(name or self.name(), self.wish(), **fields)

    def set(self, held, info_class, data, **fields):
        return lambda: self.client.set_info(held, info_class, data, **fields)

    def ioctl(self, held, code, data, output=0):
        body = struct.pack("<HHI16sIIIIIIII", 57, 0, code, held.file_id, 120, len(data), 0, 0, 0,
                           output, 1, 0) + (data or b"\0")
        return self.client.ask(IOCTL, body)


def named(name):
    raw = name.encode("utf-16le")
    return struct.pack("<B7xQI", 0, 0, len(raw)) + raw


@change
def create_a_file(field):
    name = field.name()
    return lambda: field.client.try_open(name, field.wish(), disposition=CREATE_NEW)[0]


@change
def create_a_directory(field):
    name = field.name()
    return lambda: field.client.try_open(name, None, options=DIRECTORY, disposition=CREATE_NEW)[0]


create_a_directory.not_on = (CA,)  # There are no persistent handles of directories.


@change
def create_a_stream(field):
    name = field.name()
    field.client.close_file(field.open(name))
    return lambda: field.client.try_open(name + ":s", field.wish(), disposition=CREATE_NEW)[0]


@change
def overwrite_a_file(field):
    name = field.name()
    field.client.close_file(field.open(name))
    return lambda: field.client.try_open(name, field.wish(), disposition=OVERWRITE)[0]


@change
def write(field):
    held = field.open()
    return lambda: field.client.write(held, b"data")


@change
def write_a_stream(field):
    held = field.open(field.name() + ":s")
    return lambda: field.client.write(held, b"data" * 1000)


@change
def set_the_size(field):
    return field.set(field.open(), END_OF_FILE, struct.pack("<Q", 1000))


@change
def set_the_size_of_a_stream(field):
    return field.set(field.open(field.name() + ":s"), END_OF_FILE, struct.pack("<Q", 1000))


@change
def set_the_allocation(field):
    return field.set(field.open(), ALLOCATION, struct.pack("<Q", 65536))


@change
def set_times_and_attributes(field):
    return field.set(field.open(), BASIC, struct.pack("<QQQQII", 0, 0, 131_000_000_000_000_000, 0, 2, 0))


@change
def set_an_ea(field):
    return field.set(field.open(), FULL_EA, struct.pack("<IBBH", 0, 0, 1, 5) + b"e\0value")


@change
def set_the_descriptor(field):
    return field.set(field.open(), 0, EVERYBODY, info_type=SECURITY, additional=DACL)


@change
def rename(field):
    return field.set(field.open(), RENAME, named("renamed-" + field.name()))


@change
def rename_a_stream(field):
    return field.set(field.open(field.name() + ":old"), RENAME, named(":new"))


@change
def link(field):
    return field.set(field.open(), LINK, named("linked-" + field.name()))


@change
def delete(field):
    held = field.open()
    check_equal(field.client.set_info(held, DISPOSITION, b"\1"), SUCCESS, "disposition")
    return lambda: field.client.close_file(held)


@change
def delete_a_stream(field):
    held = field.open(field.name() + ":s", options=DELETE_ON_CLOSE)
    return lambda: field.client.close_file(held)


@change
def zero(field):
    held = field.open()
    field.client.write(held, b"x" * 10_000)
    return lambda: field.ioctl(held, SET_ZERO_DATA, struct.pack("<QQ", 0, 5000)).status


@change
def make_sparse(field):
    held = field.open()
    return lambda: field.ioctl(held, SET_SPARSE, b"\1").status


@change
def copy_a_chunk(field):
    source, target = field.open(), field.open()
    field.client.write(source, b"x" * 10_000)
    key = field.ioctl(source, REQUEST_RESUME_KEY, b"", output=32)
    check_equal(hex_status(key.status), hex_status(SUCCESS), "REQUEST_RESUME_KEY")
    chunk = key.body[48:72] + struct.pack("<II", 1, 0) + struct.pack("<QQII", 0, 0, 10_000, 0)
    return lambda: field.ioctl(target, COPYCHUNK, chunk, output=12).status


def start():
    options = ServerOptions(shares=(SYNC, CA, PLAIN))
    server = ContinuoServer(options)
    os.makedirs(os.path.join(server.directory, "store"), mode=0o700)
    options.global_lines = (f"ca_path = {server.directory}/store", "watchdog_timeout = 10s")
    options.lines_of = {SYNC: ("vfs = libc:force_sync",), CA: ("ca = true",)}
    return server


def main():
    results = Results()
    with start() as server:
        fields = {share: Field(server, share) for share in (SYNC, CA, PLAIN)}
        strace = Strace(server.pid_of("smb-frontend"), os.path.join(server.directory, "strace"))
        try:
            for one in CHANGES:
                with results.test(one.__name__.replace("_", " ")):
                    for share, field in fields.items():
                        if share in getattr(one, "not_on", ()):
                            continue
                        act = one(field)
                        before = strace.count()
                        status = act()
                        syncs = strace.count() - before
                        check_equal(hex_status(status), hex_status(SUCCESS), f"{share}: status")
                        check((syncs > 0) == (share != PLAIN), f"{share}: {syncs} syncs")
        finally:
            strace.stop()
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
