#!/usr/bin/python3
"""The resource agents ocf:continuo:server and ocf:continuo:address with the real daemons.

    ocf_test.py      in network, mount and UTS namespaces of its own, which it makes itself

Pacemaker is not there. Where an agent asks it, the answers come from a file (CIB_file), as the
Pacemaker tools read it.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import processes  # noqa: E402
from continuo_server import ROOT, build_directory  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

AGENTS = os.path.join(ROOT, "deploy", "pacemaker", "ocf")
SCHEMAS = "/usr/share/resource-agents"
ADDRESS = "10.78.0.50"
PORT = 445
SUCCESS, GENERIC, ARGS, UNIMPLEMENTED, INSTALLED, CONFIGURED, NOT_RUNNING = 0, 1, 2, 3, 5, 6, 7

TSMB_CONF = """[global]
userdb_type = text
userdb_file = {state}/users.db
privilegedb = {state}/privileges.db
runstate_dir = {state}
metrics_listen = off
listen = ANY,0.0.0.0,IPv4,{port},DIRECT_TCP
ca = true
ca_path = {ca}
watchdog_interval = 500ms
watchdog_timeout = 5s
[/global]
[share]
netname = data
path = {data}
[/share]
"""

CIB = """<cib validate-with="pacemaker-3.0" crm_feature_set="3.0.14" epoch="1" num_updates="0"
  admin_epoch="0"><configuration>
