"""A whole group of Continuo's daemons for one test.

    with ContinuoServer(options) as server:
        run(["smbclient", f"//{server.address}/data", "-p", str(server.port), …])

Everything lives in one short temporary directory: sockets, configuration, users, shares. start()
returns once `continuoctl status --wait` says that all daemons serve; stop() drains the group,
proves that no process of it is left, and removes the directory. As a program it serves until
SIGTERM or Ctrl-C:

    continuo_server.py [--delegation on|off|random] [--port N] [--line 'KEY = VALUE']…
"""

import argparse
import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import processes  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
READY_TIMEOUT_S = 30
STOP_TIMEOUT_S = 20
DAEMONS = ("auth-service", "fsa-state-service", "ca-store-service", "tickle-service",
           "smb-frontend")


@dataclasses.dataclass
class ServerOptions:
    delegation: str = "on"                  # on, off or random
    io_engine: str = "auto"                 # auto, io_uring or epoll
    address: str = "127.0.0.1"
    port: int = 0                           # 0: a free one
    shares: tuple = ("data", "data2")
    share_lines: tuple = ()                 # more lines of each share's block
    lines_of: dict = dataclasses.field(default_factory=dict)  # share: more lines of its block
    global_lines: tuple = ()                # more lines of the global block
    user: str = "tester"
    password: str = "Pass-word-1"
    users: dict = dataclasses.field(default_factory=dict)  # more users: name to password
    supervisor_arguments: tuple = ()
    keep: bool = False                      # leave the directory in place


def build_directory():
    return os.environ.get("CONTINUO_BUILD", os.path.join(ROOT, "build"))


