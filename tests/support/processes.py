"""Processes as /proc shows them, and signals to exactly the ones a test started."""

import os
import signal
import time


def stat_fields(pid):
    """Fields of /proc/PID/stat after the name: [state, parent, …]; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def is_alive(pid):
    """True while the process exists and is more than an entry that waits for its parent."""
    fields = stat_fields(pid)
    return fields is not None and fields[0] not in ("Z", "X")


def start_of(pid):
    """When it started, in clock ticks since boot, which tells it from another one of its id."""
    fields = stat_fields(pid)
    return None if fields is None else fields[19]


def has_ended(pid):
    """True when no thread of the process holds anything any more, whatever its first one says."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return True
    states = [stat_fields(f"{pid}/task/{tid}") for tid in threads]
    return all(fields is None or fields[0] in ("Z", "X") for fields in states)


def name_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.path.basename(file.read().split(b"\0")[0].decode(errors="replace"))
    except OSError:
        return ""


def descendants(pid):
    """Process ids below `pid`, in no order."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := stat_fields(int(entry))):
            parents.setdefault(int(fields[1]), []).append(int(entry))
    found = []
    queue = [pid]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def mentioning(text):
    """Ids of live processes, ours excepted, whose command line has `text` in it."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                command = file.read()
        except OSError:
            continue
        if text.encode() in command and is_alive(int(entry)):
            found.append(int(entry))
    return found


def send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def wait_until(condition, timeout_s, poll_s=0.02):
    """Polls until `condition()` is true; returns whether it became so in time."""
    give_up = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= give_up:
            return False
        time.sleep(poll_s)
    return True


def kill_all(pids):
    for pid in pids:
        send(pid, signal.SIGKILL)
