#!/usr/bin/env python3
"""The Linux kernel's SMB client, in a guest, against a whole group of daemons.

    kernel_client_test.py [--long]

1. Namespaces of its own for network, mounts and processes: all that is started ends with it.
2. A bridge and a tap; the group listens there on port 445.
3. A guest (guest.sh) on the tap mounts the share in many ways and works on it (scenario.sh), which
   prints the result lines.

--long is the nightly form: more operations, rows and files.
"""

import argparse
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

SERVER_ADDRESSES = ("10.99.0.1", "10.99.0.3")
GUEST_ADDRESS = "10.99.0.2/24"
TAP = "tap0"
SOURCES = 12
INSIDE = "CONTINUO_KERNEL_TEST_INSIDE"
SHORT = {"operations": 10000, "sealed_operations": 5000, "rows": 50, "small_files": 10000,
         "limit_s": 600}
LONG = {"operations": 100000, "sealed_operations": 20000, "rows": 500, "small_files": 10000,
        "limit_s": 7200}


def set_up_network():
    """A bridge that has the server's addresses, and one tap for the guest."""
    def ip(*arguments):
        code, output = run(["ip", *arguments])
        check_equal(code, 0, f"ip {' '.join(arguments)} ({output.strip()})")

    ip("link", "set", "lo", "up")
    ip("link", "add", "br0", "type", "bridge")
    ip("tuntap", "add", TAP, "mode", "tap")
    ip("link", "set", TAP, "master", "br0", "up")
    ip("link", "set", "br0", "up")
    for address in SERVER_ADDRESSES:
        ip("addr", "add", address + "/24", "dev", "br0")
    # User-Mode Linux drops frames that are larger than its MTU.
    for device in ("br0", TAP):
        ip("link", "set", "dev", device, "gso_max_segs", "1")


def add_file(archive, name, text):
    data = text.encode()
    entry = tarfile.TarInfo("project/" + name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def make_project(path):
    """A small C project: a program of several sources whose output is known."""
    numbers = [random.randrange(1000) for _ in range(SOURCES)]
    objects = " ".join(f"part{i}.o" for i in range(SOURCES))
    declarations = "".join(f"int part{i}(int value);\n" for i in range(SOURCES))
    calls = "".join(f"  value = part{i}(value);\n" for i in range(SOURCES))
    with tarfile.open(path, "w") as archive:
        add_file(archive, "parts.h", "#pragma once\n" + declarations)
        for i, number in enumerate(numbers):
            add_file(archive, f"part{i}.c",
                     f'#include "parts.h"\nint part{i}(int value) {{ return value + {number}; }}\n')
        add_file(archive, "main.c", '#include <stdio.h>\n#include "parts.h"\nint main(void) {\n'
                 f'  int value = 0;\n{calls}  printf("%d\\n", value);\n  return 0;\n}}\n')
        add_file(archive, "Makefile", f"program: main.o {objects}\n\t$(CC) -o $@ $^\n"
                 "%.o: %.c parts.h\n\t$(CC) -c -o $@ $<\n")
        add_file(archive, "wanted", f"{sum(numbers)}\n")


def make_job(directory, server, size, seed):
    shutil.copy(os.path.join(HERE, "scenario.sh"), os.path.join(directory, "script"))
    make_project(os.path.join(directory, "project.tar"))
    code, output = run(["gcc", "-O2", "-static", "-Wall", "-Wextra", "-Werror", "-o",
                        os.path.join(directory, "exerciser"),
                        os.path.join(HERE, "exerciser.c")])
    check_equal(code, 0, f"gcc ({output})")
    with open(os.path.join(directory, "settings"), "w", encoding="utf-8") as file:
        file.write(f"server={SERVER_ADDRESSES[0]}\nshare=data\n"
                   f"credentials='username={server.user},password={server.password}'\n"
                   f"seed={seed}\noperations={size['operations']}\n"
                   f"sealed_operations={size['sealed_operations']}\n"
                   f"rows={size['rows']}\nsmall_files={size['small_files']}\n")


def run_guest(command):
    """Returns the exit code. Whatever happens here, the guest and what runs it are gone after."""
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        return guest.wait()
    finally:
        if guest.poll() is None:
            os.killpg(guest.pid, signal.SIGKILL)
            guest.wait()


def enter_namespaces():
    """Starts this program anew as the first process of namespaces that end with it."""
    os.environ[INSIDE] = "1"
    os.execvp("unshare", ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc",
                          "--kill-child=KILL", sys.executable, os.path.abspath(__file__),
                          *sys.argv[1:]])


def serve_guest(size, seed, job):
    set_up_network()
    options = ServerOptions(address="0.0.0.0", port=445)
    with ContinuoServer(options) as server:
        make_job(job, server, size, seed)
        code = run_guest([os.path.join(HERE, "guest.sh"), TAP, GUEST_ADDRESS,
                          str(size["limit_s"]), job])
        check(code in (0, 1), f"the guest ended with {code}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--long", action="store_true", help="the nightly form")
    arguments = parser.parse_args()
    if INSIDE not in os.environ:
        enter_namespaces()
    size = LONG if arguments.long else SHORT
    seed = int(os.environ.get("CONTINUO_SEED", random.randrange(1 << 31)))
    print(f"# CONTINUO_SEED={seed}", flush=True)
    random.seed(seed)
    results = Results("kernel")
    scratch = tempfile.mkdtemp(prefix="continuo-kernel-")
    job = os.path.join(scratch, "job")
    os.mkdir(job)
    try:
        with results.test("the group serves the guest and leaves nothing"):
            serve_guest(size, seed, job)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
