"""The reference configuration conf/active-passive.conf, as it is, in the server's namespace of an AdLab.

What the file names as absolute paths is put there in a mount namespace of the group's own: /mnt/shared
is a directory of the test, /etc and /var/lib are overlays with the keytab and an empty state.
"""

import contextlib
import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from continuo_server import ROOT, ContinuoServer  # noqa: E402

CONFIG = os.path.join(ROOT, "conf", "active-passive.conf")
PORT = 445
# A member that changes nothing: neither its password nor its name in DNS.
SSSD_CONF = """[sssd]
config_file_version = 2
services = nss
domains = {domain}
[nss]
[domain/{domain}]
id_provider = ad
access_provider = permit
ad_domain = {domain}
ad_server = dc1.{domain}
ad_hostname = {server_name}
krb5_realm = {realm}
ldap_sasl_authid = {server}$@{realm}
ldap_id_mapping = true
ad_maximum_machine_account_password_age = 0
dyndns_update = false
"""
SSSD_DIRECTORIES = ("db", "mc", "pipes/private", "pubconf/krb5.include.d", "keytabs", "secrets",
                    "gpo_cache", "deskprofile")


class DomainServer(ContinuoServer):
    def __init__(self, lab):
        super().__init__()
        self.lab = lab
        self.config = CONFIG
        self.address = lab.server_name
        self.port = PORT
        self.shared = os.path.join(self.directory, "shared")
        for name in ("data", "runstate", "_ca", "_recovery"):
            os.makedirs(os.path.join(self.shared, name))
        os.chmod(os.path.join(self.shared, "data"), 0o777)
        # Where the group's libraries look for SSSD.
        self.name_service_directory = os.path.join(self.directory, "sss")
        os.makedirs(self.name_service_directory)
        # Upper layers of overlays cannot lie on every file system; on tmpfs they can.
        self._layers = os.path.join(lab.directory, "layers")
        for name in ("etc", "etc-work", "lib", "lib-work"):
            os.makedirs(os.path.join(self._layers, name), exist_ok=True)
        os.makedirs(os.path.join(self._layers, "lib", "continuo"), mode=0o700, exist_ok=True)

    def write_config(self):
        os.makedirs(self.run_dir, mode=0o750, exist_ok=True)
        with open(os.path.join(self._layers, "etc", "nsswitch.conf"), "w", encoding="utf-8") as file:
            file.write("passwd: files sss\ngroup: files sss\nhosts: files dns\n")

    def launch(self):
        etc = os.path.join(self._layers, "etc")
        netns_files = os.path.join("/etc/netns", self.lab.namespace("fs"))
        overlay = "mount -t overlay overlay -o lowerdir={0},upperdir={1},workdir={1}-work {0}"
        command = [os.path.join(self.bin, "watchdog-supervisor"), "--config", self.config,
                   "--run-dir", self.run_dir]
        script = " && ".join([
            "mount --make-rprivate /",
            f"cp {netns_files}/* {etc}/",
            f"cp {self.lab.keytab} {etc}/krb5.keytab",
            "umount /etc/resolv.conf /etc/hosts /etc/krb5.conf",
            overlay.format("/etc", etc),
            overlay.format("/var/lib", os.path.join(self._layers, "lib")),
            "mkdir -p /var/lib/sss/pipes",
            f"mount --bind {self.name_service_directory} /var/lib/sss/pipes",
            "mount -t tmpfs tmpfs /mnt", "mkdir /mnt/shared",
            f"mount --bind {self.shared} /mnt/shared",
            "exec " + shlex.join(command)])
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.lab.in_namespace("fs", ["unshare", "--mount", "sh", "-c", script]),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    @contextlib.contextmanager
    def sssd(self):
        """A real SSSD beside the group, in the group's view of the files."""
        conf = os.path.join(self.lab.directory, "sssd.conf")
        with open(conf, "w", encoding="utf-8") as file:
            file.write(SSSD_CONF.format(domain=self.lab.domain, realm=self.lab.realm,
                                        server=self.lab.server, server_name=self.lab.server_name))
        script = " && ".join([
            "mkdir -p /etc/sssd /var/log/sssd", f"install -m 600 {conf} /etc/sssd/sssd.conf",
            *(f"mkdir -p /var/lib/sss/{name}" for name in SSSD_DIRECTORIES),
            "mount -t tmpfs tmpfs /run", "exec sssd -i --logger=stderr"])
        with open(os.path.join(self.lab.directory, "sssd.out"), "wb") as log:
            process = subprocess.Popen(
                ["nsenter", "-t", str(self.pid_of("auth-service")), "-m", "-n", "unshare", "--mount",
                 "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.kill()
            process.wait()

    def start(self):
        self.write_config()
        self.launch()
        self.wait_ready()
        return self
