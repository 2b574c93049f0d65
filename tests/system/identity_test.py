#!/usr/bin/env python3
"""Two nodes of one cluster: groups of daemons with a run directory each and one runstate_dir.

1. The second node takes over from the first, drained or killed, when both bring the same.
2. Where one thing differs it refuses to start and names what, and the first node's file stays:
   server name, place of the persistent handles, machine SID, sealing key, an old copy of the users, a
   keytab without the cluster's key or with an older one.
3. A newer key is taken over; `continuoctl identity accept` lets a node in that was changed on purpose.
4. A node of its own (no `ca`, no `scale_out`) starts whatever differs.
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from cluster_node import Node  # noqa: E402
from continuo_server import ContinuoServer, build_directory  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

PRINCIPAL = "cifs/cluster.corp.test@CORP.TEST"


def make_keytab(path, keys):
    """Keys of PRINCIPAL's kind without a KDC: (name, version) pairs."""
    if os.path.exists(path):
        os.unlink(path)
    script = "".join(f"addent -password -p {name} -k {version} -e aes256-cts-hmac-sha1-96\nx\n"
                     for name, version in keys)
    code, output = run(["ktutil"], stdin=script + f"wkt {path}\nquit\n")
    check(code == 0 and os.path.exists(path), f"ktutil: {output}")


class ClusterNode(Node):
    def __init__(self, shared, is_available=True):
        super().__init__(shared)
        self.keys["kerberos_keytab"] = f"{shared}/cluster.keytab"
        if is_available:
            self.keys |= {"ca": "true", "ca_path": f"{shared}/_ca"}

    def refusal(self):
        """Starts the node, which has to end by itself; returns what it said."""
        self.write_config()
        self.server.launch()
        check(self.wait_ended() != 0, "the refused start ended with 0")
        return self.server.log_text()


class Cluster:
    """What is shared, as one served node left it."""

    def __init__(self):
        self.first = ContinuoServer()  # Only for its directory.
        self.shared = self.first.directory
        for name in ("data", "runstate", "_ca", "_ca2"):
            os.makedirs(os.path.join(self.shared, name), mode=0o755)
        make_keytab(self.path("cluster.keytab"), [(PRINCIPAL, 3)])

    def path(self, name):
        return os.path.join(self.shared, name)

    def identity(self):
        with open(self.path("runstate/identity"), encoding="utf-8") as file:
            return file.read()

    def remove(self):
        self.first.abandon()


def other_server_name(node):
    node.keys["server_name"] = "other"
    return "server_name is other here"


def other_ca_path(node):
    node.keys["ca_path"] = f"{node.shared}/_ca2"
    return f"ca_path is {node.shared}/_ca2 here"


def other_users(node):
    node.keys["userdb_file"] = os.path.join(node.server.directory, "users.db")
    return "machine SID of userdb_file"


