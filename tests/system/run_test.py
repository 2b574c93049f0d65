#!/usr/bin/python3
"""tools/run as a person uses it: what it prints is copied and works, Ctrl-C leaves nothing, it works
again, two instances live side by side, and what it cannot do it says.

Runs in a network namespace of its own (the stage makes it), so that port 445 is free and nobody
outside reaches it."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import processes  # noqa: E402
from continuo_server import DAEMONS, ROOT  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

RUN = os.path.join(ROOT, "tools", "run")
READY_TIMEOUT_S = 60
END_TIMEOUT_S = 20


class Instance:
    """One `tools/run` and what it has printed so far."""

    def __init__(self, directory, *arguments):
        self.run_dir = os.path.join(directory, "run")
        self.output_path = os.path.join(directory, "output")
        os.makedirs(directory, exist_ok=True)
        with open(self.output_path, "wb") as output:
            self.process = subprocess.Popen([RUN, "--run-dir", self.run_dir, *arguments],
                                            stdin=subprocess.DEVNULL, stdout=output,
                                            stderr=subprocess.STDOUT, start_new_session=True)

    def output(self):
        with open(self.output_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait_ready(self):
        def is_over():
            return "Ctrl-C ends it." in self.output() or self.process.poll() is not None
        check(processes.wait_until(is_over, READY_TIMEOUT_S), f"not ready: {self.output()}")
        check(self.process.poll() is None, f"it ended: {self.output()}")
        return self

    def line(self, what):
        """The command after the word `what`, as a person would copy it."""
        found = re.search(rf"^  {what} +(.*)$", self.output(), re.MULTILINE)
        check(found, f"no line {what} in {self.output()}")
        return shlex.split(found.group(1))

    def members(self):
        return processes.descendants(self.process.pid)

    def interrupt(self):
        """Ctrl-C: the terminal sends SIGINT to every process of the foreground group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(timeout=END_TIMEOUT_S)

    def abandon(self):
        if self.process.poll() is None:
            processes.kill_all([self.process.pid, *self.members()])
            self.process.wait()
        processes.kill_all(processes.mentioning(self.run_dir))


def smbclient(instance, commands):
    return run([*instance.line("smbclient"), "-c", commands])


def test_one(results, directory, stack):
    share = os.path.join(directory, "docs")
    os.makedirs(share, exist_ok=True)
    os.chmod(share, 0o777)
    for attempt in ("first", "second"):
        instance = Instance(os.path.join(directory, "one"), "--share", f"docs={share}",
                            "--user", "alice%Wonder land-1")
        stack.append(instance)
        with results.test(f"{attempt} start: the six daemons serve"):
            instance.wait_ready()
            names = {processes.name_of(pid) for pid in instance.members()}
            check(set(DAEMONS) <= names, f"only {names} run")
        with results.test(f"{attempt} start: the smbclient line works as printed"):
            code, output = smbclient(instance, f"put /etc/hostname {attempt}; ls")
            check_equal(code, 0, f"exit code ({output})")
            check(os.path.exists(os.path.join(share, attempt)), "the file is not in the directory")
        with results.test(f"{attempt} start: the lines for grpcurl and continuoctl are true"):
            check(os.path.exists(instance.line("grpcurl")[3]), "no such socket")
            check_equal(run(instance.line("continuoctl"))[0], 0, "exit code of continuoctl status")
        with results.test(f"{attempt} start: Ctrl-C ends every daemon"):
            check_equal(instance.interrupt(), 0, f"exit code ({instance.output()})")
            check_equal(processes.mentioning(instance.run_dir), [], "processes left")


