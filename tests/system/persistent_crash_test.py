#!/usr/bin/env python3
"""A persistent CREATE happens once, whatever dies between two of its steps.

Goal: design.md 3, "Persistent CREATE happens once", with the real daemons. For each disposition, with
the file there before and not, and for each point between two steps (common/base/fault_point.h):

1. The client sends a persistent CREATE; the process that reaches the point is killed there, and the
   supervisor ends the group.
2. What was acknowledged before is still there: nobody has been told of the CREATE.
3. The group is started again, and the client sends the CREATE again, with the replay flag.
4. The answer, the file and the store are as if the CREATE had been sent once: status, CreateAction,
   content, size, exactly one file, a handle that works, no intent and no mark left.

A point that this CREATE does not pass answers it without a crash; the points passed are counted, and
each has to be passed by some case. `persistent_crash_test.py POINT…` tries only these.
"""

import dataclasses
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from ca_client import (ACTION_CREATED, ACTION_OPENED, ACTION_OVERWRITTEN, ACTION_SUPERSEDED,  # noqa: E402
                       CREATE_NEW, OPEN, OPEN_IF, OVERWRITE, OVERWRITE_IF, SUPERSEDE, CaClient,
                       persistent)
from continuo_server import (DAEMONS, STOP_TIMEOUT_S, ContinuoServer, ServerOptions,  # noqa: E402
                             build_directory)
from processes import wait_until  # noqa: E402
from results import Results, check, check_equal  # noqa: E402
from smb2_client import SUCCESS, Closed, hex_status  # noqa: E402

CLIENT = b"C" * 16
OLD = b"what was there before" * 100
NAMES = {SUPERSEDE: "supersede", OPEN: "open", CREATE_NEW: "create", OPEN_IF: "open if",
         OVERWRITE: "overwrite", OVERWRITE_IF: "overwrite if"}
MAKES = (SUPERSEDE, CREATE_NEW, OPEN_IF, OVERWRITE_IF)
EMPTIES = {SUPERSEDE: ACTION_SUPERSEDED, OVERWRITE: ACTION_OVERWRITTEN,
           OVERWRITE_IF: ACTION_OVERWRITTEN}

# In the order of the steps. The store writes twice for a CREATE with an intent, else once.
MAKING = ("create.found_missing", "castore.before_sync", "castore.after_sync", "create.intended",
          "create.furnished", "create.linked", "create.granted", "create.before_sync",
          "create.synced", "castore.before_sync 2", "castore.after_sync 2", "create.recorded",
          "create.unmarked")
EMPTYING = ("create.granted", "castore.before_sync", "castore.after_sync", "create.intended",
            "create.marked", "create.emptied", "create.overwritten", "create.before_sync",
            "create.synced", "castore.before_sync 2", "castore.after_sync 2", "create.recorded",
            "create.unmarked")
OPENING = ("create.granted", "castore.before_sync", "castore.after_sync", "create.recorded")
# Until here nothing of an existing file has changed.
UNCHANGED_UNTIL = EMPTYING[:EMPTYING.index("create.emptied")]


@dataclasses.dataclass(frozen=True)
class Case:
    disposition: int
    exists: bool
    stream: bool = False

    @property
    def points(self):
        if not self.exists or self.stream:
            return MAKING if not self.stream else tuple(
                point for point in MAKING if point not in ("create.furnished", "create.linked"))
        return EMPTYING if self.disposition in EMPTIES else OPENING

    @property
    def action(self):
        if not self.exists or self.stream:
            return ACTION_CREATED
        return EMPTIES.get(self.disposition, ACTION_OPENED)

    @property
    def name(self):
        what = "a new stream" if self.stream else "an existing file" if self.exists else "a new file"
        return f"{NAMES[self.disposition]} {what}"


CASES = [*(Case(disposition, exists=False) for disposition in MAKES),
         *(Case(disposition, exists=True) for disposition in NAMES if disposition != CREATE_NEW),
         Case(CREATE_NEW, exists=True, stream=True)]


