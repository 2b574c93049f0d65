"""Two nodes with Corosync, Pacemaker and a fence agent, and Continuo as one group of resources.

    with Cluster() as cluster:
        cluster.active()            # "n1"
        cluster.kill_daemon("smb-frontend")
        cluster.wait_serving(...)

The nodes are namespaces (lab/lab.sh); their shared storage is one directory, or a disk that forgets
what was not flushed when a node loses power; their floating address is 10.77.0.50. Everything is in one
temporary directory and gone afterwards.
"""

import enum
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import processes  # noqa: E402
from continuo_server import build_directory  # noqa: E402
from forgetful_storage import ForgetfulStorage  # noqa: E402

LAB = os.path.join(HERE, "lab", "lab.sh")
ADDRESS = "10.77.0.50"
CLIENT_NETWORK = "10.77.0"
GROUP = "continuo"
SERVER = "server"
USER = "tester"
PASSWORD = "Pass-word-1"
VOLUME = "/srv/volume"        # Where the active node has the shared storage mounted.
READY_TIMEOUT_S = 60
REBOOT_TIMEOUT_S = 10
TOKEN_MS = 1000

TSMB_CONF = """[global]
server_name = continuo
userdb_type = text
userdb_file = {volume}/runstate/users.db
privilegedb = {volume}/runstate/privileges.db
runstate_dir = {volume}/runstate
metrics_listen = off
listen = ANY,0.0.0.0,IPv4,445,DIRECT_TCP
ca = true
ca_path = {volume}/_ca
tcp_tickle = true
tcp_tickle_params = path={volume}/_recovery
watchdog_interval = 500ms
watchdog_timeout = 500ms
[/global]
[share]
netname = Data
path = {volume}/data
permissions = authenticatedusers:full
[/share]
"""

CIB = """property stonith-enabled=true stonith-timeout=20s cluster-recheck-interval=60s \
  priority-fencing-delay=2s
rsc_defaults migration-threshold=1 failure-timeout=30s resource-stickiness=100
primitive fence stonith:fence_lab params fifo={fifo} pcmk_host_list="n1 n2" op monitor interval=60s
primitive volume ocf:heartbeat:Filesystem \
  params device={device} directory={volume} fstype={fs_type} {options} \
  op start timeout=20s op stop timeout=20s op monitor interval=10s timeout=20s
primitive server ocf:continuo:server \
  params config={config} supervisor={bin}/watchdog-supervisor continuoctl={bin}/continuoctl \
    log=/run/continuo.log \
  op start timeout=30s op stop timeout=15s on-fail=fence op monitor interval=5s timeout=10s \
  meta priority=10
primitive ip ocf:heartbeat:IPaddr2 params ip={address} cidr_netmask=24 arp_bg=true arp_count=3 \
  op start timeout=10s op stop timeout=10s on-fail=fence op monitor interval=5s timeout=10s
primitive address ocf:continuo:address \
  params ip={address} config={config} continuoctl={bin}/continuoctl \
  op start timeout=10s op stop timeout=10s op monitor interval=10s timeout=10s
group continuo volume server ip address
"""


class Storage(enum.Enum):
    DIRECTORY = 1
    FORGETFUL = 2  # lose_power() takes what was not flushed along.


class ClusterError(RuntimeError):
    """The cluster itself did not do what the test needs of it."""