def free_port(address):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class ContinuoServer:
    def __init__(self, options=None):
        self.options = options or ServerOptions()
        self.bin = os.path.join(build_directory(), "bin")
        self.directory = tempfile.mkdtemp(prefix="ct-", dir="/var/tmp")
        os.chmod(self.directory, 0o755)
        self.run_dir = os.path.join(self.directory, "run")
        self.config = os.path.join(self.directory, "tsmb.conf")
        self.log = os.path.join(self.directory, "log")
        self.address = self.options.address
        self.port = self.options.port or free_port("127.0.0.1")
        self.user = self.options.user
        self.password = self.options.password
        self.process = None
        self._group = set()

    # Where the server keeps share `name`.
    def path(self, name="data"):
        return os.path.join(self.directory, name)

    @property
    def credentials(self):
        return f"{self.user}%{self.password}"

    def unc(self, name="data"):
        return f"//{self.address}/{name}"

    def write_config(self):
        options = self.options
        state = os.path.join(self.directory, "state")
        os.makedirs(state, mode=0o700, exist_ok=True)
        os.makedirs(self.run_dir, mode=0o750, exist_ok=True)
        lines = ["[global]", "server_name = continuo", "userdb_type = text",
                 f"userdb_file = {state}/users.db", f"privilegedb = {state}/privileges.db",
                 f"runstate_dir = {state}", "metrics_listen = off",
                 f"listen = ANY,{self.address},IPv4,{self.port},DIRECT_TCP",
                 f"delegation = {options.delegation}", f"io_engine = {options.io_engine}",
                 *options.global_lines, "[/global]"]
        for share in options.shares:
            os.makedirs(self.path(share), exist_ok=True)
            os.chmod(self.path(share), 0o777)
            lines += ["[share]", f"netname = {share}", f"path = {self.path(share)}",
                      "permissions = authenticatedusers:full", *options.share_lines,
                      *options.lines_of.get(share, ()), "[/share]"]
        with open(self.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def ctl(self, *arguments, stdin=None, timeout_s=60):
        """Runs continuoctl; returns (exit code, output)."""
        done = subprocess.run([os.path.join(self.bin, "continuoctl"), "--run-dir", self.run_dir,
                               "--config", self.config, *arguments],
                              input=stdin if stdin is not None else "", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout_s, check=False)
        return done.returncode, done.stdout

    def add_user(self, name, password):
        code, output = self.ctl("user", "add", "--update", name, stdin=password + "\n")
        if code != 0:
            raise RuntimeError(f"user {name} was not added: {output}")

    def environment(self):
        """Of the daemons; None: ours."""
        return None

    def launch(self):
        """Starts the supervisor and waits for nothing."""
        command = [os.path.join(self.bin, "watchdog-supervisor"), "--config", self.config,
                   "--run-dir", self.run_dir, *self.options.supervisor_arguments]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True,
                                            env=self.environment())

    def start(self):
        self.write_config()
        self.add_user(self.user, self.password)
        for name, password in self.options.users.items():
            self.add_user(name, password)
        self.launch()
        self.wait_ready()
        return self

    def wait_ready(self):
        give_up = time.monotonic() + READY_TIMEOUT_S
        while True:
            code, output = self.ctl("status", "--quiet", "--wait", "1")
            if code == 0:
                break
            if self.process.poll() is not None:
                raise RuntimeError(f"the group ended with {self.process.returncode}: "
                                   f"{self.log_tail()}")
            if time.monotonic() > give_up:
                raise RuntimeError(f"not ready after {READY_TIMEOUT_S} s: {output} "
                                   f"{self.log_tail()}")
        self._group = set(self.group())

    def group(self):
        """Ids of all processes of the group: guard, supervisor, daemons."""
        if self.process is None:
            return []
        return [self.process.pid, *processes.descendants(self.process.pid)]

    def pid_of(self, daemon):
        """Process id of a daemon. With a guard there are two supervisors: this is the inner."""
        found = [pid for pid in self.group() if processes.name_of(pid) == daemon]
        if daemon == "watchdog-supervisor":
            found = found[1:] or found
        if not found:
            raise RuntimeError(f"{daemon} does not run")
        return found[0]

    def log_text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def log_tail(self, lines=20):
        return "\n".join(self.log_text().splitlines()[-lines:])

    def left_over(self):
        """Processes of this group that still live, whoever their parent is now."""
        alive = {pid for pid in self._group if processes.is_alive(pid) and
                 processes.name_of(pid) in (*DAEMONS, "watchdog-supervisor")}
        return sorted(alive | set(processes.mentioning(self.run_dir)))

    def stop(self):
        """Drains the group; raises when it did not end by itself or left a process behind."""
        problem = self._end_group() if self.process is not None else None
        left = self.left_over()
        processes.kill_all(left)
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        if problem:
            raise RuntimeError(problem)
        if left:
            raise RuntimeError(f"processes were left: {left}")

    def _end_group(self):
        self._group |= set(self.group())
        if self.process.poll() is not None:
            return None
        processes.send(self.process.pid, signal.SIGTERM)
        try:
            code = self.process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            processes.kill_all(self.group())
            self.process.wait()
            return f"the group did not end within {STOP_TIMEOUT_S} s: {self.log_tail()}"
        return None if code == 0 else f"the group ended with {code}: {self.log_tail()}"

    def crash(self):
        """Kills the whole group at once, as a node's death does; what was told to clients stays."""
        known = {pid: processes.start_of(pid) for pid in self._group | set(self.group())}
        processes.kill_all(self.group())
        self.process.wait()

        def has_ended(pid):
            return processes.start_of(pid) != known[pid] or processes.has_ended(pid)
        if not processes.wait_until(lambda: not self.left_over() and all(map(has_ended, known)),
                                    STOP_TIMEOUT_S):
            raise RuntimeError(f"killed processes are still there: {self.left_over()}")

    def start_again(self):
        """After a crash, on the same directories; returns when it serves."""
        self.launch()
        self.wait_ready()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.abandon()
            raise

    def abandon(self):
        """Ends everything at once, without a word about how it went."""
        if self.process is not None:
            self._group |= set(self.group())
            processes.kill_all(self._group)
            self.process.wait()
        processes.kill_all(self.left_over())
        if not self.options.keep:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __exit__(self, kind, value, trace):
        if kind is None:
            self.stop()
        else:
            print(self.log_tail(40))
            self.abandon()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--delegation", default="on", choices=("on", "off", "random"))
    parser.add_argument("--io-engine", default="auto", choices=("auto", "io_uring", "epoll"))
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--address", default="127.0.0.1")
    parser.add_argument("--line", action="append", default=[], help="of the global block")
    arguments = parser.parse_args()
    stopping = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.append(1))
    options = ServerOptions(delegation=arguments.delegation, io_engine=arguments.io_engine,
                            port=arguments.port, address=arguments.address,
                            global_lines=tuple(arguments.line))
    with ContinuoServer(options) as server:
        print(f"port={server.port} run_dir={server.run_dir} user={server.credentials} "
              f"share={server.path()} log={server.log}", flush=True)
        while not stopping and server.process.poll() is None:
            time.sleep(0.1)


if __name__ == "__main__":
    main()
