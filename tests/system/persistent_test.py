#!/usr/bin/env python3
"""Persistent handles survive: the whole group is killed and started again on the same directories,
and clients take up what they had, and nobody else does.

Goal: [MS-SMB2] 3.3.5.9.7, .10, .12 and design.md 3 and 5, with the real daemons. For each story:

1. A client opens files with DH2Q and SMB2_DHANDLE_FLAG_PERSISTENT on a share with ca = true.
2. Every process of the group gets SIGKILL, and the group is started again.
3. The client, on a new connection, reclaims with DH2C; others try what they must not get.

`persistent_test.py [--delegation off|random] NAME…` runs only the stories whose names begin so.
"""

import argparse
import json
import os
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from ca_client import (ACTION_CREATED, ACTION_OPENED, ALL_ACCESS, CAP_PERSISTENT_HANDLES,  # noqa: E402
                       CREATE_NEW, DELETE_ON_CLOSE, DIRECTORY, OPLOCK_BATCH,
                       PERSISTENT, SHARE_CAP_CLUSTER, SHARE_CAP_CONTINUOUS_AVAILABILITY,
                       SHARE_CAP_SCALEOUT,
                       UNLOCK, CaClient, Durable, H, Lease, Opened, R, W, app_instance,
                       durable_request, persistent)
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from processes import wait_until  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402
from smb2_client import (ACCESS_DENIED, DUPLICATE_OBJECTID, FILE_CLOSED,  # noqa: E402
                         FILE_NOT_AVAILABLE, LOCK_NOT_GRANTED, LOGOFF, OBJECT_NAME_NOT_FOUND,
                         SHARING_VIOLATION, SUCCESS, hex_status)

GUID_A, GUID_B = b"A" * 16, b"B" * 16         # Of two clients.
HOLD_S = 1
END_OF_FILE_INFORMATION, RENAME_INFORMATION, DISPOSITION_INFORMATION = 20, 10, 13
STORIES = []


def story(function):
    STORIES.append(function)
    return function


def check_status(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what} got {hex_status(got)}, not {hex_status(wanted)}")


def key(number):
    return bytes([number]) * 16


class Stage:
    """One group of daemons, and the ways to its clients."""

    def __init__(self, server):
        self.server = server
        self.ca_path = os.path.join(server.directory, "ca")

    def client(self, guid=GUID_A, **options):
        return CaClient(self.server, client_guid=guid, **options)

    def restart(self):
        self.server.crash()
        self.server.start_again()

    def path(self, name):
        return os.path.join(self.server.path(), name)

    def intents(self):
        return int(self.store()["store"]["counters"]["intents"])

    def store(self):
        code, output = self.server.ctl("--json", "handles")
        check_equal(code, 0, f"exit code of continuoctl handles ({output[-200:]})")
        return json.loads(output)


def start(delegation="on"):
    options = ServerOptions(delegation=delegation, shares=("data", "plain"),
                            users={"other": "Other-pass-1"},
                            global_lines=("ca = false", f"ca_reclaim_hold = {HOLD_S}"))
    server = ContinuoServer(options)
    ca_path = os.path.join(server.directory, "ca")
    os.makedirs(ca_path, mode=0o700)
    options.global_lines = (*options.global_lines, f"ca_path = {ca_path}")
    options.lines_of = {"data": ("ca = true",)}
    return server


@story
def announced(stage):
    """The capabilities say what there is, and not what would invite witness calls."""
    with stage.client() as client:
        check(client.capabilities & CAP_PERSISTENT_HANDLES, "PERSISTENT_HANDLES is not announced")
        check(client.share_capabilities & SHARE_CAP_CONTINUOUS_AVAILABILITY,
              "CONTINUOUS_AVAILABILITY is not announced")
        check_equal(client.share_capabilities & (SHARE_CAP_SCALEOUT | SHARE_CAP_CLUSTER), 0,
                    "SCALEOUT and CLUSTER")
        client.tree_connect("plain")
        check_equal(client.share_capabilities & SHARE_CAP_CONTINUOUS_AVAILABILITY, 0,
                    "CONTINUOUS_AVAILABILITY of a share without ca")
        opened = client.open("plain.bin", persistent())
        check(not opened.is_persistent, "a share without ca granted a persistent handle")
        client.tree_connect("data")
        opened = client.open("directory", persistent(), options=DIRECTORY)
        check(not opened.is_persistent, "a directory got a persistent handle")
        check_equal(stage.intents(), 0, "intents")
        opened = client.open("file.bin", persistent(timeout_ms=0))
        check(opened.is_persistent, "a file got no persistent handle")
        check(opened.granted_timeout_ms > 0, "a time-out of 0 was promised")
        check_equal(opened.action, ACTION_CREATED, "CreateAction")
        opened = client.open("batch.bin", Durable(os.urandom(16)), oplock=OPLOCK_BATCH)
        check(not opened.is_persistent, "nobody asked for persistence")
        check(opened.granted_timeout_ms > 0, "a batch oplock got no durable handle")


