"""The two servers that tests/bench/compare loads in turn, and what they cost.

Each serves a folder of its own in one directory, because the two know their users by different
SIDs and would refuse each other's files. A Server is started once and loaded many times.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import processes  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions, free_port  # noqa: E402

READY_TIMEOUT_S = 20
STOP_TIMEOUT_S = 10
# An account of every Debian system that is neither root nor Samba's guest.
SAMBA_USER = "daemon"
PASSWORD = "Bench-Pass-1"
SHARE = "bench"
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")

# What Continuo does for every file, Samba does too: descriptors, streams, EAs and DOS attributes in
# xattrs, leases. Samba 4.17 has no persistent handles, and Continuo's share asks for none.
SAMBA_CONFIG = """[global]
 netbios name = SAMBABENCH
 workgroup = CONTINUO
 private dir = {dir}/private
 lock directory = {dir}/lock
 state directory = {dir}/state
 cache directory = {dir}/cache
 pid directory = {dir}/run
 ncalrpc dir = {dir}/ncalrpc
 log file = {dir}/log
 log level = 0
 smb ports = {port}
 interfaces = lo
 bind interfaces only = yes
 disable spoolss = yes
 load printers = no
 printcap name = /dev/null
 server min protocol = SMB2_02
 map to guest = never
 server services = smb
 smb2 leases = yes
 vfs objects = acl_xattr streams_xattr
 ea support = yes
 store dos attributes = yes
 map archive = no
 map readonly = no
[{share}]
 path = {path}
 read only = no
"""


class Server:
    """One server under load: its address, and the processor time and memory it has used."""

    def __init__(self, name, path, port, credentials, root_pid):
        self.name = name
        self.path = path
        self.port = port
        self.credentials = credentials
        self._root_pid = root_pid

    def processes(self):
        return [self._root_pid, *processes.descendants(self._root_pid)]

    def cpu_s(self):
        """Processor seconds of the whole tree, those of children that have ended included."""
        ticks = 0
        for pid in self.processes():
            fields = processes.stat_fields(pid)
            if fields is not None:
                # proc(5): utime, stime, cutime, cstime.
                ticks += sum(int(field) for field in fields[11:15])
        return ticks / CLOCK_TICKS_PER_S

    def pss_bytes(self):
        """Proportional set size of the whole tree."""
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
                    total += sum(int(line.split()[1]) * 1024 for line in file
                                 if line.startswith("Pss:"))
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended while we counted.
        return total


class SharedDirectoryServer(ContinuoServer):
    """A group of daemons whose one share lies outside its own directory."""

    def __init__(self, options, share_path):
        super().__init__(options)
        self._share_path = share_path

    def path(self, name=SHARE):
        return self._share_path


class ContinuoBench(Server):
    def __init__(self, name, path, delegation):
        self._group = SharedDirectoryServer(
            ServerOptions(delegation=delegation, shares=(SHARE,), user="bench",
                          password=PASSWORD), path)
        try:
            self._group.start()
        except BaseException:
            self._group.abandon()
            raise
        super().__init__(name, path, self._group.port, self._group.credentials,
                         self._group.process.pid)

    def last_words(self):
        return f"[{self._group.log_tail(5)}]"

    def stop(self):
        self._group.stop()


class SambaBench(Server):
    def __init__(self, path):
        self._directory = tempfile.mkdtemp(prefix="sb-", dir="/var/tmp")
        for name in ("private", "lock", "state", "cache", "run", "ncalrpc"):
            os.mkdir(os.path.join(self._directory, name))
        self._log_read = 0
        port = free_port("127.0.0.1")
        self._config = os.path.join(self._directory, "smb.conf")
        with open(self._config, "w", encoding="utf-8") as file:
            file.write(SAMBA_CONFIG.format(dir=self._directory, port=port, share=SHARE, path=path))
        subprocess.run(["smbpasswd", "-c", self._config, "-a", "-s", SAMBA_USER], check=True,
                       input=f"{PASSWORD}\n{PASSWORD}\n", text=True, stdout=subprocess.DEVNULL)
        self._process = subprocess.Popen(
            ["smbd", "--foreground", "--no-process-group", f"--configfile={self._config}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)
        super().__init__("samba", path, port, f"{SAMBA_USER}%{PASSWORD}", self._process.pid)
        if not processes.wait_until(self._answers, READY_TIMEOUT_S):
            self.stop()
            raise RuntimeError(f"smbd does not listen on port {port}")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def last_words(self):
        """What smbd said when a process of it panicked, if any did since the last call."""
        with open(os.path.join(self._directory, "log"), encoding="utf-8", errors="replace") as log:
            log.seek(self._log_read)
            panics = [line for line in log if "PANIC" in line]
            self._log_read = log.tell()
        return f"[smbd: {panics[0]}]" if panics else ""

    def stop(self):
        tree = self.processes()
        processes.send(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            processes.send(self._process.pid, signal.SIGKILL)
            self._process.wait()
        time.sleep(0.2)  # Its children end by themselves when it has ended.
        processes.kill_all([pid for pid in tree if processes.name_of(pid) == "smbd"])
        shutil.rmtree(self._directory, ignore_errors=True)