<crm_config><cluster_property_set id="options">
<nvpair id="stonith" name="stonith-enabled" value="true"/></cluster_property_set></crm_config>
<nodes><node id="1" uname="n1"/><node id="2" uname="n2"/></nodes>
<resources><primitive id="server" class="ocf" provider="heartbeat" type="Dummy"/></resources>
<constraints/></configuration><status>
<node_state id="1" uname="n1" in_ccm="{n1}" crmd="{crmd}" join="{join}" expected="{join}">
<lrm id="1"><lrm_resources>{state}</lrm_resources></lrm></node_state>
<node_state id="2" uname="n2" in_ccm="true" crmd="online" join="member" expected="member"/>
</status></cib>
"""

RUNS_ON_N1 = """<lrm_resource id="server" class="ocf" provider="heartbeat" type="Dummy">
<lrm_rsc_op id="server_last_0" operation="start" operation_key="server_start_0" call-id="2"
  rc-code="0" op-status="0" on_node="n1" interval="0" transition-key="1:1:0:a"
  transition-magic="0:0;1:1:0:a"/></lrm_resource>"""


class Node:
    """An instance of both agents: what Pacemaker gives them, and what they said."""

    def __init__(self, directory, name="n1", port=PORT, ca=None):
        self.directory = os.path.join(directory, name)
        self.run_dir = os.path.join(self.directory, "run")
        self.config = os.path.join(self.directory, "tsmb.conf")
        self.log = os.path.join(self.directory, "log")
        self.name = name
        state, data = os.path.join(self.directory, "state"), os.path.join(directory, "data")
        self.ca = ca or os.path.join(directory, "ca")
        for path in (self.directory, state, data, self.ca):
            os.makedirs(path, exist_ok=True)
        self.config_text = TSMB_CONF.format(state=state, data=data, ca=self.ca, port=port)
        self.write_config(self.config_text)
        self.cib = None
        self.said = ""

    def write_config(self, text):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text)

    def parameters(self, agent):
        programs = os.path.join(build_directory(), "bin")
        common = {"config": self.config, "run_dir": self.run_dir,
                  "continuoctl": f"{programs}/continuoctl"}
        if agent == "address":
            return {**common, "ip": ADDRESS}
        return {**common, "supervisor": f"{programs}/watchdog-supervisor", "log": self.log}

    def call(self, agent, action, before=(), **changes):
        """Runs one action as Pacemaker does; returns its code."""
        values = {**self.parameters(agent), **changes}
        environment = dict(os.environ, OCF_ROOT="/usr/lib/ocf", OCF_RESOURCE_INSTANCE=agent,
                           OCF_RESKEY_CRM_meta_timeout="10000", __OCF_ACTION=action,
                           CIB_file=self.cib or "/nonexistent",
                           **{f"OCF_RESKEY_{k}": v for k, v in values.items() if v is not None})
        enter = ["unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', self.name]
        code, self.said = run([*enter, *before, os.path.join(AGENTS, agent), action],
                              env=environment)
        print(f"# {self.name}: {agent} {action}: {code} {self.said}", flush=True)
        return code

    def must(self, agent, action, wanted=SUCCESS, **arguments):
        code = self.call(agent, action, **arguments)
        check(code == wanted, f"{agent} {action}: {code}, not {wanted}: {self.said}")

    def pids(self, daemon=""):
        return [pid for pid in processes.mentioning(f"--run-dir\0{self.run_dir}\0")
                if daemon in processes.name_of(pid)]

    @contextlib.contextmanager
    def broken_config(self):
        self.write_config("[global]\nno_such_key = 1\n[/global]\n")
        try:
            yield
        finally:
            self.write_config(self.config_text)

    @contextlib.contextmanager
    def started(self):
        self.must("server", "start")
        try:
            yield
        finally:
            self.must("server", "stop")
        check_equal(self.pids(), [], "what is left after the stop")


def rules():
    return subprocess.run("iptables -S; ip6tables -S", shell=True, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def write_cib(directory, name, **status):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(CIB.format(**status))
    os.chmod(path, 0o600)
    return path


# --- what the tools say ---

def test_metadata(results):
    for agent in ("server", "address"):
        with results.test(f"{agent}: meta-data is valid"):
            command = [os.path.join(AGENTS, agent), "meta-data"]
            data = subprocess.run(command, env=dict(os.environ, OCF_ROOT="/usr/lib/ocf"),
                                  check=True, text=True, stdout=subprocess.PIPE).stdout
            for schema in (["--dtdvalid", f"{SCHEMAS}/ra-api-1.dtd"],
                           ["--relaxng", f"{SCHEMAS}/metadata.rng"]):
                code, said = run(["xmllint", "--noout", "--path", SCHEMAS, *schema, "-"],
                                 stdin=data)
                check(code == 0, f"xmllint {schema[1]}: {said}")
    with results.test("shellcheck has no remarks"):
        code, said = run(["shellcheck", *(os.path.join(AGENTS, a) for a in ("server", "address"))])
        check(code == 0, said)


def test_ocf_tester(results, node):
    os.environ["CIB_file"] = "/nonexistent"

    def tester(agent):
        options = [part for name, value in node.parameters(agent).items()
                   for part in ("-o", f"{name}={value}")]
        code, said = run(["ocf-tester", "-n", agent, *options, os.path.join(AGENTS, agent)],
                         timeout_s=120)
        print(said)
        check(code == 0, said)

    with results.test("server: ocf-tester"):
        tester("server")
    with results.test("address: ocf-tester"):
        with node.started():
            tester("address")


# --- the server ---

def test_server_life(results, node):
    with results.test("server: not running before the start, and stops then too"):
        node.must("server", "monitor", NOT_RUNNING)
        node.must("server", "stop")
        node.must("server", "validate-all")
    with results.test("server: started twice and stopped twice"):
        with node.started():
            pids = node.pids()
            node.must("server", "start")
            check_equal(node.pids(), pids, "the processes after a second start")
            node.must("server", "monitor")
            check("continuo-" in rules(), "no rules for a silent death")
        node.must("server", "stop")
        node.must("server", "monitor", NOT_RUNNING)
        check("continuo-" not in rules(), f"rules are left: {rules()}")
    with results.test("server: an unknown action is not implemented"):
        node.must("server", "promote", UNIMPLEMENTED)


def test_server_failures(results, node):
    with results.test("server: a dead daemon ends the group, and the monitor says so"):
        with node.started():
            processes.send(node.pids("auth-service")[0], signal.SIGKILL)
            check(processes.wait_until(lambda: not node.pids(), 5), "the group lives on")
            node.must("server", "monitor", NOT_RUNNING)
    with results.test("server: a daemon that does not answer is an error"):
        with node.started():
            processes.send(node.pids("auth-service")[0], signal.SIGSTOP)
            node.must("server", "monitor", GENERIC)
    with results.test("server: a daemon without a supervisor is an error, and the stop ends it"):
        node.must("server", "stop")
        with lone_daemon(node, 0) as daemon:
            node.must("server", "monitor", GENERIC)
            node.must("server", "stop")
            check(daemon.wait(5) != 0, "it lives on")
    with results.test("server: a stop that cannot kill is an error that names the process"):
        with lone_daemon(node, 65534) as daemon:
            node.must("server", "stop", GENERIC, before=("setpriv", "--bounding-set=-kill"))
            check(str(daemon.pid) in node.said, node.said)


@contextlib.contextmanager
def lone_daemon(node, uid):
    """A process that looks like a daemon of the group and is nobody's child there."""
    with subprocess.Popen(["/usr/sbin/auth-service", "-c", "import time; time.sleep(600)",
                           "--run-dir", node.run_dir], executable="/usr/bin/python3",
                          user=uid) as process:
        try:
            check(processes.wait_until(lambda: node.pids("auth-service"), 5), "it does not run")
            yield process
        finally:
            process.kill()