@story
def reclaimed(stage):
    """Lock, lease, data and lock sequence are as they were; others are refused as before."""
    name = "lock.bin"
    client = stage.client()
    held = client.open(name, persistent(), lease=Lease(key(1)))
    check_equal(held.lease.state, R | H | W, "lease state")
    check_status(client.write(held, b"before" * 1000), SUCCESS, "WRITE")
    sequence = (1 << 4) | 1
    check_status(client.lock(held, 0, 100, sequence=sequence), SUCCESS, "LOCK")
    stage.restart()
    check_equal(len(stage.store()["handles"]["handles"]) > 0, True, "handles are on record")

    with stage.client(user="other") as thief:
        check_status(thief.try_reclaim(name, held)[0], ACCESS_DENIED, "another user")
    with stage.client(guid=GUID_B) as thief:
        check_status(thief.try_reclaim(name, held)[0], OBJECT_NAME_NOT_FOUND, "another client")
    with stage.client() as client:
        check_status(client.try_reclaim(name, held, create_guid=os.urandom(16))[0],
                     OBJECT_NAME_NOT_FOUND, "another create GUID")
        check_status(client.try_reclaim(name, held, lease=Lease(key(2)))[0],
                     OBJECT_NAME_NOT_FOUND, "another lease key")
        check_status(client.try_reclaim(name, held, lease=None)[0], OBJECT_NAME_NOT_FOUND,
                     "no lease key")
        again = client.reclaim(name, held)
        check_equal(again.file_id[:8], held.file_id[:8], "the persistent id")
        check_equal(again.lease.state, R | H | W, "lease state afterwards")
        check_equal(again.size, 6000, "size afterwards")
        check_equal(client.read(again, 6000), b"before" * 1000, "data")
        check_status(client.try_reclaim(name, held)[0], OBJECT_NAME_NOT_FOUND, "a second reclaim")
        check_status(client.lock(again, 0, 100, sequence=sequence), SUCCESS, "LOCK sent again")
        check_status(client.lock(again, 0, 100, sequence=sequence + 1), LOCK_NOT_GRANTED,
                     "a new LOCK of the same range")
        with stage.client(guid=GUID_B) as other:
            other.send_frame(other.create_message(name, [], access=ALL_ACCESS))
            check_equal(client.wait_break(), (key(1), R | H), "the break for another client")
            check_status(client.acknowledge(key(1), R | H).status, SUCCESS, "the acknowledgement")
            answer = other.final()
            check_status(answer.status, SUCCESS, "another client's open")
            file_id = answer.body[64:80]
            theirs = type(held)(file_id=file_id, action=0, oplock=0, size=0)
            check_status(other.lock(theirs, 50, 10), LOCK_NOT_GRANTED, "another client's lock")
            check_status(client.lock(again, 0, 100, UNLOCK), SUCCESS, "UNLOCK")
            check_status(other.lock(theirs, 50, 10), SUCCESS, "the lock after the unlock")
        check_status(client.close_file(again), SUCCESS, "CLOSE")
        check_status(client.try_reclaim(name, held)[0], OBJECT_NAME_NOT_FOUND, "after CLOSE")