def other_sealing_key(node):
    node.keys["userdb_file"] = node.own_copy("users.db")
    with open(node.keys["userdb_file"] + ".key", "wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(os.urandom(32))
    return "sealing key beside userdb_file"


def old_users(node):
    copies = [node.own_copy("users.db"), node.own_copy("users.db.key")]
    os.chmod(copies[1], 0o600)
    # The cluster goes on and gets another user, which the copy has not.
    code, output = node.server.ctl("user", "add", "later", stdin="Pass-word-1\n")
    check_equal(code, 0, f"user add ({output})")
    node.keys["userdb_file"] = copies[0]
    return "userdb_file is an old copy"


def missing_key(node):
    node.keys["kerberos_keytab"] = os.path.join(node.server.directory, "own.keytab")
    make_keytab(node.keys["kerberos_keytab"], [("host/n2.corp.test@CORP.TEST", 3)])
    return f"no key of {PRINCIPAL}"


def older_key(node):
    node.keys["kerberos_keytab"] = os.path.join(node.server.directory, "own.keytab")
    make_keytab(node.keys["kerberos_keytab"], [(PRINCIPAL, 2)])
    return f"version 2 of the key of {PRINCIPAL}, the cluster has 3"


def no_keytab(node):
    node.keys["kerberos_keytab"] = os.path.join(node.server.directory, "nowhere")
    return f"no key of {PRINCIPAL}"


DIFFERENCES = (other_server_name, other_ca_path, other_users, other_sealing_key, missing_key,
               older_key, no_keytab)


def served_and_drained(cluster):
    node = ClusterNode(cluster.shared)
    try:
        node.serve()
    finally:
        node.remove()


def test_takeover(results, cluster):
    with results.test("the first node makes the identity, a second one that is the same serves"):
        served_and_drained(cluster)
        before = cluster.identity()
        for line in ("server_name cluster", "machine_sid S-1-5-21-", f"keytab {PRINCIPAL} 3",
                     "sealing_key ", f"ca_path {cluster.shared}/_ca"):
            check(f"\n{line}" in before, f"{line!r} is not in {before}")
        with open(cluster.path("users.db.key"), "rb") as file:
            check(file.read().hex() not in before, "the sealing key is in the file")
        served_and_drained(cluster)
        check_equal(cluster.identity(), before, "the identity")
    with results.test("a killed node's cluster is taken over"):
        node = ClusterNode(cluster.shared)
        try:
            node.serve()
            node.kill()
        finally:
            node.remove()
        served_and_drained(cluster)


def test_refusals(results, cluster):
    for differ in DIFFERENCES:
        with results.test(f"refused: {differ.__name__.replace('_', ' ')}"):
            before = cluster.identity()
            node = ClusterNode(cluster.shared)
            try:
                says = differ(node)
                log = node.refusal()
                check(says in log, f"{says!r} is not in: {node.server.log_tail(5)}")
                check("continuoctl identity accept" in log, "it does not say what to do")
            finally:
                node.remove()
            check_equal(cluster.identity(), before, "the identity")
    with results.test("refused: an old copy of the users"):
        node = ClusterNode(cluster.shared)
        try:
            node.write_config()
            says = old_users(node)
            newer = ClusterNode(cluster.shared)
            try:
                newer.serve()
            finally:
                newer.remove()
            log = node.refusal()
            check(says in log, f"{says!r} is not in: {node.server.log_tail(5)}")
        finally:
            node.remove()


def test_changes_on_purpose(results, cluster):
    with results.test("a newer key is taken over"):
        make_keytab(cluster.path("cluster.keytab"), [(PRINCIPAL, 3), (PRINCIPAL, 4)])
        served_and_drained(cluster)
        check(f"keytab {PRINCIPAL} 4\n" in cluster.identity(), cluster.identity())
    with results.test("identity accept lets a changed node in, and the server GUID stays"):
        node = ClusterNode(cluster.shared)
        try:
            other_server_name(node)
            node.write_config()
            code, output = node.server.ctl("--json", "identity")
            check_equal(code, 0, f"continuoctl identity ({output})")
            guid = json.loads(output)["server_guid"]
            code, output = node.server.ctl("identity", "accept")
            check_equal(code, 0, f"continuoctl identity accept ({output})")
            node.serve()
            shown = json.loads(node.server.ctl("--json", "identity")[1])
            check_equal((shown["server_guid"], shown["server_name"]), (guid, "other"), "identity")
        finally:
            node.remove()


def test_single_node(results):
    cluster = Cluster()
    try:
        with results.test("a node of its own starts whatever differs"):
            node = ClusterNode(cluster.shared, is_available=False)
            try:
                node.serve()
            finally:
                node.remove()
            guid = cluster.identity().splitlines()[1]
            node = ClusterNode(cluster.shared, is_available=False)
            try:
                other_server_name(node)
                other_users(node)
                no_keytab(node)
                node.serve()
            finally:
                node.remove()
            check_equal(cluster.identity().splitlines()[1:3], [guid, "server_name other"],
                        "identity")
    finally:
        cluster.remove()


def main():
    results = Results()
    if not os.path.exists(os.path.join(build_directory(), "bin", "smb-frontend")):
        results.not_ok("identity", "the daemons are not built")
        return results.exit_code()
    cluster = Cluster()
    try:
        test_takeover(results, cluster)
        test_refusals(results, cluster)
        test_changes_on_purpose(results, cluster)
    finally:
        cluster.remove()
    test_single_node(results)
    return results.exit_code()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.SubprocessError as error:
        print(f"not ok identity: {error}")
        sys.exit(1)
