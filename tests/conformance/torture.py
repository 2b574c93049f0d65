#!/usr/bin/env python3
"""smbtorture's smb2 suites against a whole group of daemons, judged leaf by leaf.

    torture.py [--all | --suites A,B,…] [--delegation on|off|random] [--io-engine NAME]
               [--timeout SECONDS] [--record FILE] [--logs DIR]

A leaf that passes on Samba (samba_4_17.tsv) must pass here. known_fail.txt lists leaves that fail,
each with a reason; a listed leaf that passes is an error, so that the list stays true. Leaves that
did not report, because their suite hung or died, are run again one by one. Two suites run at a
time, each against a share of its own. Without --suites: those of CI; --all is the nightly run,
whose results --record keeps (tests/conformance/results.tsv).
"""

import argparse
import concurrent.futures
import dataclasses
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, one_line, run  # noqa: E402

CI_SUITES = ("maxfid secleak dir compound_find timestamps create compound_async rename compound "
             "credits deny lock sharemode fileid getinfo delete-on-close-perms rw charset read "
             "connect tcon mkdir session-id mangle openattr winattr setinfo").split()
# Suites about state, which must pass wherever the state is decided.
STATE_SUITES = ("oplock lease notify create compound rename sharemode deny lock "
                "delete-on-close-perms").split()
CORE_SUITES = ("connect tcon read rw create compound compound_async lock sharemode getinfo "
               "rename dir").split()
# They wait to be interrupted, or measure instead of testing.
NOT_TESTS = ("smb2.hold-oplock", "smb2.hold-sharemode", "smb2.bench")
SLOW_TIMEOUTS_S = {"smb2.lease": 250, "smb2.replay": 250, "smb2.oplock": 200, "smb2.notify": 200}
# For a leaf that runs alone and does not pass on Samba: it is worth a look, not a wait.
NO_HOPE_TIMEOUT_S = 15
PARALLEL = 2

PASSED = "success"
LINE = re.compile(r"(?:.*?)(test|success|failure|error|skip|xfail): (smb2\..*?)( \[)?$")
TIME = re.compile(r"(?<!\n)(time: \d{4}-\d\d-\d\d )")


@dataclasses.dataclass
class Leaf:
    suite: str
    name: str
    result: str
    seconds: float
    reason: str


def read_reference():
    """Leaf name to Samba's result."""
    with open(os.path.join(HERE, "samba_4_17.tsv"), encoding="utf-8") as file:
        rows = (line.rstrip("\n").split("\t") for line in file if not line.startswith("#"))
        return {row[1]: row[2] for row in rows}


def read_known_failures():
    """Leaf name to the reason why it fails."""
    found = {}
    with open(os.path.join(HERE, "known_fail.txt"), encoding="utf-8") as file:
        for line in file:
            name, _, reason = line.strip().partition(" ")
            if name and not name.startswith("#"):
                if not reason.strip():
                    raise ValueError(f"known_fail.txt: {name} has no reason")
                found[name] = reason.strip()
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


def empty_directory(path):
    for entry in os.scandir(path):
        if entry.is_dir(follow_symlinks=False):
            shutil.rmtree(entry.path, ignore_errors=True)
        else:
            os.unlink(entry.path)


class Torture:
    def __init__(self, server, logs, timeout_s):
        self._server = server
        self._logs = logs
        self._timeout_s = timeout_s
        self._reference = read_reference()
        self._shares = queue.Queue()
        for share in server.options.shares:
            self._shares.put(share)

    def _timeout_of(self, test):
        if self._reference.get(test, PASSED) != PASSED:
            return NO_HOPE_TIMEOUT_S
        suite = ".".join(test.split(".")[:2])
        return max(self._timeout_s, SLOW_TIMEOUTS_S.get(suite, 0))

    def _smbtorture(self, share, test):
        empty_directory(self._server.path(share))
        timeout_s = self._timeout_of(test)
        begin = time.monotonic()
        output, in_time = run_limited(
            ["smbtorture", self._server.unc(share), "-p", str(self._server.port), "-U",
             self._server.credentials, "--fullname", "--format=subunit", test], timeout_s)
        with open(os.path.join(self._logs, test + ".log"), "w", encoding="utf-8") as file:
            file.write(output)
        return output, in_time, time.monotonic() - begin

    def run_suite(self, suite):
        """Returns its leaves, each with a result."""
        share = self._shares.get()
        try:
            output, _, seconds = self._smbtorture(share, suite)
            reported = parse_subunit(output)
            leaves = [Leaf(suite, name, result, seconds / max(1, len(reported)), reason)
                      for name, (result, reason) in reported.items()]
            for name in leaves_of(suite):
                if name not in reported:
                    leaves.append(self._run_alone(share, suite, name))
            return leaves
        finally:
            self._shares.put(share)

    def _run_alone(self, share, suite, name):
        output, in_time, seconds = self._smbtorture(share, name)
        result, reason = parse_subunit(output).get(
            name, ("crash" if in_time else "timeout", output[-200:]))
        return Leaf(suite, name, result, seconds, one_line(reason))


