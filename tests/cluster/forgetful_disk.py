#!/usr/bin/python3
"""A disk that forgets what was not flushed when its power goes: one file, through FUSE.

    forgetful_disk.py IMAGE MOUNTPOINT

MOUNTPOINT/disk has IMAGE's content. What is written is kept in memory until a flush (fsync) puts it into
IMAGE; SIGKILL of this process is the power cut that loses the rest. Put a loop device on it and a file
system on that: their flushes arrive here as fsync. Ends when it is unmounted.
"""

import errno
import os
import stat
import sys

import fusepy as fuse

NAME = "/disk"
CHUNK = 4096


class ForgetfulDisk(fuse.Operations):
    def __init__(self, image):
        self.image = os.open(image, os.O_RDWR)
        self.size = os.fstat(self.image).st_size
        self.unflushed = {}  # Chunk number: its whole content.

    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        if path == NAME:
            return {"st_mode": stat.S_IFREG | 0o600, "st_nlink": 1, "st_size": self.size}
        raise fuse.FuseOSError(errno.ENOENT)

    def readdir(self, path, fh):
        return [".", "..", NAME[1:]]

    def read(self, path, size, offset, fh):
        size = max(min(size, self.size - offset), 0)
        data = bytearray(os.pread(self.image, size, offset))
        for number in range(offset // CHUNK, (offset + size + CHUNK - 1) // CHUNK):
            chunk = self.unflushed.get(number)
            if chunk is None:
                continue
            begin = max(number * CHUNK, offset)
            end = min((number + 1) * CHUNK, offset + size)
            data[begin - offset:end - offset] = chunk[begin - number * CHUNK:end - number * CHUNK]
        return bytes(data)

    def write(self, path, data, offset, fh):
        at = 0
        while at < len(data):
            number, inside = divmod(offset + at, CHUNK)
            count = min(CHUNK - inside, len(data) - at)
            if count == CHUNK:
                chunk = data[at:at + CHUNK]
            else:
                chunk = bytearray(self.read(path, CHUNK, number * CHUNK, fh))
                chunk[inside:inside + count] = data[at:at + count]
            self.unflushed[number] = bytes(chunk)
            at += count
        return len(data)

    def fsync(self, path, datasync, fh):
        for number in sorted(self.unflushed):
            os.pwrite(self.image, self.unflushed[number], number * CHUNK)
        self.unflushed.clear()
        return 0

    def flush(self, path, fh):
        return 0  # close() is no promise.


def main():
    image, mountpoint = sys.argv[1:]
    fuse.FUSE(ForgetfulDisk(image), mountpoint, foreground=True, nothreads=True, big_writes=True)


if __name__ == "__main__":
    main()
