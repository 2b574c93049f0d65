"""What tests/bench/compare measures: each measure loads one server once and returns a Sample."""

import concurrent.futures
import dataclasses
import json
import os
import re
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from continuo_server import build_directory  # noqa: E402
from results import one_line  # noqa: E402
from servers import SHARE  # noqa: E402

# Samba looks through the whole directory for each new file in it.
COMMAND_TIMEOUT_S = 1800
# Time for a Samba child to end, and to be counted by its parent, after its client has left.
SETTLE_S = 0.3
BIG_DIRECTORY_ENTRIES = 100_000
FILES_PER_CONNECTION = 500
IDLE_CONNECTIONS = 500
MIB = 1 << 20


@dataclasses.dataclass
class Sample:
    """`value` is compared: seconds or bytes where less is better, otherwise a rate."""
    value: float
    cpu_s: float = 0.0
    work: float = 1.0       # Processor time is compared per unit of work.


@dataclasses.dataclass(frozen=True)
class Measure:
    name: str
    unit: str
    less_is_better: bool
    take: object            # Called with a Server; returns a Sample.
    delegation: str = "on"  # Which of the two groups of Continuo it loads.
    pairs: int = 0          # 0: as many as the others


def run_loaded(server, command, timeout_s=COMMAND_TIMEOUT_S):
    """Returns (its whole output, wall seconds, server's processor seconds); raises if it fails."""
    cpu = server.cpu_s()
    begin = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=timeout_s, check=False, text=True,
                          errors="replace")
    wall_s = time.monotonic() - begin
    if done.returncode != 0:
        raise RuntimeError(f"{os.path.basename(command[0])} on {server.name} ended with "
                           f"{done.returncode}: {one_line(done.stdout[-300:])}")
    time.sleep(SETTLE_S)
    return done.stdout, wall_s, server.cpu_s() - cpu


def smbclient(server, protection, line):
    return run_loaded(server, ["smbclient", f"//127.0.0.1/{SHARE}", "-p", str(server.port), "-U",
                               server.credentials, f"--client-protection={protection}", "-c",
                               line])


def smbload_command(server, share, *arguments):
    return [os.path.join(build_directory(), "bin", "smbload"), "--server", "127.0.0.1", "--port",
            str(server.port), "--share", share, "--user", server.credentials, *arguments]


def smbload_report(server, share, *arguments):
    """Raises when any operation failed."""
    done = subprocess.run(smbload_command(server, share, "--json", *arguments),
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=COMMAND_TIMEOUT_S, check=False, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"smbload ended with {done.returncode}: {one_line(done.stdout[-300:])}")
    return json.loads(done.stdout)


def smbload(server, *arguments):
    """Returns (smbload's report, server's processor seconds); raises when any operation failed."""
    output, _, cpu_s = run_loaded(server, smbload_command(server, SHARE, "--json", *arguments))
    return json.loads(output), cpu_s


class Put:
    def __init__(self, source, protection):
        self._source = source
        self._protection = protection

    def __call__(self, server):
        target = os.path.join(server.path, "transfer")
        if os.path.exists(target):
            os.unlink(target)
        os.sync()  # What an earlier measure left dirty is not this one's to write.
        _, wall_s, cpu_s = smbclient(server, self._protection, f"put {self._source} transfer")
        size = os.path.getsize(self._source)
        if os.path.getsize(target) != size:
            raise RuntimeError(f"{server.name} stored {os.path.getsize(target)} bytes, not {size}")
        return Sample(wall_s, cpu_s)


class Get:
    """Reads a file that is in the page cache, and throws it away."""

    def __init__(self, source, protection):
        self._source = source
        self._protection = protection

    def __call__(self, server):
        if not os.path.exists(os.path.join(server.path, "transfer")):
            smbclient(server, "off", f"put {self._source} transfer")
        os.sync()
        _, wall_s, cpu_s = smbclient(server, self._protection, "get transfer /dev/null")
        return Sample(wall_s, cpu_s)


class Torture:
    """A benchmark of smbtorture: `pattern` finds the operations per second of each second."""

    def __init__(self, test, pattern, seconds, options):
        self._test = test
        self._pattern = re.compile(pattern)
        self._seconds = seconds
        self._options = options

    def __call__(self, server):
        options = {"timelimit": self._seconds, **self._options}
        output, _, cpu_s = run_loaded(
            server, ["smbtorture", f"//127.0.0.1/{SHARE}", "-p", str(server.port), "-U",
                     server.credentials, "--fullname", self._test,
                     *(f"--option=torture:{key}={value}" for key, value in options.items())])
        rates = [float(rate) for rate in self._pattern.findall(output)]
        if not rates:
            raise RuntimeError(f"{self._test} on {server.name} printed no rate: "
                               f"{one_line(output)}")
        rate = sum(rates) / len(rates)
        return Sample(rate, cpu_s, work=rate * self._seconds)