def test_without_options(results, directory, stack):
    one = Instance(os.path.join(directory, "default"))
    stack.append(one)
    with results.test("without options: port 445, a share and a user of its own"):
        one.wait_ready()
        check("Continuo serves on port 445: demo" in one.output(), one.output())
        password = re.search(r"user demo, password (\S{20,})", one.output())
        check(password, "no random password")
        code, output = smbclient(one, "mkdir d; ls; rmdir d")
        check_equal(code, 0, f"exit code ({output})")
    two = Instance(os.path.join(directory, "beside"))
    stack.append(two)
    with results.test("a second instance names the next free port and another password"):
        two.wait_ready()
        check("port 445 is taken; serving on port 446" in two.output(), two.output())
        check(password.group(1) not in two.output(), "the password is the same")
        check_equal(smbclient(two, "ls")[0], 0, "exit code of smbclient")
    with results.test("a third on the same directory is refused"):
        third = Instance(os.path.join(directory, "default"))
        stack.append(third)
        check_equal(third.process.wait(timeout=READY_TIMEOUT_S), 1, "exit code")
        check("another instance uses" in third.output(), third.output())
    with results.test("the end of one leaves the other"):
        check_equal(one.interrupt(), 0, "exit code")
        check_equal(smbclient(two, "ls")[0], 0, "exit code of smbclient")
        check_equal(two.interrupt(), 0, "exit code")
    for run_dir in (one.run_dir, two.run_dir):
        shutil.rmtree("/srv/continuo/demo" + run_dir.replace("/", "-"), ignore_errors=True)


def test_config(results, directory, stack):
    share = os.path.join(directory, "docs")
    config = os.path.join(directory, "mine.conf")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f"[global]\nuserdb_type = text\nuserdb_file = {directory}/users.db\n"
                   f"privilegedb = {directory}/privileges.db\nrunstate_dir = {directory}\n"
                   "listen = ANY,127.0.0.1,IPv4,4455,DIRECT_TCP\nmetrics_listen = off\n[/global]\n"
                   f"[share]\nnetname = Mine\npath = {share}\n"
                   "permissions = authenticatedusers:full\n[/share]\n")
    with open(config, "rb") as file:
        before = file.read()
    instance = Instance(os.path.join(directory, "three"), "--config", config, "--user", "bob%secret")
    stack.append(instance)
    with results.test("--config is used as it is"):
        instance.wait_ready()
        check("Continuo serves on port 4455: Mine" in instance.output(), instance.output())
        check_equal(smbclient(instance, "ls")[0], 0, "exit code of smbclient")
        with open(config, "rb") as file:
            check_equal(file.read(), before, "the file")
        check_equal(instance.interrupt(), 0, "exit code")


def test_refusals(results, directory):
    cases = {
        "an unknown option": (["--frobnicate"], 2, "unknown argument --frobnicate"),
        "a share without a directory": (["--share", "x=/does/not/exist"], 1, "not a directory"),
        "a share without a name": (["--share", "/srv"], 2, "NAME=DIR"),
        "a user without a password": (["--user", "alice"], 2, "NAME%PASSWORD"),
        "a port that is none": (["--port", "99999"], 2, "1 to 65535"),
        "a configuration that is not there": (["--config", "/does/not/exist"], 1, "cannot be read"),
    }
    for name, (arguments, wanted, text) in cases.items():
        with results.test(f"refuses {name} and says so"):
            code, output = run([RUN, "--run-dir", os.path.join(directory, "refused"), *arguments])
            check_equal(code, wanted, f"exit code ({output})")
            check(text in output, output)
    with results.test("refuses a configuration with an error and names its line"):
        config = os.path.join(directory, "bad.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write("[global]\nuserdb_type = nonsense\n[/global]\n")
        code, output = run([RUN, "--run-dir", os.path.join(directory, "refused"), "--config", config])
        check_equal(code, 78, f"exit code ({output})")
        check("bad.conf:2" in output and "userdb_type" in output, output)


def main():
    results = Results("tools/run:")
    directory = tempfile.mkdtemp(prefix="ct-", dir="/var/tmp")
    os.chmod(directory, 0o755)
    instances = []
    try:
        test_one(results, directory, instances)
        test_without_options(results, directory, instances)
        test_config(results, directory, instances)
        test_refusals(results, directory)
    finally:
        for instance in instances:
            instance.abandon()
        shutil.rmtree(directory, ignore_errors=True)
    sys.exit(results.exit_code())


if __name__ == "__main__":
    main()
