"""An Active Directory of one's own: a real Samba domain controller, a server's and a client's network
namespace, in a directory on tmpfs that goes with it.

    with AdLab("yourdomain.com", "fusion-srv") as lab:
        lab.run_client(["smbclient", …])

    NAME-dc 10.77.0.1 (bridge, controller)   NAME-fs 10.77.0.2 (server)   NAME-cl 10.77.0.3 (client)

Nothing is linked to the host's network. The controller has a process namespace of its own: when its
first process ends, the kernel ends every helper of it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
import processes  # noqa: E402
from results import run  # noqa: E402

ADDRESSES = {"dc": "10.77.0.1", "fs": "10.77.0.2", "cl": "10.77.0.3"}
PASSWORD = "Us3r-pass-word"
READY_TIMEOUT_S = 60


def must(command, **arguments):
    code, output = run(command, **arguments)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {code}: {output}")
    return output


class AdLab:
    def __init__(self, domain, server):
        self.domain = domain
        self.realm = domain.upper()
        self.short_domain = domain.split(".", maxsplit=1)[0].upper()
        self.server = server
        self.server_name = f"{server}.{domain}"
        self.password = PASSWORD
        self.directory = tempfile.mkdtemp(prefix="ca-", dir="/dev/shm")
        os.chmod(self.directory, 0o755)
        self.keytab = os.path.join(self.directory, "server.keytab")
        self._conf = os.path.join(self.directory, "dc", "etc", "smb.conf")
        self._controller = None

    def namespace(self, role):
        return f"ca{os.getpid()}-{role}"

    def in_namespace(self, role, command):
        return ["ip", "netns", "exec", self.namespace(role), *command]

    def run_client(self, command, **arguments):
        return run(self.in_namespace("cl", command), **arguments)

    def ccache(self, user, lifetime=None, password=None):
        """Environment with a ticket-granting ticket of `user`."""
        path = os.path.join(self.directory, f"cc-{user}-{time.monotonic_ns()}")
        environment = dict(os.environ, KRB5CCNAME=f"FILE:{path}")
        command = ["kinit", *(["-l", lifetime] if lifetime else []), user]
        code, output = self.run_client(command, env=environment, stdin=f"{password or PASSWORD}\n")
        if code != 0:
            raise RuntimeError(f"kinit {user}: {output}")
        return environment

    # ---- Network ----

    def _krb5_conf(self, role):
        # The server finds a KDC by DNS, as members of a domain do. The client is to give up soon.
        client = "dns_lookup_kdc = false\n kdc_timeout = 2\n max_retries = 1\n"
        return (f"[libdefaults]\n default_realm = {self.realm}\n dns_lookup_realm = false\n"
                " rdns = false\n dns_canonicalize_hostname = false\n "
                f"{client if role == 'cl' else ''}\n"
                f"[realms]\n {self.realm} = {{\n" +
                (f"  kdc = {ADDRESSES['dc']}\n" if role == "cl" else "") + " }\n")

    def _make_network(self):
        for role, address in ADDRESSES.items():
            name = self.namespace(role)
            must(["ip", "netns", "add", name])
            must(["ip", "-n", name, "link", "set", "lo", "up"])
            files = os.path.join("/etc/netns", name)
            os.makedirs(files, exist_ok=True)
            hosts = "127.0.0.1 localhost\n" + "".join(
                f"{other} {host}.{self.domain} {host}\n"
                for other, host in ((ADDRESSES["dc"], "dc1"), (ADDRESSES["fs"], self.server)))
            for file_name, content in (("resolv.conf", f"search {self.domain}\n"
                                        f"nameserver {ADDRESSES['dc']}\n"),
                                       ("hosts", hosts), ("krb5.conf", self._krb5_conf(role))):
                with open(os.path.join(files, file_name), "w", encoding="utf-8") as file:
                    file.write(content)
            if role == "dc":
                must(["ip", "-n", name, "link", "add", "br0", "type", "bridge"])
                must(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", "br0"])
                must(["ip", "-n", name, "link", "set", "br0", "up"])
                continue
            bridge = self.namespace("dc")
            must(["ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", role,
                  "netns", bridge])
            must(["ip", "-n", bridge, "link", "set", role, "master", "br0", "up"])
            must(["ip", "-n", name, "addr", "add", f"{address}/24", "dev", "eth0"])
            must(["ip", "-n", name, "link", "set", "eth0", "up"])

    def _remove_network(self):
        for role in ADDRESSES:
            run(["ip", "netns", "del", self.namespace(role)])
            shutil.rmtree(os.path.join("/etc/netns", self.namespace(role)), ignore_errors=True)

    # ---- Controller ----

    def _provision(self):
        target = os.path.join(self.directory, "dc")
        os.makedirs(target)
        options = ["interfaces = lo br0", "bind interfaces only = yes", "dns forwarder =",
                   f"ncalrpc dir = {target}/ncalrpc", f"pid directory = {target}",
                   f"log file = {self.directory}/log.%m", f"ntp signd socket directory = {target}/ntp",
                   "prefork children = 1", "load printers = no", "printing = bsd",
                   "disable spoolss = yes"]
        must(self.in_namespace("dc", [
            "samba-tool", "domain", "provision", f"--realm={self.realm}",
            f"--domain={self.short_domain}", "--server-role=dc", "--dns-backend=SAMBA_INTERNAL",
            "--host-name=dc1", f"--host-ip={ADDRESSES['dc']}", "--adminpass=Adm1n-pass-word",
            f"--targetdir={target}", *(f"--option={option}" for option in options)]), timeout_s=180)
        must(self.in_namespace("dc", ["/usr/bin/python3", os.path.join(HERE, "populate.py"),
                                      self._conf, self.server, PASSWORD, self.keytab]),
             timeout_s=180)

    def _start_controller(self):
        state = os.path.join(self.directory, "run")
        os.makedirs(state)
        # Helpers have /run/samba compiled in.
        script = (f"mkdir -p /run/samba && mount --bind {state} /run/samba && "
                  f"exec /usr/sbin/samba -i -M single -s {self._conf}")
        with open(os.path.join(self.directory, "samba.out"), "wb") as log:
            self._controller = subprocess.Popen(
                self.in_namespace("dc", ["unshare", "--pid", "--fork", "--kill-child",
                                         "--mount-proc", "sh", "-c", script]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if not processes.wait_until(self._answers, READY_TIMEOUT_S, poll_s=0.2):
            raise RuntimeError("the domain controller does not answer")

    def _answers(self):
        if self._controller.poll() is not None:
            raise RuntimeError("the domain controller has ended")
        try:
            self.ccache("alice")
        except RuntimeError:
            return False
        return True

    def silence_controller(self):
        for pid in processes.descendants(self._controller.pid):
            processes.send(pid, signal.SIGSTOP)

    def wake_controller(self):
        for pid in processes.descendants(self._controller.pid):
            processes.send(pid, signal.SIGCONT)

    def change_machine_password(self):
        must(self.in_namespace("dc", ["samba-tool", "user", "setpassword", f"{self.server}$",
                                      "--newpassword=An0ther-pass-word", "-s", self._conf]))

    # ---- Answers of the directory itself, to compare with ----

    def sid_of(self, user):
        code, output = run(self.in_namespace("dc", ["samba-tool", "user", "show", user, "-s",
                                                    self._conf, "--attributes=objectSid"]))
        found = re.search(r"objectSid: (\S+)", output)
        if code != 0 or not found:
            raise RuntimeError(f"no SID of {user}: {output}")
        return found.group(1)

    def group_sids_of(self, *groups):
        sids = []
        for group in groups:
            output = must(self.in_namespace("dc", ["samba-tool", "group", "show", group, "-s",
                                                   self._conf, "--attributes=objectSid"]))
            sids.append(re.search(r"objectSid: (\S+)", output).group(1))
        return sids

    def __enter__(self):
        try:
            self._make_network()
            self._provision()
            self._start_controller()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self._controller is not None:
            self.wake_controller()
            self._controller.kill()
            self._controller.wait()
        self._remove_network()
        shutil.rmtree(self.directory, ignore_errors=True)