@story
def closed_stays_closed(stage):
    """A handle whose CLOSE was answered is not back, and neither is its delete-on-close undone."""
    client = stage.client()
    closed = client.open("closed.bin", persistent())
    removed = client.open("removed.bin", persistent(), options=DELETE_ON_CLOSE)
    doomed = client.open("doomed.bin", persistent(), options=DELETE_ON_CLOSE)
    marked = client.open("marked.bin", persistent())
    check_status(client.set_info(marked, DISPOSITION_INFORMATION, b"\1"), SUCCESS, "disposition")
    check_status(client.close_file(closed), SUCCESS, "CLOSE")
    check_status(client.close_file(removed), SUCCESS, "CLOSE of a file to delete")
    stage.restart()
    check(not os.path.exists(stage.path("removed.bin")), "removed.bin is back")
    with stage.client() as client:
        check_status(client.try_reclaim("closed.bin", closed)[0], OBJECT_NAME_NOT_FOUND,
                     "a closed handle")
        check_status(client.try_reclaim("removed.bin", removed)[0], OBJECT_NAME_NOT_FOUND,
                     "a removed file's handle")
        for name, held in (("doomed.bin", doomed), ("marked.bin", marked)):
            check(os.path.exists(stage.path(name)), f"{name} went with the server")
            again = client.reclaim(name, held)
            check_status(client.close_file(again), SUCCESS, f"CLOSE of {name}")
            check(not os.path.exists(stage.path(name)), f"{name} was not deleted")


@story
def expired(stage):
    """Nobody comes back in time: the handle ends, and with it what it excluded and deletes."""
    client = stage.client()
    short = client.open("short.bin", persistent(timeout_ms=1000), share=0)
    doomed = client.open("late.bin", persistent(timeout_ms=1000), options=DELETE_ON_CLOSE)
    check_equal(short.granted_timeout_ms, 1000, "time-out")
    stage.restart()
    check(wait_until(lambda: not os.path.exists(stage.path("late.bin")), 10),
          "delete-on-close did not happen at the end of the time-out")
    with stage.client() as client:
        check_status(client.try_reclaim("short.bin", short)[0], OBJECT_NAME_NOT_FOUND,
                     "an expired handle")
        check_status(client.try_reclaim("late.bin", doomed)[0], OBJECT_NAME_NOT_FOUND,
                     "an expired handle of a deleted file")
        client.open("short.bin", share=0)
    stage.restart()
    with stage.client() as client:
        check_status(client.try_reclaim("short.bin", short)[0], OBJECT_NAME_NOT_FOUND,
                     "an expired handle after another start")


@story
def other_file(stage):
    """The file was replaced or renamed while the server was down."""
    client = stage.client()
    names = ("replaced.bin", "gone.bin", "moved.bin")
    replaced, gone, moved = (client.open(name, persistent()) for name in names)
    check_status(client.write(moved, b"mine"), SUCCESS, "WRITE")
    stage.server.crash()
    for name in names[:2]:
        os.unlink(stage.path(name))
    with open(stage.path("replaced.bin"), "w", encoding="utf-8") as file:
        file.write("another file")
    os.chmod(stage.path("replaced.bin"), 0o666)
    os.rename(stage.path("moved.bin"), stage.path("moved-away.bin"))
    stage.server.start_again()
    with stage.client() as client:
        check_status(client.try_reclaim("replaced.bin", replaced)[0], OBJECT_NAME_NOT_FOUND,
                     "another file of the name")
        check_status(client.try_reclaim("gone.bin", gone)[0], OBJECT_NAME_NOT_FOUND, "no file")
        status, again = client.try_reclaim("moved.bin", moved)
        if status == SUCCESS:       # The kernel told where it is now.
            check_equal(client.read(again, 4), b"mine", "data of the renamed file")
        else:
            check_status(status, OBJECT_NAME_NOT_FOUND, "a renamed file")


@story
def held_open(stage):
    """Another open of the name waits for the owner, and then fails with FILE_NOT_AVAILABLE."""
    client = stage.client()
    held = client.open("held.bin", persistent(), lease=Lease(key(3)))
    late = client.open("late.bin", persistent(), lease=Lease(key(4)))
    stage.restart()
    with stage.client(guid=GUID_B) as other:
        begin = time.monotonic()
        check_status(other.try_open("held.bin")[0], FILE_NOT_AVAILABLE, "an open while it is held")
        took = time.monotonic() - begin
        check(HOLD_S * 0.9 <= took <= HOLD_S + 3, f"it was held {took:.2f} s")
        other.send_frame(other.create_message("late.bin", [], access=ALL_ACCESS))
        with stage.client() as client:
            again = client.reclaim("late.bin", late)
            check_equal(again.lease.state, R | H | W, "lease state")
            broken, state = client.wait_break()
            check_equal((broken, state), (key(4), R | H), "the break that was due")
            check_status(client.acknowledge(broken, state).status, SUCCESS, "acknowledgement")
            check_status(other.final().status, SUCCESS, "the open that was held")
            client.reclaim("held.bin", held)