class Opens:
    """Opens and closes of distinct files over so many connections.

    Each connection has a client process and files of its own: smbd 4.17 ends with "Could not unlock
    share mode" when several connections open one file at the same moment.
    """

    def __init__(self, connections, seconds):
        self._connections = connections
        self._seconds = seconds

    def _prepare(self, server, folder):
        if not os.path.isdir(os.path.join(server.path, folder)):
            smbload(server, "--mix", "open", "--count", "1", "--dir", folder, "--file-count",
                    str(FILES_PER_CONNECTION))

    def _load(self, server, folder):
        return smbload(server, "--mix", "open", "--depth", "4", "--seconds", str(self._seconds),
                       "--dir", folder, "--file-count", str(FILES_PER_CONNECTION),
                       "--no-prepare")[0]

    def __call__(self, server):
        folders = [f"opens{index}" for index in range(self._connections)]
        for folder in folders:
            self._prepare(server, folder)
        cpu_s = server.cpu_s()
        with concurrent.futures.ThreadPoolExecutor(self._connections) as pool:
            reports = list(pool.map(lambda folder: self._load(server, folder), folders))
        cpu_s = server.cpu_s() - cpu_s
        return Sample(sum(report["operations_per_second"] for report in reports), cpu_s,
                      work=sum(report["operations"] for report in reports))


def fill_big_directory(server):
    directory = os.path.join(server.path, "big")
    if os.path.isdir(directory):
        return
    os.mkdir(directory)
    os.chmod(directory, 0o777)
    for index in range(BIG_DIRECTORY_ENTRIES):
        os.close(os.open(os.path.join(directory, f"entry{index:06d}.dat"),
                         os.O_CREAT | os.O_WRONLY, 0o666))


class List:
    def __call__(self, server):
        fill_big_directory(server)
        report, cpu_s = smbload(server, "--mix", "list", "--dir", "big", "--no-prepare", "--count",
                                "3", "--depth", "1")
        return Sample(1 / report["operations_per_second"], cpu_s)


class CreateMany:
    """New files in a directory that has many; they are taken away behind the server's back."""

    def __init__(self, count):
        self._count = count

    def __call__(self, server):
        fill_big_directory(server)
        report, cpu_s = smbload(server, "--mix", "create", "--dir", "big", "--no-prepare",
                                "--count", str(self._count), "--depth", "4")
        directory = os.path.join(server.path, "big")
        created = [name for name in os.listdir(directory) if not name.startswith("entry")]
        for name in created:
            os.unlink(os.path.join(directory, name))
        if len(created) != self._count:
            raise RuntimeError(f"{server.name} created {len(created)} files, not {self._count}")
        return Sample(report["operations_per_second"], cpu_s, work=self._count)


class IdleMemory:
    """Proportional set size that each idle, authenticated connection adds."""

    def __call__(self, server):
        before = server.pss_bytes()
        command = smbload_command(server, SHARE, "--mix", "idle", "--connections",
                                  str(IDLE_CONNECTIONS))
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True) as load:
            try:
                ready, _, _ = select.select([load.stdout], [], [], COMMAND_TIMEOUT_S)
                line = load.stdout.readline() if ready else "nothing in time"
                if line.strip() != "ready":
                    raise RuntimeError(f"smbload on {server.name}: {one_line(line)}")
                time.sleep(1)
                return Sample((server.pss_bytes() - before) / IDLE_CONNECTIONS)
            finally:
                load.kill()


ECHO_RATE = r"echo\[num/s=([0-9.]+)"
OPEN_RATE = r"open\[num/s=([0-9.]+)"
OPLOCK_RATE = r"([0-9.]+) ops/second"


def all_measures(source, seconds, created_files):
    # Memory comes first, while no server keeps what an earlier load made it allocate.
    measures = [Measure("idle-connection-pss", "KiB", True, IdleMemory(), pairs=1)]
    for mode, protection in (("plain", "off"), ("signed", "sign"), ("sealed", "encrypt")):
        measures.append(Measure(f"put-{mode}", "s", True, Put(source, protection)))
        measures.append(Measure(f"get-{mode}", "s", True, Get(source, protection)))
    measures += [
        Measure("bench.echo", "/s", False,
                Torture("smb2.bench.echo", ECHO_RATE, seconds, {"nprocs": 4, "qdepth": 4})),
        Measure("bench.path-contention-shared", "/s", False,
                Torture("smb2.bench.path-contention-shared", OPEN_RATE, seconds,
                        {"nprocs": 4, "qdepth": 1})),
        Measure("bench.path-contention-shared-one-connection", "/s", False,
                Torture("smb2.bench.path-contention-shared", OPEN_RATE, seconds,
                        {"nprocs": 1, "qdepth": 4})),
        Measure("bench.oplock1", "/s", False,
                Torture("smb2.bench.oplock1", OPLOCK_RATE, seconds, {"nprocs": 4}))]
    for connections in (1, 16):
        for delegation in ("on", "off"):
            suffix = "" if delegation == "on" else "-no-delegation"
            measures.append(Measure(f"opens-{connections}{suffix}", "/s", False,
                                    Opens(connections, seconds), delegation))
    measures += [Measure("list-100000", "s", True, List()),
                 Measure("create-in-100000", "/s", False, CreateMany(created_files),
                        pairs=1)]
    return measures
