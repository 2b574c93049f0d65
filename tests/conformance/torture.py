#!/usr/bin/env python3
"""smbtorture's smb2 suites against a whole group of daemons, judged leaf by leaf.

    torture.py [--all | --suites NAME,…|ci|state|core|ca] [--delegation on|off|random]
               [--no-waits] [--split SECONDS] [--parallel N] [--ca] [--block-transport]
               [--io-engine NAME] [--timeout SECONDS] [--record FILE] [--logs DIR]

A leaf that passes on Samba (samba_4_17.tsv) must pass here; with --ca one that passes here without
(results.tsv) must pass too. findings.txt says of leaves that fail why they do; one that fails
without a line there is an error with --all, one of known_fail.txt that passes always is.
Several parts run at a time (but ALONE), each against a share of its own. With --delegation random each suite
must have seen delegations recalled and given again while it ran. --block-transport runs one part
at a time in a network namespace where tests can cut connections (needs root and iptables), with the
server on port 445, which some tests expect.
"""

import argparse
import concurrent.futures
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results  # noqa: E402
from smbtorture import PASSED, Part, SmbTorture, all_suites, leaves_of  # noqa: E402

SUITES = {
    "ci": ("maxfid secleak dir compound_find timestamps create compound_async rename compound "
           "credits deny lock sharemode fileid getinfo delete-on-close-perms rw charset read "
           "connect tcon mkdir session-id mangle openattr winattr setinfo").split(),
    # About state: these must pass wherever the state is decided.
    "state": ("lease oplock notify create compound compound_async rename sharemode deny lock "
              "delete-on-close-perms").split(),
    "core": ("connect tcon read rw create compound compound_async lock sharemode getinfo "
             "rename dir").split(),
    # Those that persistent handles could change.
    "ca": "replay lease durable-v2-open durable-v2-delay lock session".split(),
}
# They wait to be interrupted, or measure instead of testing.
NOT_TESTS = ("smb2.hold-oplock", "smb2.hold-sharemode", "smb2.bench")
# They do little but wait, or repeat one thing for a fixed time: left out with --no-waits.
WAITS = ("smb2.notify.mask", "smb2.lease.timeout", "smb2.oplock.batch22a",
         "smb2.create.bench-path-contention-shared")
# It opens files until the server has no more descriptors, which others need meanwhile.
ALONE = ("smb2.maxfid",)
SLOW_TIMEOUTS_S = {"smb2.lease": 250, "smb2.replay": 330, "smb2.oplock": 200, "smb2.notify": 200,
                   "smb2.multichannel": 250}
# For a leaf that runs alone and does not pass on Samba: it is worth a look, not a wait.
NO_HOPE_TIMEOUT_S = 15
# Nothing but persistent handles lets it pass; elsewhere it is skipped.
PASS_WITH_CA = ("smb2.replay.replay5",)
NAMESPACE_MARK = "CONTINUO_TORTURE_NAMESPACE"


def read_table(name):
    """Leaf name to (result, seconds)."""
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        rows = (line.rstrip("\n").split("\t") for line in file if not line.startswith("#"))
        return {row[1]: (row[2], float(row[3])) for row in rows}


def read_reasons(name):
    """[(pattern of leaf names, reason)] in the file's order."""
    found = []
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        for line in file:
            pattern, _, reason = line.strip().partition(" ")
            if pattern and not pattern.startswith("#"):
                if not reason.strip():
                    raise ValueError(f"{name}: {pattern} has no reason")
                found.append((pattern, reason.strip()))
    return found


def reason_of(leaf_name, reasons):
    for pattern, reason in reasons:
        if fnmatch.fnmatchcase(leaf_name, pattern):
            return reason
    return ""