@story
def break_under_way(stage):
    """A break that was not acknowledged before the crash is sent again after the reclaim."""
    client = stage.client()
    held = client.open("breaking.bin", persistent(), lease=Lease(key(5)))
    other = stage.client(guid=GUID_B)
    other.send_frame(other.create_message("breaking.bin", [], access=ALL_ACCESS))
    check_equal(client.wait_break(), (key(5), R | H), "the break")
    stage.restart()
    with stage.client() as client:
        again = client.reclaim("breaking.bin", held)
        check_equal(client.wait_break(), (key(5), R | H), "the break after the reclaim")
        check_status(client.acknowledge(key(5), R | H).status, SUCCESS, "acknowledgement")
        check_status(client.close_file(again), SUCCESS, "CLOSE")
        check_status(client.acknowledge(key(5), R).status & 0xC0000000, 0xC0000000,
                     "an acknowledgement of a lease that is gone")


@story
def replayed(stage):
    """A CREATE sent again with the replay flag finds the open that the first one made."""
    client = stage.client()
    wish = persistent()
    client.open("once.bin", wish, disposition=CREATE_NEW, lease=Lease(key(6)))
    check_status(client.try_open("once.bin", wish, disposition=CREATE_NEW, lease=Lease(key(6)))[0],
                 DUPLICATE_OBJECTID, "the same create GUID without the replay flag")
    stage.restart()
    with stage.client() as client:
        status, again = client.try_open("once.bin", wish, disposition=CREATE_NEW,
                                        lease=Lease(key(6)), is_replay=True)
        check_status(status, SUCCESS, "the replay")
        check_equal(again.action, ACTION_CREATED, "CreateAction of the replay")
        check(again.is_persistent, "the replay's handle is not persistent")
        check_status(client.write(again, b"x"), SUCCESS, "WRITE")
    stage.restart()
    with stage.client() as client:
        client.reclaim("once.bin", again)


@story
def size_and_name(stage):
    """Size and name that were changed through the handle are those of the file afterwards."""
    client = stage.client()
    held = client.open("small.bin", persistent())
    check_status(client.write(held, b"0123456789"), SUCCESS, "WRITE")
    check_status(client.set_info(held, END_OF_FILE_INFORMATION, struct.pack("<Q", 4)), SUCCESS,
                 "SET_INFO of the size")
    name = "renamed.bin".encode("utf-16le")
    check_status(client.set_info(held, RENAME_INFORMATION,
                                 struct.pack("<B7xQI", 0, 0, len(name)) + name),
                 SUCCESS, "SET_INFO of the name")
    stage.restart()
    with stage.client() as client:
        again = client.reclaim("renamed.bin", held)
        check_equal(client.read(again, 100), b"0123", "data")


@story
def channel_sequence(stage):
    """A write that was sent before the last reconnect comes too late. [MS-SMB2] 3.3.5.2.10."""
    client = stage.client()
    held = client.open("sequence.bin", persistent())
    check_status(client.write(held, b"old", channel_sequence=0), SUCCESS, "WRITE")
    stage.restart()
    with stage.client() as client:
        again = client.reclaim("sequence.bin", held)
        check_status(client.write(again, b"new", channel_sequence=1), SUCCESS, "WRITE of channel 1")
        check_status(client.write(again, b"old", channel_sequence=0), FILE_NOT_AVAILABLE,
                     "a WRITE of channel 0")
        check_status(client.set_info(again, END_OF_FILE_INFORMATION, struct.pack("<Q", 0),
                                     channel_sequence=0), FILE_NOT_AVAILABLE,
                     "a SET_INFO of channel 0")
        check_equal(client.read(again, 10), b"new", "data")
        check_status(client.write(again, b"newer", channel_sequence=2), SUCCESS, "channel 2")
    stage.restart()
    with stage.client() as client:
        again = client.reclaim("sequence.bin", again)
        check_equal(client.read(again, 10), b"newer", "data afterwards")


