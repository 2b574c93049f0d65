#!/usr/bin/python3
"""Runs in the guest: copies to and from a share through the kernel's client and says what it sees.

    copy_client.py SERVER SHARE CREDENTIALS DIRECTORY MIB

DIRECTORY of the share exists and is this round's own.

Two mounts, both `persistenthandles,hard`: one without a cache, so that each write and read is the
server's word; one with it, for a held byte-range lock and a held write lease. Prints at once:

    ready
    at write|read MIB                every 8 MiB, so that the test knows when to strike
    stall write|read SECONDS         the longest that an operation of that direction took
    same | different                 what was read back
    held                             lock and unwritten data are held: somebody else may try now
    lock kept | lock lost            the file with the lock still takes what its holder writes
    error WHAT
    done
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time

PLAIN, CACHED = "/mnt/plain", "/mnt/cached"
BLOCK = 1 << 20
REPORT_EVERY = 8
MIB_PER_S = 64
TRIED_TIMEOUT_S = 60
CONTENT = b"written under the lease".ljust(4096)


def say(text):
    print(text, flush=True)


def enlarge_send_buffers():
    """Linux 6.1 fails a write with ECONNABORTED, on hard mounts too, when its connection is reset while
    a part of the request has yet to find room in the socket's buffer (deploy/pacemaker/README.md)."""
    with open("/proc/sys/net/ipv4/tcp_wmem", "w", encoding="ascii") as file:
        file.write("4096 8388608 16777216")


def mount(point, server, share, credentials, options):
    os.makedirs(point, exist_ok=True)
    options = f"{credentials},vers=3.1.1,persistenthandles,hard,nosharesock,{options}"
    done = subprocess.run(["mount.cifs", f"//{server}/{share}", point, "-o", options],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise OSError(f"mount: {' '.join(done.stdout.split())}")


class Pace:
    """The longest that an operation took; and no more than MIB_PER_S, so that the fault meets the copy."""

    def __init__(self):
        self.due = self.last = time.monotonic()
        self.longest_s = 0.0

    def tick(self):
        now = time.monotonic()
        self.longest_s = max(self.longest_s, now - self.last)
        self.due = max(self.due + 1 / MIB_PER_S, now)
        time.sleep(self.due - now)
        self.last = time.monotonic()


def block(index):
    return hashlib.sha256(str(index).encode()).digest() * (BLOCK // 32)


def report(direction, index):
    if (index + 1) % REPORT_EVERY == 0:
        say(f"at {direction} {index + 1}")


def write_copy(path, mib):
    pace = Pace()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    for index in range(mib):
        data, done = block(index), 0
        while done < BLOCK:
            done += os.write(file, data[done:])
        pace.tick()
        report("write", index)
    os.fsync(file)
    os.close(file)
    pace.tick()
    say(f"stall write {pace.longest_s:.3f}")


def read_copy(path, mib):
    pace = Pace()
    file = os.open(path, os.O_RDONLY)
    is_same = os.fstat(file).st_size == mib * BLOCK
    for index in range(mib):
        data = b""
        while len(data) < BLOCK:
            more = os.read(file, BLOCK - len(data))
            if not more:
                break
            data += more
        is_same = is_same and data == block(index)
        pace.tick()
        report("read", index)
    os.close(file)
    say(f"stall read {pace.longest_s:.3f}")
    say("same" if is_same else "different")


class Held:
    """A file that nobody else may lock, with data that only this client has."""

    def __init__(self):
        self.file = os.open(f"{CACHED}/held.bin", os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(self.file, b"before".ljust(4096), 0)
        os.fsync(self.file)
        fcntl.lockf(self.file, fcntl.LOCK_EX, 100, 1 << 20)
        self.lease_file = os.open(f"{CACHED}/leased.bin", os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(self.lease_file, b"before".ljust(4096), 0)
        os.fsync(self.lease_file)

    def let_others_try(self):
        """Until the test has made the file `tried`."""
        os.pwrite(self.lease_file, CONTENT, 0)
        say("held")
        give_up = time.monotonic() + TRIED_TIMEOUT_S
        while not os.path.exists(f"{PLAIN}/tried"):
            if time.monotonic() > give_up:
                raise OSError("nobody tried")
            time.sleep(0.1)

    def check(self):
        os.pwrite(self.file, b"after".ljust(4096), 1 << 20)
        os.fsync(self.file)
        is_kept = os.pread(self.file, 5, 1 << 20) == b"after"
        fcntl.lockf(self.file, fcntl.LOCK_UN, 100, 1 << 20)
        say("lock kept" if is_kept else "lock lost")
        os.close(self.file)
        os.close(self.lease_file)


def main():
    server, share, credentials, directory, mib = sys.argv[1:]
    try:
        enlarge_send_buffers()
        mount(PLAIN, server, f"{share}/{directory}", credentials, "cache=none")
        mount(CACHED, server, f"{share}/{directory}", credentials, "cache=strict")
        held = Held()
        say("ready")
        write_copy(f"{PLAIN}/copy.bin", int(mib))
        read_copy(f"{PLAIN}/copy.bin", int(mib))
        held.let_others_try()
        held.check()
        os.unlink(f"{PLAIN}/copy.bin")
    except OSError as error:
        say(f"error {error}")
        sys.exit(1)
    say("done")


if __name__ == "__main__":
    main()