class Rig:
    """A group whose daemons have fault points."""

    def __init__(self):
        options = ServerOptions(shares=("data",), share_lines=("ca = true",))
        self.server = ContinuoServer(options)
        os.makedirs(os.path.join(self.server.directory, "ca"), mode=0o700)
        options.global_lines = (f"ca_path = {self.server.directory}/ca", "watchdog_interval = 100ms")
        self.fault_file = os.path.join(self.server.directory, "fault")
        os.environ["CONTINUO_FAULT_FILE"] = self.fault_file
        self._make_bin()

    def _make_bin(self):
        """The supervisor starts what lies beside it."""
        plain, faults = (os.path.join(build_directory(), name) for name in ("bin", "bin-faults"))
        self.server.bin = os.path.join(self.server.directory, "bin")
        os.makedirs(self.server.bin)
        shutil.copy(os.path.join(plain, "watchdog-supervisor"), self.server.bin)
        for name in (*DAEMONS, "continuoctl"):
            own = os.path.join(faults, name)
            os.symlink(own if os.path.exists(own) else os.path.join(plain, name),
                       os.path.join(self.server.bin, name))

    def client(self):
        return CaClient(self.server, client_guid=CLIENT)

    def arm(self, point):
        with open(self.fault_file + ".new", "w", encoding="ascii") as file:
            file.write(point + "\n")
        os.rename(self.fault_file + ".new", self.fault_file)

    def disarm(self):
        """True when the point was reached."""
        try:
            os.unlink(self.fault_file)
            return False
        except FileNotFoundError:
            return True

    def await_crash(self):
        """The supervisor ends the group because a member is gone."""
        check(wait_until(lambda: self.server.process.poll() is not None, STOP_TIMEOUT_S),
              "the group did not end")
        check(self.server.process.returncode != 0, "the group ended as if nothing had happened")
        self.server.crash()

    def counts(self):
        """(records, intents) of the store."""
        code, output = self.server.ctl("--json", "handles")
        check_equal(code, 0, f"exit code of continuoctl handles ({output[-200:]})")
        listed = json.loads(output)
        return len(listed["handles"]["handles"]), int(listed["store"]["counters"]["intents"])

    def files(self):
        return sorted(os.listdir(self.server.path()))


def prepare(client, case, name):
    if case.exists:
        made = client.open(name)
        check_equal(client.write(made, OLD), SUCCESS, "WRITE of the file that is there before")
        check_equal(client.close_file(made), SUCCESS, "CLOSE of the file that is there before")


def crash_and_replay(rig, case, point, number):
    """False when the CREATE did not come by the point."""
    name = f"file-{number}.bin"
    path = os.path.join(rig.server.path(), name)
    wanted = name + ":stream" if case.stream else name
    wish = persistent()
    client = rig.client()
    prepare(client, case, name)
    rig.arm(point)
    try:
        status, _ = client.try_open(wanted, wish, disposition=case.disposition)
    except Closed:
        status = None
    client.close()
    if not rig.disarm():
        check_equal(status, SUCCESS, f"{point}: CREATE")
        return False
    check_equal(status, None, f"{point}: the answer of the CREATE that was interrupted")
    rig.await_crash()
    if case.exists and (case.stream or case.action == ACTION_OPENED or point in UNCHANGED_UNTIL):
        with open(path, "rb") as file:
            check_equal(file.read(), OLD, f"{point}: content after the crash")
    before = rig.files()
    rig.server.start_again()
    with rig.client() as client:
        status, opened = client.try_open(wanted, wish, disposition=case.disposition, is_replay=True)
        check_equal(hex_status(status), hex_status(SUCCESS), f"{point}: the replay")
        check_equal(opened.action, case.action, f"{point}: CreateAction")
        check(opened.is_persistent, f"{point}: the handle is not persistent")
        kept = OLD if case.action == ACTION_OPENED else b""
        check_equal(opened.size, len(kept), f"{point}: size")
        check_equal(client.read(opened, 10_000) if kept else b"", kept, f"{point}: content")
        check_equal(client.write(opened, b"new", len(kept)), SUCCESS, f"{point}: WRITE")
        check_equal(rig.counts(), (1, 0), f"{point}: records and intents")
        check_equal(client.close_file(opened), SUCCESS, f"{point}: CLOSE")
    check_equal(rig.counts(), (0, 0), f"{point}: records and intents after CLOSE")
    check(set(rig.files()) - set(before) <= {name}, f"{point}: files {rig.files()}")
    check("user.continuo.create" not in os.listxattr(path), f"{point}: the mark is still there")
    if not case.stream:
        with open(path, "rb") as file:
            check_equal(file.read(), kept + b"new", f"{point}: content at the end")
    os.unlink(path)
    return True


def main():
    results = Results()
    reached = set()
    number = 0
    rig = Rig()
    with rig.server:
        for case in CASES:
            with results.test(case.name):
                for point in case.points:
                    if sys.argv[1:] and point.split()[0] not in sys.argv[1:]:
                        continue
                    number += 1
                    if crash_and_replay(rig, case, point, number):
                        reached.add((case.name, point))
            if rig.server.process.poll() is not None:
                rig.disarm()
                rig.server.crash()
                rig.server.start_again()
        with results.test("every point was reached"):
            missed = [(case.name, point) for case in CASES for point in case.points
                      if (case.name, point) not in reached]
            check(sys.argv[1:] or not missed, f"not reached: {missed}")
        print(f"{len(reached)} crashes", flush=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
