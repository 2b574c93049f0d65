"""Shared storage that loses what was not flushed: ext4 on a loop device on forgetful_disk.py.

    with ForgetfulStorage(directory) as storage:
        ...mount storage.device somewhere...
        storage.cut()        # the power goes
        ...everybody who had it mounted is gone...
        storage.plug_in()    # the same device, with what had been flushed
"""

import os
import signal
import subprocess

import processes

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "forgetful_disk.py")
SIZE_BYTES = 2 << 30
TIMEOUT_S = 20


def run(*command):
    return subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout.strip()


class ForgetfulStorage:
    def __init__(self, directory):
        self.image = os.path.join(directory, "image")
        self.mountpoint = os.path.join(directory, "disk")
        self.file = os.path.join(self.mountpoint, "disk")
        self.device = None
        self.process = None

    def __enter__(self):
        os.makedirs(self.mountpoint)
        with open(self.image, "wb") as file:
            file.truncate(SIZE_BYTES)
        run("/sbin/mkfs.ext4", "-q", "-F", self.image)
        self.plug_in()
        return self

    def __exit__(self, *_):
        self.cut()
        self.release()

    def plug_in(self):
        self.process = subprocess.Popen([PROGRAM, self.image, self.mountpoint],
                                        stdin=subprocess.DEVNULL)
        if not processes.wait_until(lambda: os.path.exists(self.file), TIMEOUT_S):
            raise RuntimeError("the disk does not show up")
        if self.device is None:
            self.device = run("losetup", "--find", "--show", self.file)
        else:
            run("losetup", self.device, self.file)

    def cut(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def release(self):
        """After a cut, once nobody has it mounted any more."""
        if self.is_attached():
            run("losetup", "--detach", self.device)
        if not processes.wait_until(lambda: not self.is_attached(), TIMEOUT_S):
            raise RuntimeError(f"{self.device} is still in use")
        run("umount", "--lazy", self.mountpoint)

    def is_attached(self):
        return os.path.exists(f"/sys/block/{os.path.basename(self.device)}/loop/backing_file")
