#!/usr/bin/env python3
"""What a node depends on fails; the node goes on as services/ca-store-service/README.md says.

Goal: no fault of a dependency ends the group, no client waits without end, files stay served, the
administrator is told, and everything is as before once the fault is gone. With root and loop devices, in a network
namespace that has ADDRESS (connections to 127.0.0.1 are never put on record);
`ca_path` and the recovery database lie on one small file system of their own, the shares do not:

1. It is full. 2. It does not answer (fsfreeze). 3. The recovery database cannot be written while it does
not answer. 4. The kernel made it read-only after an error.
5. Another group, whose daemons' clock is stepped by an hour forth and back (step_clock.cc, compiled here
   and preloaded; the machine's clock stays), and which is killed and comes back almost two hours later.
"""

import contextlib
import os
import shutil
import struct
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from ca_client import EXCLUSIVE_AT_ONCE, UNLOCK, CaClient, Lease, persistent  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from processes import wait_until  # noqa: E402
from reflection_client import ReflectionClient  # noqa: E402
from results import Results, Skip, check, check_equal, run  # noqa: E402
from smb2_client import LOCK, SUCCESS, hex_status, lock_body  # noqa: E402

ADMIN = "continuo.admin.v1.AdminService"
TICKLE = "continuo.tickle.v1.TickleAdminService"
IMAGE_BYTES = 48 << 20
BLOCK_BYTES = 4096
# A change that the storage does not take is answered after 5 s (services/ca-store-service/README.md).
ANSWER_MAX_S = 5 + 3
NOTICE_MAX_S = 20
PROMPT_S = 3
HOUR_S = 3600
ADDRESS = "10.87.0.1"


def must(*command):
    code, output = run(list(command))
    check_equal(code, 0, f"exit code of {' '.join(command)} ({output})")
    return output.strip()


class Volume:
    """A small file system whose faults can be chosen. Blocks are not preallocated (no extents), so that
    a full one is full at once."""

    def __init__(self, directory):
        self.where = os.path.join(directory, "volume")
        self._image = os.path.join(directory, "image")
        self._device = None
        self._is_frozen = False

    def __enter__(self):
        with open(self._image, "wb") as file:
            file.truncate(IMAGE_BYTES)
        must("mkfs.ext4", "-q", "-O", "^extent,^64bit,^metadata_csum", "-m", "0", self._image)
        os.mkdir(self.where)
        code, output = run(["losetup", "--find", "--show", self._image])
        if code != 0:
            raise Skip(f"no loop device: {output}")
        self._device = output.strip()
        try:
            must("mount", "-t", "ext4", "-o", "errors=remount-ro", self._device, self.where)
        except BaseException:
            must("losetup", "--detach", self._device)
            raise
        return self

    def __exit__(self, *_):
        self.thaw()
        wait_until(lambda: run(["umount", self.where])[0] == 0, 10)
        must("losetup", "--detach", self._device)

    def folder(self, name):
        path = os.path.join(self.where, name)
        os.mkdir(path, mode=0o700)
        return path

    def fill(self):
        """Takes every block there is, also those that are freed a moment later."""
        with open(os.path.join(self.where, "filler"), "ab", buffering=0) as file:
            for size in (1 << 20, BLOCK_BYTES):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass

    def make_room(self):
        os.unlink(os.path.join(self.where, "filler"))

    def freeze(self):
        must("fsfreeze", "--freeze", self.where)
        self._is_frozen = True

    def thaw(self):
        if self._is_frozen:
            must("fsfreeze", "--unfreeze", self.where)
        self._is_frozen = False

    def make_read_only(self):
        name = os.path.basename(self._device)
        with open(f"/sys/fs/ext4/{name}/trigger_fs_error", "w", encoding="ascii") as trigger:
            trigger.write("test")
        with open("/proc/mounts", encoding="utf-8") as mounts:
            options = [line.split()[3] for line in mounts if line.split()[1] == self.where]
        # Newer kernels tell a mount that an administrator made read-only from one that they did.
        return bool(options) and not {"ro", "emergency_ro"}.isdisjoint(options[0].split(","))


