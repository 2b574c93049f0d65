"""A group of daemons as one node of a cluster: a directory and a name of its own, and what the nodes
share in one directory.

    node = Node(shared, name="n1")
    node.keys["ca"] = "true"
    node.serve(); …; node.remove()
"""

import os
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from processes import send, wait_until  # noqa: E402
from results import check  # noqa: E402

ENDED_IN_S = 20


class _NamedServer(ContinuoServer):
    """Runs the group and continuoctl on a host of that name (a UTS namespace)."""

    def __init__(self, options, name):
        super().__init__(options)
        self.name = name

    def on_host(self, command):
        if not self.name:
            return command
        return ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', self.name, *command]

    def launch(self):
        command = [os.path.join(self.bin, "watchdog-supervisor"), "--config", self.config,
                   "--run-dir", self.run_dir, *self.options.supervisor_arguments]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.on_host(command), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)

    def ctl(self, *arguments, stdin=None, timeout_s=60):
        done = subprocess.run(
            self.on_host([os.path.join(self.bin, "continuoctl"), "--run-dir", self.run_dir,
                          "--config", self.config, *arguments]),
            input=stdin or "", text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=timeout_s, check=False)
        return done.returncode, done.stdout


class Node:
    def __init__(self, shared, name=""):
        self.server = _NamedServer(ServerOptions(supervisor_arguments=("--no-guard",)), name)
        self.shared = shared
        self.address = "127.0.0.1"
        self.keys = {"server_name": "cluster", "userdb_type": "text",
                     "userdb_file": f"{shared}/users.db", "privilegedb": f"{shared}/privileges.db",
                     "runstate_dir": f"{shared}/runstate", "metrics_listen": "off"}

    def write_config(self):
        server = self.server
        os.makedirs(server.run_dir, mode=0o750, exist_ok=True)
        lines = ["[global]", *(f"{key} = {value}" for key, value in self.keys.items()),
                 f"listen = ANY,{self.address},IPv4,{server.port},DIRECT_TCP", "[/global]",
                 "[share]", "netname = data", f"path = {self.shared}/data",
                 "permissions = authenticatedusers:full", "[/share]"]
        with open(server.config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    def own_copy(self, name):
        """This node's own copy of a shared file."""
        copy = os.path.join(self.server.directory, name)
        shutil.copy(os.path.join(self.shared, name), copy)
        return copy

    def serve(self):
        self.write_config()
        self.server.launch()
        self.server.wait_ready()

    def kill(self):
        pids = self.server.group()
        for pid in pids:
            send(pid, signal.SIGKILL)
        self.server.process.wait()
        self.wait_gone(pids)

    def wait_ended(self):
        """Waits until the group has ended by itself; returns its exit status."""
        pids = set()

        def has_ended():
            pids.update(self.server.group())
            return self.server.process.poll() is not None
        check(wait_until(has_ended, ENDED_IN_S), f"it has not ended: {self.server.log_tail()}")
        self.wait_gone(pids)
        return self.server.process.returncode

    def wait_gone(self, pids):
        """A process that is about to end still owns ca_path."""
        check(wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids),
                         ENDED_IN_S), "a killed process is still there")

    def remove(self):
        if self.server.process is not None and self.server.process.poll() is None:
            self.server.stop()
        else:
            self.server.abandon()