@story
def application(stage):
    """An application that moved to another client closes its old open. [MS-SMB2] 3.3.5.9.13."""
    client = stage.client()
    app = app_instance(b"\7" * 16)
    held = client.open("app.bin", persistent(), share=0, more_contexts=[app])
    other = stage.client(guid=GUID_B)
    check_status(other.try_open("app.bin", persistent(), share=0)[0], SHARING_VIOLATION,
                 "an open by somebody else")
    theirs = other.open("app.bin", persistent(), share=0, more_contexts=[app])
    check_status(client.write(held, b"late"), FILE_CLOSED, "a write through the old open")
    stage.restart()
    with stage.client() as client:
        check_status(client.try_reclaim("app.bin", held)[0], OBJECT_NAME_NOT_FOUND, "the old open")
        third = client.open("app.bin", persistent(), share=0, more_contexts=[app])
        check_equal(third.action, ACTION_OPENED, "CreateAction")
    with stage.client(guid=GUID_B) as other:
        check_status(other.try_reclaim("app.bin", theirs)[0], OBJECT_NAME_NOT_FOUND,
                     "the second open, whose application moved while it was away")


@story
def left_alone(stage):
    """The client goes while its CREATE is at work: a logoff ends it, a lost connection does not undo it."""
    for turn in range(30):
        client = stage.client()
        client.send_bytes(b"".join(
            struct.pack(">I", len(one)) + one
            for one in (client.create_message(f"logoff-{turn}.bin", [durable_request(persistent())],
                                              disposition=CREATE_NEW),
                        client.build(LOGOFF, struct.pack("<HH", 4, 0)))))
        client.finish_sending()
        client.wait_closed()
    left = stage.intents()
    for turn in range(30):
        name, wish = f"lost-{turn}.bin", persistent()
        with stage.client() as client:
            message = client.create_message(name, [durable_request(wish)], disposition=CREATE_NEW)
            client.send_frame(message)
            client.reset()
        with stage.client() as client:
            wait_until(lambda: os.path.exists(stage.path(name)), 0.05, poll_s=0.001)
            for _ in range(100):
                status, again = client.try_open(name, wish, disposition=CREATE_NEW, is_replay=True)
                if status != FILE_NOT_AVAILABLE:
                    break
                time.sleep(0.01)
            check_status(status, SUCCESS, f"the replay of turn {turn}")
            check_equal(again.action, ACTION_CREATED, "CreateAction")
            check_status(client.write(again, b"x"), SUCCESS, "WRITE")
            check_status(client.close_file(again), SUCCESS, "CLOSE")
        check_equal(stage.intents(), left, f"intents after turn {turn}")


@story
def many_records(stage):
    """Records that are no good are dealt with one by one; the others come back."""
    count, expired, corrupt, foreign, gone = 2000, 5, 4, 3, 2
    client = stage.client()
    held = client.open("real.bin", persistent())
    known = len(stage.store()["handles"]["handles"])
    stage.server.crash()
    code, output = run([os.path.join(stage.server.bin, "make_handles"), "--ca-path", stage.ca_path,
                        "--share", "data", "--path", stage.server.path(), "--handles", str(count),
                        "--expired", str(expired), "--corrupt", str(corrupt), "--foreign",
                        str(foreign), "--gone", str(gone)])
    check_equal(code, 0, f"exit code of make_handles ({output})")
    stage.server.start_again()
    counters = stage.store()["store"]["counters"]
    check_equal(int(counters["expired"]), expired, "expired handles")
    check_equal(int(counters["set_aside"]), corrupt, "records set aside")
    check_equal(int(counters["outstanding"]), known + count - expired - corrupt - foreign,
                "handles on record")
    with stage.client() as client:
        client.reclaim("real.bin", held)
        # The owner of the made ones is nobody here.
        made = Opened(file_id=struct.pack("<QQ", (1 << 52) + 1999, 0), action=0, oplock=0, size=0,
                      durable=Durable(made_guid(1, 1999), PERSISTENT), lease=Lease(made_guid(3, 1999)))
        with stage.client(guid=made_guid(2, 99)) as other:
            check_status(other.try_reclaim("many/1/file-1999.dat", made)[0], ACCESS_DENIED,
                         "another user's handle")


def made_guid(kind, number):
    """As make_handles makes them."""
    return bytes([kind]) + bytes(7) + struct.pack("<Q", number)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--delegation", default="on", choices=("on", "off", "random"))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    results = Results("" if arguments.delegation == "on" else f"delegation {arguments.delegation}:")
    wanted = [one for one in STORIES if not arguments.names or
              any(one.__name__.startswith(name) for name in arguments.names)]
    with start(arguments.delegation) as server:
        stage = Stage(server)
        for one in wanted:
            with results.test(one.__name__.replace("_", " ")):
                one(stage)
            if server.process.poll() is not None:
                print(server.log_tail(30), flush=True)
                server.crash()
                server.start_again()
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