class Judge:
    """Compares leaves with Samba's results and with the list of known failures."""

    def __init__(self, results):
        self._results = results
        self._reference = read_reference()
        self._known = read_known_failures()

    def judge(self, leaf):
        passed = leaf.result == PASSED
        if leaf.name in self._known:
            if passed:
                self._results.not_ok(leaf.name, "passes although known_fail.txt lists it")
            else:
                self._results.skip(leaf.name, "known failure: " + self._known[leaf.name])
        elif passed:
            self._results.ok(leaf.name)
        elif self._reference.get(leaf.name) == PASSED:
            self._results.not_ok(leaf.name, f"{leaf.result}: {leaf.reason}")
        else:
            samba = self._reference.get(leaf.name, "nothing")
            self._results.skip(leaf.name, f"{leaf.result} here, {samba} on Samba: {leaf.reason}")


def record(path, leaves):
    with open(path, "w", encoding="utf-8") as file:
        file.write("#suite\ttest\tresult\tseconds\treason\n")
        for leaf in sorted(leaves, key=lambda leaf: (leaf.suite, leaf.name)):
            reason = leaf.reason.replace("\t", " ")
            file.write(f"{leaf.suite}\t{leaf.name}\t{leaf.result}\t{leaf.seconds:.2f}\t{reason}\n")


def chosen_suites(arguments):
    if arguments.all:
        return [name for name in all_suites() if name not in NOT_TESTS]
    named = {"ci": CI_SUITES, "state": STATE_SUITES, "core": CORE_SUITES}
    names = named.get(arguments.suites) or arguments.suites.split(",")
    return [name if name.startswith("smb2.") else "smb2." + name for name in names]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--all", action="store_true", help="every suite of smb2")
    parser.add_argument("--suites", default="ci", help="ci, state, core, or names with commas")
    parser.add_argument("--delegation", default="on", choices=("on", "off", "random"))
    parser.add_argument("--io-engine", default="auto", choices=("auto", "io_uring", "epoll"))
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one suite")
    parser.add_argument("--record", default="", help="file for the results of each leaf")
    parser.add_argument("--logs", default="", help="directory for what smbtorture says")
    parser.add_argument("--prefix", default="", help="put before each name")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    results = Results(arguments.prefix)
    judge = Judge(results)
    logs = arguments.logs or tempfile.mkdtemp(prefix="continuo-torture-")
    os.makedirs(logs, exist_ok=True)
    lock = threading.Lock()
    leaves = []
    options = ServerOptions(delegation=arguments.delegation, io_engine=arguments.io_engine,
                            shares=tuple(f"data{i + 1}" for i in range(PARALLEL)))
    with results.test("the group survives the suites"), ContinuoServer(options) as server:
        torture = Torture(server, logs, arguments.timeout)

        def run_one(suite):
            begin = time.monotonic()
            found = torture.run_suite(suite)
            with lock:
                leaves.extend(found)
                for leaf in found:
                    judge.judge(leaf)
                print(f"# {suite}: {len(found)} leaves in {time.monotonic() - begin:.1f} s",
                      flush=True)

        with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
            for done in [pool.submit(run_one, suite) for suite in chosen_suites(arguments)]:
                done.result()
        if server.process.poll() is not None:
            raise RuntimeError(f"the group ended with {server.process.returncode}: "
                               f"{server.log_tail(40)}")
    if arguments.record:
        record(arguments.record, leaves)
    if not arguments.logs:
        shutil.rmtree(logs, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