def test_server_configuration(results, node):
    with results.test("server: a broken file is this node's error, not the cluster's"):
        with node.broken_config():
            node.must("server", "validate-all", ARGS)
            check("no_such_key" in node.said, node.said)
            node.must("server", "start", ARGS)
            node.must("server", "monitor", NOT_RUNNING)
            node.must("server", "stop")
    with results.test("server: a file or program that is not there is an installation error"):
        node.must("server", "start", INSTALLED, config="/nonexistent/tsmb.conf")
        node.must("server", "start", INSTALLED, supervisor="/nonexistent/supervisor")
        node.must("server", "monitor", NOT_RUNNING, supervisor="/nonexistent/supervisor")
    with results.test("server: a file that breaks later neither fails the monitor nor the stop"):
        node.must("server", "start")
        with node.broken_config():
            node.must("server", "monitor")
            node.must("server", "stop")
        check("continuo-" not in rules(), f"rules are left: {rules()}")


# --- one store, two owners ---

def test_two_owners(results, directory):
    first = Node(directory)
    twin = Node(os.path.join(directory, "twin"), "n1", 1445, ca=first.ca)
    standby = Node(directory, "n2", 1446)

    def check_refused(node):
        node.must("server", "start", GENERIC)
        check("in use by node n1" in node.said, f"the owner is not named: {node.said}")
        node.must("server", "stop")
        first.must("server", "monitor")

    with first.started():
        with results.test("server: the second of two starts on one node is refused"):
            check_refused(twin)
        with results.test("server: a start on the standby is refused while the store is in use"):
            check_refused(standby)
        with results.test("server: nor does fencing let it in while the other node has the group"):
            standby.cib = write_cib(directory, "cib-runs", n1="true", crmd="online", join="member",
                                    state=RUNS_ON_N1)
            check_refused(standby)
        # As a power loss leaves it: no word that it stopped in order.
        processes.kill_all(first.pids())
    with results.test("server: a store that was not released is refused without proof"):
        standby.cib = None
        standby.must("server", "start", GENERIC)
        check("n1" in standby.said, standby.said)
        standby.must("server", "stop")
    with results.test("server: the standby takes it over from a fenced node"):
        standby.cib = write_cib(directory, "cib-fenced", n1="false", crmd="offline", join="down",
                                state="")
        with standby.started():
            standby.must("server", "monitor")


# --- the address ---

def is_reset(connection):
    try:
        connection.recv(1)
    except ConnectionResetError:
        return True
    except TimeoutError:
        pass
    return False


def test_address(results, node):
    def has_address(is_there):
        run(["ip", "addr", "add" if is_there else "del", f"{ADDRESS}/32", "dev", "lo"])

    has_address(False)
    with results.test("address: not running before the start; without the address none"):
        node.must("address", "monitor", NOT_RUNNING)
        node.must("address", "start", GENERIC)
        node.must("address", "stop")
    with results.test("address: parameters that are none are configuration errors"):
        node.must("address", "start", CONFIGURED, ip="")
        node.must("address", "validate-all", CONFIGURED, ip="fileserver")
        node.must("address", "stop", ip="")
    has_address(True)
    with node.started():
        with results.test("address: started twice and stopped twice"):
            for action in ("start", "start", "monitor", "stop", "stop"):
                node.must("address", action)
            node.must("address", "monitor", NOT_RUNNING)
        with results.test("address: an address that is gone is an error, and the stop succeeds"):
            node.must("address", "start")
            has_address(False)
            node.must("address", "monitor", GENERIC)
            node.must("address", "stop")
            has_address(True)
        with results.test("address: the stop resets the connections, also with a broken file"):
            node.must("address", "start")
            with socket.create_connection((ADDRESS, PORT), timeout=5) as client:
                with node.broken_config():
                    node.must("address", "stop")
                check(is_reset(client), "the connection is still there")


def main():
    if "CONTINUO_OCF_TEST" not in os.environ:
        os.environ["CONTINUO_OCF_TEST"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--uts", sys.executable, __file__])
    results = Results()
    for command in ("ip link set lo up", f"ip addr add {ADDRESS}/32 dev lo", "hostname n1"):
        subprocess.run(command.split(), check=True)
    os.makedirs("/run/resource-agents", exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/run/resource-agents"], check=True)
    directory = tempfile.mkdtemp(prefix="ct-ocf-", dir="/var/tmp")
    os.chmod(directory, 0o755)
    try:
        node = Node(directory)
        test_metadata(results)
        test_ocf_tester(results, node)
        test_server_life(results, node)
        test_server_failures(results, node)
        test_server_configuration(results, node)
        test_address(results, node)
        test_two_owners(results, directory)
    finally:
        processes.kill_all(processes.mentioning(directory))
        shutil.rmtree(directory, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