class Scene:
    """A group, a client of it that holds a persistent handle, and what can be asked of both."""

    def __init__(self, server):
        self.server = server
        self.group = set(server.group())
        self.client = self.connect()
        self.held = self.client.open("held.bin", persistent(), lease=Lease(b"h" * 16))
        check(self.held.is_persistent, "the first open is not persistent")
        self.count = 0

    def connect(self, share="data"):
        return CaClient(self.server, client_guid=os.urandom(16), share=share, deadline_s=30)

    def end(self):
        self.client.close()

    def opens_persistent(self):
        """Whether a new open is persistent: it always succeeds. Its client leaves without a CLOSE."""
        self.count += 1
        with self.connect() as client:
            return client.open(f"file{self.count}.bin", persistent()).is_persistent

    def degraded(self, daemon):
        client = ReflectionClient(os.path.join(self.server.run_dir, daemon + ".sock"))
        try:
            return " ".join(client.call(ADMIN, "GetStatus").get("degraded_reasons", []))
        finally:
            client.close()

    def is_degraded(self, daemon="ca-store-service"):
        return wait_until(lambda: self.degraded(daemon), NOTICE_MAX_S, poll_s=0.2)

    def check_persistent_stops(self):
        begin = time.monotonic()
        stops = wait_until(lambda: not self.opens_persistent(), NOTICE_MAX_S + ANSWER_MAX_S)
        check(stops, "opens are still persistent")
        print(f"# the first open that is not persistent ended after {time.monotonic() - begin:.1f} s")

    def check_files_served(self):
        """On the share without ca, and on the handle that was there before."""
        begin = time.monotonic()
        with self.connect("plain") as other:
            opened = other.open("plain.bin")
            check_equal(hex_status(other.write(opened, b"data")), hex_status(SUCCESS), "WRITE")
            check_equal(other.read(opened, 10), b"data", "data")
            check_equal(hex_status(other.close_file(opened)), hex_status(SUCCESS), "CLOSE")
        check_equal(hex_status(self.client.write(self.held, b"held")), hex_status(SUCCESS),
                    "WRITE on the handle that was held")
        took_s = time.monotonic() - begin
        check(took_s < PROMPT_S, f"files were served after {took_s:.1f} s")

    def check_lock_waits(self):
        """Asks for a lock again and again until one is not answered; check_recovers has its answer."""
        def is_silent():
            self.client.send_frame(self.client.build(LOCK, lock_body(
                self.held.file_id, [(0, 10, EXCLUSIVE_AT_ONCE)])))
            try:
                status = self.client.final(deadline_s=PROMPT_S).status
            except AssertionError:
                return True
            check_equal(hex_status(status), hex_status(SUCCESS), "LOCK")
            self.client.send_frame(self.client.build(LOCK, lock_body(
                self.held.file_id, [(0, 10, UNLOCK)])))
            try:
                self.client.final(deadline_s=PROMPT_S)
            except AssertionError:
                return True
            return False
        check(wait_until(is_silent, NOTICE_MAX_S), "a LOCK is answered that is not on record")

    def check_recovers(self):
        check(wait_until(self.opens_persistent, NOTICE_MAX_S, poll_s=0.5),
              "opens did not become persistent again")
        check(wait_until(lambda: not self.degraded("ca-store-service"), NOTICE_MAX_S, poll_s=0.2),
              f"still degraded: {self.degraded('ca-store-service')}")
        check_equal(hex_status(self.client.final().status), hex_status(SUCCESS),
                    "the LOCK or unlock that waited")
        self.client.lock(self.held, 0, 10, flags=UNLOCK)

    def check_group_lives(self):
        check_equal(self.server.process.poll(), None, "exit status of the group")
        missing = self.group - set(self.server.group())
        check(not missing, f"{len(missing)} processes of the group have ended")


def test_full(scene, volume):
    volume.fill()
    scene.check_persistent_stops()
    check(scene.is_degraded(), "the administrator is not told")
    check("changes fail" in scene.degraded("ca-store-service"), scene.degraded("ca-store-service"))
    scene.check_files_served()
    scene.check_lock_waits()
    scene.check_group_lives()
    volume.make_room()
    scene.check_recovers()


def test_hanging(scene, volume):
    volume.freeze()
    begin = time.monotonic()
    check(not scene.opens_persistent(), "an open was persistent while the storage did not answer")
    took_s = time.monotonic() - begin
    check(took_s < 2 * ANSWER_MAX_S, f"open and close took {took_s:.1f} s")
    check(scene.is_degraded(), "the administrator is not told")
    scene.check_files_served()
    scene.check_lock_waits()
    scene.check_group_lives()
    volume.thaw()
    scene.check_recovers()


def recovery_counters(server):
    client = ReflectionClient(os.path.join(server.run_dir, "tickle-service.sock"))
    try:
        return client.call(TICKLE, "GetRecovery").get("counters", {})
    finally:
        client.close()


