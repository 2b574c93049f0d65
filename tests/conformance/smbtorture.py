"""Runs smbtorture and reads what it says: the suites, their leaves, and one result for each leaf.

A run is a `Part`: some leaves of one suite in one process, against a share that is emptied before.
Leaves that did not report, because their process hung or died, are run again one by one.
"""

import dataclasses
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from results import one_line, run  # noqa: E402

PASSED = "success"
LINE = re.compile(r"(?:.*?)(test|success|failure|error|skip|xfail): (smb2\..*?)( \[)?$")
TIME = re.compile(r"(?<!\n)(time: \d{4}-\d\d-\d\d )")


@dataclasses.dataclass
class Leaf:
    suite: str
    name: str
    result: str  # success, failure, error, skip, timeout or crash
    seconds: float
    reason: str


@dataclasses.dataclass
class Part:
    suite: str
    leaves: list
    timeout_s: float


def all_suites():
    _, output = run(["smbtorture", "--list-suites"])
    return [line.strip() for line in output.splitlines() if line.strip().startswith("smb2.")]


def leaves_of(suite):
    _, output = run(["smbtorture", "--list", suite])
    found = []
    for line in output.splitlines():
        name = line.strip().rpartition(".")[0]  # The list repeats the last part.
        if name == suite or name.startswith(suite + "."):
            found.append(name)
    return found


def parse_subunit(text):
    """Leaf name to (result, reason)."""
    found = {}
    lines = iter(TIME.sub(r"\n\1", text).splitlines())
    for line in lines:
        match = LINE.match(line)
        if not match or match.group(1) == "test":
            continue
        reason = []
        if match.group(3):
            for detail in lines:
                if detail == "]":
                    break
                reason.append(detail)
        found[match.group(2)] = (match.group(1), one_line(" ".join(reason)))
    return found


def run_limited(command, timeout_s):
    """Returns (output, whether it ended in time). A late program's own children end with it."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout_s)
        return output.decode(errors="replace"), True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        output, _ = process.communicate()
        return output.decode(errors="replace"), False


def empty_directory(path):
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


class SmbTorture:
    """`leaf_timeout_s` says how long a leaf may take that is run again alone."""

    def __init__(self, server, logs, options, leaf_timeout_s):
        self._server = server
        self._logs = logs
        self._options = options
        self._leaf_timeout_s = leaf_timeout_s
        self._shares = queue.Queue()
        for share in server.options.shares:
            self._shares.put(share)

    def run_part(self, part):
        """Returns its leaves, each with a result. Waits for a share that nobody uses."""
        share = self._shares.get()
        try:
            reported = self._run(share, part.suite, part.leaves, part.timeout_s)
            found = []
            for name in part.leaves:
                if name not in reported:
                    again = self._run(share, name, [], self._leaf_timeout_s(name))
                    reported[name] = again.get(name) or again[""]
                result, seconds, reason = reported[name]
                found.append(Leaf(part.suite, name, result, seconds, reason))
            return found
        finally:
            self._shares.put(share)

    # Leaf name to (result, seconds, reason); "" stands for a leaf that did not report.
    def _run(self, share, test, leaves, timeout_s):
        empty_directory(self._server.path(share))
        begin = time.monotonic()
        with tempfile.NamedTemporaryFile("w", prefix="torture-", suffix=".list") as chosen:
            chosen.write("".join(name + "\n" for name in leaves))
            chosen.flush()
            only = [f"--load-list={chosen.name}"] if leaves else []
            output, in_time = run_limited(
                ["smbtorture", self._server.unc(share), "-p", str(self._server.port), "-U",
                 self._server.credentials, "--fullname", "--format=subunit", *self._options,
                 *only, test], timeout_s)
        seconds = time.monotonic() - begin
        with open(os.path.join(self._logs, test + ".log"), "a", encoding="utf-8") as file:
            file.write(output)
        found = parse_subunit(output)
        results = {name: (result, seconds / len(found), reason)
                   for name, (result, reason) in found.items()}
        missing = "crash" if in_time else "timeout"
        results[""] = (missing, seconds, one_line(output[-200:]))
        return results