class Cluster:
    def __init__(self, config=TSMB_CONF, token_ms=TOKEN_MS, storage=Storage.DIRECTORY, keep=False):
        self.directory = tempfile.mkdtemp(prefix="ct-cluster-", dir="/var/tmp")
        os.chmod(self.directory, 0o755)
        self.shared = os.path.join(self.directory, "shared")
        self.bin = os.path.join(build_directory(), "bin")
        self.config = os.path.join(self.directory, "tsmb.conf")
        self.config_text = config
        self.disk = ForgetfulStorage(self.directory) if storage is Storage.FORGETFUL else None
        self.keep = keep
        self.fence_log = os.path.join(self.directory, "lab", "fence.log")
        self.fence_log_seen = 0
        self.environment = dict(os.environ, LAB=os.path.join(self.directory, "lab"),
                                PFX=f"ct{os.getpid() % 100000}", PCMK="1", TOKEN=str(token_ms),
                                SHARED=self.shared)

    # --- life ---

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_):
        self.stop()

    def start(self):
        os.makedirs(os.path.join(self.shared, "volume"))
        if self.disk is not None:
            self.disk.__enter__()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(self.config_text.format(volume=VOLUME))
        self.lab("up", "2", timeout_s=120)
        self.configure()
        return self

    def stop(self):
        try:
            self.lab("down", timeout_s=60)
            if self.disk is not None and self.disk.device is not None:
                self.disk.__exit__()
        finally:
            if not self.keep:
                shutil.rmtree(self.directory, ignore_errors=True)

    def configure(self):
        if self.disk is not None:
            device, fs_type, options = self.disk.device, "ext4", ""
        else:
            device, fs_type, options = "/srv/shared/volume", "none", "options=bind"
        # What has to be on the volume, which no node has mounted yet.
        self.on("n1", "sh", "-ec", f"mkdir -p {VOLUME}; "
                f"mount {'' if self.disk is not None else '--bind'} {device} {VOLUME}; cd {VOLUME};"
                "mkdir data runstate _ca _recovery; chmod 777 data; cd /;"
                f"echo {PASSWORD} | {self.bin}/continuoctl --config {self.config} user add {USER};"
                f"umount {VOLUME}")
        self.on("n2", "mkdir", "-p", VOLUME)
        text = CIB.format(fifo=os.path.join(self.environment["LAB"], "fence"), volume=VOLUME,
                          config=self.config, bin=self.bin, address=ADDRESS, device=device,
                          fs_type=fs_type, options=options)
        path = os.path.join(self.directory, "crm")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        self.on("n1", "crm", "--force", "configure", "load", "replace", path)
        self.wait_active()

    # --- commands ---

    def lab(self, *arguments, timeout_s=60):
        done = subprocess.run([LAB, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", timeout=timeout_s, check=False)
        if done.returncode != 0:
            raise ClusterError(f"lab.sh {' '.join(arguments)}: {done.returncode}: {done.stdout}")
        return done.stdout

    def on(self, node, *command, timeout_s=60):
        """Runs a command in a node; its output, or ClusterError."""
        return self.lab("exec", node, *command, timeout_s=timeout_s)

    def namespace(self, name):
        return self.environment["PFX"] + name

    def switch(self):
        return self.namespace("sw")

    # --- the share's directory, on the node that has it ---

    def in_data(self, command, name):
        return self.on(self.wait_active(), "sh", "-ec", f'cd {VOLUME}/data; {command} "$0"', name)

    # --- what is ---

    def active(self):
        """The node that has the address, or None."""
        for node in ("n1", "n2"):
            try:
                if f"inet {ADDRESS}/" in self.on(node, "ip", "-o", "-4", "addr", "show", "eth0"):
                    return node
            except ClusterError:
                continue  # It is off.
        return None

    def other(self, node):
        return "n2" if node == "n1" else "n1"

    def is_complete(self, node):
        """The whole group runs on `node`."""
        try:
            state = self.on(node, "crm_mon", "-1", "--inactive")
        except ClusterError:
            return False
        return all(f"{name}\t" in line and f"Started {node}" in line
                   for name in ("volume", SERVER, "ip", "address")
                   for line in [next((l for l in state.splitlines() if f"* {name}\t" in l), "")])

    def wait_active(self, node=None, timeout_s=READY_TIMEOUT_S):
        """Waits until the group runs (on `node`, if given); returns its node."""
        found = [None]

        def is_up():
            for name in ([node] if node else ["n1", "n2"]):
                if self.is_complete(name):
                    found[0] = name
            return found[0] is not None

        if not processes.wait_until(is_up, timeout_s, 0.2):
            raise ClusterError(f"the group does not run after {timeout_s} s: {self.describe()}")
        return found[0]

    def wait_moved(self, node, timeout_s=READY_TIMEOUT_S):
        """Waits until the other node has the address."""
        if not processes.wait_until(lambda: self.active() == self.other(node), timeout_s, 0.1):
            raise ClusterError(f"{self.other(node)} does not take over: {self.describe()}")

    def wait_two_nodes(self, timeout_s=READY_TIMEOUT_S):
        """Both nodes are back and can take the group."""
        def is_whole():
            try:
                return all("Online: [ n1 n2 ]" in self.on(n, "crm_mon", "-1") for n in ("n1", "n2"))
            except ClusterError:
                return False
        if not processes.wait_until(is_whole, timeout_s, 0.2):
            raise ClusterError(f"not two nodes after {timeout_s} s: {self.describe()}")

    def describe(self):
        texts = []
        for node in ("n1", "n2"):
            try:
                texts.append(self.on(node, "crm_mon", "-1", "--inactive"))
                texts.append(self.on(node, "sh", "-c", "tail -n 15 /run/continuo.log || true"))
            except ClusterError as error:
                texts.append(str(error))
        return "\n".join(texts)

    def pid_of(self, node, daemon):
        """Process id of a daemon on a node, as this machine counts. Of two supervisors, the inner."""
        done = subprocess.run(["ip", "netns", "pids", self.namespace(node)], text=True,
                              stdout=subprocess.PIPE, check=True)
        found = [int(pid) for pid in done.stdout.split()
                 if processes.name_of(int(pid)) == daemon]
        if not found:
            raise ClusterError(f"{daemon} does not run on {node}")
        return max(found, key=lambda pid: int(processes.stat_fields(pid)[19]))

    # --- faults; each returns the time (monotonic, in s) at which it was done ---

    def signal_daemon(self, node, daemon, number):
        pid = self.pid_of(node, daemon)
        at = time.monotonic()
        processes.send(pid, number)
        return at

    def kill_daemon(self, node, daemon):
        return self.signal_daemon(node, daemon, signal.SIGKILL)

    def stop_daemon(self, node, daemon):
        return self.signal_daemon(node, daemon, signal.SIGSTOP)

    def lose_power(self, node):
        at = time.monotonic()
        if self.disk is not None:
            # Clients first: the disk's errors are no answer of a node without power.
            self.lab("partition", node)
            self.disk.cut()
        self.lab("kill-node", node)
        if self.disk is not None:
            self.disk.release()
            self.disk.plug_in()
        return at

    def move(self, node):
        at = time.monotonic()
        self.on(node, "crm", "resource", "move", GROUP, self.other(node), "force")
        return at

    def cut_ring(self, node):
        at = time.monotonic()
        self.lab("partition", node, "ring")
        return at

    def freeze(self, node):
        at = time.monotonic()
        self.lab("freeze", node)
        return at

    def is_on(self, node):
        try:
            self.on(node, "true")
        except ClusterError:
            return False
        return True

    def fenced(self):
        """The nodes that were fenced since the last recover()."""
        with open(self.fence_log, encoding="utf-8") as file:
            file.seek(self.fence_log_seen)
            return sorted({line.split()[2] for line in file if line.split()[1:2] in (["reboot"], ["off"])})

    def recover(self):
        """Both nodes as before a round: powered on, whole, without failures or constraints."""
        for node in ("n1", "n2"):
            self.lab("heal", node)
            # A node that was fenced comes back by itself; one that lost its power does not.
            if not processes.wait_until(lambda n=node: self.is_on(n), REBOOT_TIMEOUT_S, 0.2):
                self.lab("rejoin", node)
        self.wait_two_nodes()
        node = self.wait_active()
        self.fence_log_seen = os.path.getsize(self.fence_log)
        self.on(node, "crm", "resource", "clear", GROUP)
        self.on(node, "crm_resource", "--cleanup")
        return self.wait_active()
