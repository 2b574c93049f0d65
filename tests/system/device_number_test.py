#!/usr/bin/env python3
"""Persistent handles come back although the device number of their file system has changed.

Goal: a file is known by the identity that its file system carries and by its handle there (design.md 4,
"Key"), never by st_dev. With root and loop devices:

1. A share with ca = true lies on a file system on a loop device; a client opens a file on it.
2. The group is killed, the file system unmounted and its image attached to another loop device.
3. The group is started again: the client reclaims its handle, and reads what it wrote.
4. The same with another file system of the same content at the same place: it is another one, and the
   handle does not come back to its file.
"""

import contextlib
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from ca_client import CaClient, Lease, persistent  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from processes import wait_until  # noqa: E402
from results import Results, Skip, check, check_equal, run  # noqa: E402
from smb2_client import OBJECT_NAME_NOT_FOUND, SUCCESS, hex_status  # noqa: E402

GUID = b"D" * 16
IMAGE_BYTES = 64 << 20
LET_GO_TIMEOUT_S = 10


def must(*command):
    code, output = run(list(command))
    check_equal(code, 0, f"exit code of {' '.join(command)} ({output})")
    return output.strip()


class Volume:
    """An image that is attached to a loop device and mounted at the share's directory."""

    def __init__(self, directory, where):
        self.image = os.path.join(directory, "image")
        self.spare = os.path.join(directory, "spare")
        self.where = where
        self.loops = []
        for path in (self.image, self.spare):
            with open(path, "wb") as file:
                file.truncate(IMAGE_BYTES)
        must("mkfs.ext4", "-q", self.image)

    def attach(self, image):
        code, output = run(["losetup", "--find", "--show", image])
        if code != 0:
            raise Skip(f"no loop device: {output}")
        self.loops.append(output.strip())
        return self.loops[-1]

    def mount(self, image=None):
        must("mount", "-t", "ext4", self.attach(image or self.image), self.where)
        os.chmod(self.where, 0o777)
        return os.stat(self.where).st_dev

    def unmount(self):
        """The kernel lets go of a killed process's io_uring, and with it of files, a little later."""
        let_go = wait_until(lambda: run(["umount", self.where])[0] == 0, LET_GO_TIMEOUT_S)
        check(let_go, f"{self.where} is still in use")
        self.detach()

    def detach(self):
        while self.loops:
            must("losetup", "--detach", self.loops.pop())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(AssertionError):
            if os.path.ismount(self.where):
                self.unmount()
            self.detach()


def test_reclaim(server, volume):
    before = volume.mount()
    server.start()
    with CaClient(server, client_guid=GUID) as client:
        held = client.open("file.bin", persistent(), lease=Lease(b"k" * 16))
        check_equal(client.write(held, b"written before"), SUCCESS, "WRITE")
        server.crash()
    volume.unmount()
    # What was the image's device is another one's now.
    volume.attach(volume.spare)
    after = volume.mount()
    check(before != after, f"the device number is {after} as before")
    server.start_again()
    with CaClient(server, client_guid=GUID) as client:
        again = client.reclaim("file.bin", held)
        check_equal(client.read(again, 100), b"written before", "data")
        check_equal(again.lease.state, held.lease.state, "lease state")
        server.crash()
    return again


def test_other_file_system(server, volume, held):
    copy = volume.image + ".copy"
    volume.unmount()
    must("cp", "--sparse=always", volume.image, copy)
    with_other_id = volume.mount(copy)
    check(with_other_id != 0, "no device")
    must("setfattr", "-n", "trusted.continuo.fsid", "-v", "0x" + "77" * 16, volume.where)
    server.start_again()
    with CaClient(server, client_guid=GUID) as client:
        status, _ = client.try_reclaim("file.bin", held)
        check_equal(hex_status(status), hex_status(OBJECT_NAME_NOT_FOUND), "on another file system")
    server.stop()


def main():
    results = Results()
    options = ServerOptions(shares=("data",), share_lines=("ca = true",), keep=True)
    server = ContinuoServer(options)
    options.global_lines = (f"ca_path = {server.directory}/ca",)
    os.makedirs(os.path.join(server.directory, "ca"), mode=0o700)
    os.makedirs(server.path())
    held = []
    try:
        with Volume(server.directory, server.path()) as volume:
            with results.test("another device number"):
                held.append(test_reclaim(server, volume))
            with results.test("another file system"):
                check(held, "there is no handle to reclaim")
                test_other_file_system(server, volume, held[0])
            if server.process is not None and server.process.poll() is None:
                print(server.log_tail(30))
                server.abandon()
    finally:
        shutil.rmtree(server.directory, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