def test_recovery_database(scene, volume):
    recorded = int(recovery_counters(scene.server).get("recorded", 0))
    check(recorded > 0, "no connection is on record")
    volume.freeze()
    begin = time.monotonic()
    with scene.connect("plain") as client:
        opened = client.open("unrecorded.bin")
        check_equal(hex_status(client.write(opened, b"data")), hex_status(SUCCESS), "WRITE")
        took_s = time.monotonic() - begin
        check(took_s < PROMPT_S, f"a client was served after {took_s:.1f} s")
        check(scene.is_degraded("tickle-service"), "the administrator is not told")
        scene.check_group_lives()
        volume.thaw()
        check(wait_until(lambda: int(recovery_counters(scene.server).get("recorded", 0)) > recorded,
                         NOTICE_MAX_S, poll_s=0.2), "the client is not recorded afterwards")
    check(wait_until(lambda: not scene.degraded("tickle-service"), NOTICE_MAX_S, poll_s=0.2),
          f"still degraded: {scene.degraded('tickle-service')}")


def test_read_only(scene, volume):
    check(volume.make_read_only(), "the file system did not become read-only")
    scene.check_persistent_stops()
    for daemon in ("ca-store-service", "tickle-service"):
        check(scene.is_degraded(daemon), f"the administrator is not told by {daemon}")
    scene.check_files_served()
    scene.check_lock_waits()
    scene.check_group_lives()


def test_storage(results):
    directory = None
    try:
        with contextlib.ExitStack() as stack:
            options = ServerOptions(address=ADDRESS, shares=("data", "plain"),
                                    lines_of={"data": ("ca = true",)}, keep=True)
            server = ContinuoServer(options)
            directory = server.directory
            volume = stack.enter_context(Volume(directory))
            options.global_lines = (
                f"ca_path = {volume.folder('ca')}", "tcp_tickle = true",
                f"tcp_tickle_params = path={volume.folder('recovery')}")
            stack.enter_context(server)
            scene = Scene(server)
            stack.callback(scene.end)
            for name, test in (("full", test_full), ("hanging", test_hanging),
                               ("recovery database hanging", test_recovery_database),
                               ("read-only", test_read_only)):
                with results.test(name):
                    test(scene, volume)
            server.crash()  # A drain would wait for storage that does not come back.
    finally:
        if directory is not None:
            shutil.rmtree(directory, ignore_errors=True)


class SteppedServer(ContinuoServer):
    """A group whose wall clock is the machine's and some seconds more or less."""

    def __init__(self, options):
        super().__init__(options)
        self._library = os.path.join(self.directory, "step_clock.so")
        self._offset = os.path.join(self.directory, "clock")
        must("g++", "-std=c++20", "-O2", "-shared", "-fPIC", os.path.join(HERE, "step_clock.cc"),
             "-o", self._library)
        with open(self._offset, "wb") as file:
            file.write(bytes(8))

    def step(self, offset_s):
        with open(self._offset, "r+b") as file:
            file.write(struct.pack("=q", offset_s * 1_000_000_000))

    def environment(self):
        return {**os.environ, "LD_PRELOAD": self._library, "STEP_CLOCK_FILE": self._offset}


def check_serves(scene):
    check(scene.opens_persistent(), "an open is not persistent")
    scene.check_files_served()
    check_equal(scene.degraded("ca-store-service"), "", "degraded")
    scene.check_group_lives()


def test_clock():
    options = ServerOptions(shares=("data", "plain"), lines_of={"data": ("ca = true",)})
    server = SteppedServer(options)
    store = os.path.join(server.directory, "ca")
    os.mkdir(store, mode=0o700)
    options.global_lines = (f"ca_path = {store}",)
    with server:
        scene = Scene(server)
        for offset_s in (HOUR_S, -HOUR_S):
            server.step(offset_s)
            time.sleep(2)  # Whatever looks at the clock in turns has done so.
            check_serves(scene)
        guid = os.urandom(16)
        with CaClient(server, client_guid=guid) as client:
            held = client.open("kept.bin", persistent(), lease=Lease(b"c" * 16))
            check_equal(hex_status(client.write(held, b"kept")), hex_status(SUCCESS), "WRITE")
            server.crash()
        scene.end()
        server.step(HOUR_S - HOUR_S // 60)  # Almost two hours after the step back: not yet expired.
        server.start_again()
        with CaClient(server, client_guid=guid) as client:
            again = client.reclaim("kept.bin", held)
            check_equal(client.read(again, 10), b"kept", "data")


def main():
    results = Results("faults")
    with results.test("the group outlives the storage's faults"):
        test_storage(results)
    with results.test("clock stepped by an hour"):
        test_clock()
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
