"""The reference configuration conf/active-passive.conf, as it is, in the server's namespace of an AdLab.

What the file names as absolute paths is put there in a mount namespace of the group's own: /mnt/shared
is a directory of the test, /etc and /var/lib are overlays with the keytab and an empty state.
"""

import os
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
from continuo_server import ROOT, ContinuoServer  # noqa: E402

CONFIG = os.path.join(ROOT, "conf", "active-passive.conf")
PORT = 445


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

    def start(self):
        self.write_config()
        self.launch()
        self.wait_ready()
        return self
