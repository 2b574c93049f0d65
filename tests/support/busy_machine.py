"""A machine that is busy to the limit: every core computes, and writers fsync without a pause.

    with Load():
        …
"""

import multiprocessing
import os
import tempfile

EXTRA_BUSY = 2
FSYNC_WRITERS = 4
BLOCK = b"x" * (1 << 20)


def be_busy():
    while True:
        sum(range(100000))


def be_syncing(directory, number):
    with open(os.path.join(directory, f"sync{number}"), "wb", buffering=0) as file:
        while True:
            file.seek(0)
            file.write(BLOCK)
            os.fsync(file.fileno())


class Load:
    """One busy process for each core and two more, and four that write and fsync."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(dir="/var/tmp")
        name = self._directory.name
        self._processes = [multiprocessing.Process(target=be_busy, daemon=True)
                           for _ in range(os.cpu_count() + EXTRA_BUSY)]
        self._processes += [multiprocessing.Process(target=be_syncing, args=(name, i), daemon=True)
                            for i in range(FSYNC_WRITERS)]

    def __enter__(self):
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_):
        for process in self._processes:
            process.kill()
            process.join()
        self._directory.cleanup()