class Judge:
    """Compares leaves with Samba's results and with what is known of failures."""

    def __init__(self, results, arguments):
        self._results = results
        self._is_complete = arguments.all
        self._must_pass = set(PASS_WITH_CA) if arguments.ca else set()
        self.samba = read_table("samba_4_17.tsv")
        if arguments.block_transport:
            self.samba.update(read_table("samba_4_17_blocked.tsv"))
        self._must_pass |= {name for name, (result, _) in self.samba.items() if result == PASSED}
        if arguments.ca:
            self._must_pass |= {name for name, (result, _) in read_table("results.tsv").items()
                                if result == PASSED}
        self._known = read_reasons("known_fail.txt")
        self._findings = read_reasons("findings.txt")

    def may_pass(self, name):
        return name in self._must_pass or name not in self.samba

    def seconds_on_samba(self, name):
        return self.samba.get(name, ("", 0.0))[1]

    def finding(self, leaf):
        if leaf.result == PASSED:
            return ""
        return reason_of(leaf.name, self._known) or reason_of(leaf.name, self._findings)

    def judge(self, leaf):
        known = reason_of(leaf.name, self._known)
        finding = self.finding(leaf)
        if leaf.result == PASSED and known:
            self._results.not_ok(leaf.name, "passes although known_fail.txt lists it")
        elif leaf.result == PASSED:
            self._results.ok(leaf.name)
        elif known:
            self._results.skip(leaf.name, "known failure: " + known)
        elif leaf.name in self._must_pass:
            self._results.not_ok(leaf.name, f"{leaf.result}: {leaf.reason}")
        elif self._is_complete and leaf.result != "skip" and not finding:
            self._results.not_ok(leaf.name, f"findings.txt says nothing of it: {leaf.result}: "
                                            f"{leaf.reason}")
        else:
            samba = self.samba.get(leaf.name, ("nothing", 0))[0]
            self._results.skip(leaf.name, f"{leaf.result} here, {samba} on Samba: "
                                          f"{finding or leaf.reason}")


class Recalls:
    """Counts the recalls of delegations while parts of each suite ran."""

    def __init__(self, server):
        self._server = server
        self._lock = threading.Lock()
        self._of_suite = {}

    def count(self):
        code, output = self._server.ctl("delegation", "--json")
        if code != 0:
            raise RuntimeError(f"continuoctl delegation: {output}")
        answer = json.loads(output)
        return min(int(answer.get("recalls", 0)), int(answer.get("grants", 0)))

    def add(self, suite, recalls):
        with self._lock:
            self._of_suite[suite] = self._of_suite.get(suite, 0) + recalls

    def check(self, results):
        for suite, recalls in sorted(self._of_suite.items()):
            with results.test(f"{suite}: delegations were recalled and given while it ran"):
                if recalls < 2:
                    raise AssertionError(f"{recalls} recalls")
                print(f"# {suite}: {recalls} recalls")


def record(path, leaves, judge):
    with open(path, "w", encoding="utf-8") as file:
        file.write("#suite\ttest\tresult\tseconds\treason\tknown\n")
        for leaf in sorted(leaves, key=lambda leaf: (leaf.suite, leaf.name)):
            reason = leaf.reason.replace("\t", " ")
            file.write(f"{leaf.suite}\t{leaf.name}\t{leaf.result}\t{leaf.seconds:.2f}\t{reason}\t"
                       f"{judge.finding(leaf)}\n")


def chosen_suites(arguments):
    if arguments.all:
        return [name for name in all_suites() if name not in NOT_TESTS]
    names = SUITES.get(arguments.suites) or arguments.suites.split(",")
    return [name if name.startswith("smb2.") else "smb2." + name for name in names]


def plan(arguments, judge):
    """The parts to run, longest first: a suite each, or several of at most --split seconds."""
    parts = []
    for suite in chosen_suites(arguments):
        timeout_s = max(arguments.timeout, SLOW_TIMEOUTS_S.get(suite, 0))
        names = [name for name in leaves_of(suite)
                 if not (arguments.no_waits and name in WAITS)]
        seconds = 0.0
        part = Part(suite, [], timeout_s)
        for name in names:
            takes = judge.seconds_on_samba(name)
            if arguments.split and part.leaves and seconds + takes > arguments.split:
                parts.append((seconds, part))
                part, seconds = Part(suite, [], timeout_s), 0.0
            part.leaves.append(name)
            seconds += takes
        parts.append((seconds, part))
    for _, part in parts:
        if not any(judge.may_pass(name) for name in part.leaves):
            part.timeout_s = NO_HOPE_TIMEOUT_S
    return [part for _, part in sorted(parts, key=lambda entry: -entry[0])]


def server_options(arguments, directory):
    # Some sessions are authenticated again as nobody, which Samba allows by default.
    global_lines, share_lines = ["null_session_access = true"], []
    if arguments.delegation == "random":
        global_lines.append("delegation_recall_interval = 10ms")
    if arguments.ca:
        global_lines += ["ca = true", f"ca_path = {directory}"]
        share_lines.append("ca = true")
    port = 445 if arguments.block_transport else 0
    return ServerOptions(port=port, delegation=arguments.delegation, io_engine=arguments.io_engine,
                         shares=tuple(f"data{i + 1}" for i in range(arguments.parallel)),
                         global_lines=tuple(global_lines), share_lines=tuple(share_lines))


def run_all(arguments, server, results, judge):
    leaf_timeout_s = {}
    for part in (parts := plan(arguments, judge)):
        for name in part.leaves:
            leaf_timeout_s[name] = part.timeout_s if judge.may_pass(name) else NO_HOPE_TIMEOUT_S
    options = ["--option=torture:use_iptables=yes"] if arguments.block_transport else []
    torture = SmbTorture(server, arguments.logs, options, leaf_timeout_s.get)
    recalls = Recalls(server) if arguments.delegation == "random" else None
    lock = threading.Lock()
    leaves = []

    def run_one(part):
        begin = time.monotonic()
        recalled = recalls.count() if recalls else 0
        found = torture.run_part(part)
        if recalls:
            recalls.add(part.suite, recalls.count() - recalled)
        with lock:
            leaves.extend(found)
            for leaf in found:
                judge.judge(leaf)
            print(f"# {part.suite}: {len(found)} leaves in {time.monotonic() - begin:.1f} s",
                  flush=True)

    for part in (part for part in parts if part.suite in ALONE):
        run_one(part)
    with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
        for done in [pool.submit(run_one, part) for part in parts if part.suite not in ALONE]:
            done.result()
    if recalls:
        recalls.check(results)
    return leaves


def enter_namespace():
    """Runs this program again in a network namespace with nothing but a loopback."""
    os.environ[NAMESPACE_MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", "--", sys.executable, *sys.argv])


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--all", action="store_true", help="every suite of smb2")
    parser.add_argument("--suites", default="ci", help="ci, state, core, ca, or names with commas")
    parser.add_argument("--delegation", default="on", choices=("on", "off", "random"))
    parser.add_argument("--no-waits", action="store_true", help="without leaves that merely wait")
    parser.add_argument("--split", type=float, default=0, metavar="SECONDS",
                        help="run a longer suite as several parts")
    parser.add_argument("--parallel", type=int, default=2, help="parts at a time")
    parser.add_argument("--ca", action="store_true", help="shares with persistent handles")
    parser.add_argument("--block-transport", action="store_true", help="let tests cut connections")
    parser.add_argument("--io-engine", default="auto", choices=("auto", "io_uring", "epoll"))
    parser.add_argument("--timeout", type=int, default=120, help="seconds for one part")
    parser.add_argument("--record", default="", help="file for the results of each leaf")
    parser.add_argument("--logs", default="", help="directory for what smbtorture says")
    parser.add_argument("--prefix", default="", help="put before each name")
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if arguments.block_transport:
        if NAMESPACE_MARK not in os.environ:
            enter_namespace()
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        arguments.parallel = 1  # The tests share one chain of iptables.
    results = Results(arguments.prefix)
    judge = Judge(results, arguments)
    scratch = tempfile.mkdtemp(prefix="continuo-torture-", dir="/var/tmp")
    arguments.logs = arguments.logs or os.path.join(scratch, "logs")
    shutil.rmtree(arguments.logs, ignore_errors=True)
    os.makedirs(arguments.logs)
    ca_path = os.path.join(scratch, "ca")
    os.mkdir(ca_path, mode=0o700)
    leaves = []
    try:
        with results.test("the group survives the suites"), \
                ContinuoServer(server_options(arguments, ca_path)) as server:
            leaves = run_all(arguments, server, results, judge)
            if server.process.poll() is not None:
                raise RuntimeError(f"the group ended with {server.process.returncode}: "
                                   f"{server.log_tail(40)}")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if arguments.record:
        record(arguments.record, leaves, judge)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
