#!/usr/bin/python3
"""The examples of deploy/pacemaker and deploy/corosync are taken by the programs they are for.

    recipes_test.py  in network, mount and UTS namespaces of its own, which it makes itself
"""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from continuo_server import ROOT  # noqa: E402
from results import Results, check, run  # noqa: E402

DEPLOY = os.path.join(ROOT, "deploy")
PACEMAKER = os.path.join(DEPLOY, "pacemaker")
AGENT_ROOT = "/usr/lib/ocf/resource.d"


def must(command, **environment):
    code, said = run(command, env=dict(os.environ, **environment))
    print(said)
    check(code == 0, f"{command[0]}: {code}: {said}")
    return said


def lay_over_agents(directory):
    """Both recipes are checked against the agents' own meta-data."""
    shutil.copytree(os.path.join(PACEMAKER, "ocf"), os.path.join(directory, "agents", "continuo"))
    subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                    f"lowerdir={directory}/agents:{AGENT_ROOT}", AGENT_ROOT], check=True)


def empty_cib(directory, name):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(must(["cibadmin", "--empty"]))
    os.chmod(path, 0o600)
    return path


def check_cib(path):
    said = must(["crm_verify", "-V", "--xml-file", path])
    check("error" not in said.lower(), said)
    with open(path, encoding="utf-8") as file:
        text = file.read()
    order = [text.find(f'<primitive id="{name}"') for name in ("volume", "server", "ip", "address")]
    group = text.find('<group id="continuo"')
    check(0 <= group < order[0] and order == sorted(order), f"the group is not whole: {text}")


def start_corosync_check(directory):
    """Like a node of the example: its name, its addresses, a key."""
    shutil.copy(os.path.join(DEPLOY, "corosync", "corosync.conf"), directory)
    with open(os.path.join(directory, "authkey"), "wb") as file:
        file.write(os.urandom(256))
    os.chmod(os.path.join(directory, "authkey"), 0o400)
    subprocess.run(["mount", "--bind", directory, "/etc/corosync"], check=True)
    for command in ("hostname node1", "ip link set lo up", "ip addr add 10.0.1.1/32 dev lo",
                    "ip addr add 10.0.2.1/32 dev lo"):
        subprocess.run(command.split(), check=True)


def main():
    if "CONTINUO_RECIPES_TEST" not in os.environ:
        os.environ["CONTINUO_RECIPES_TEST"] = "1"
        os.execvp("unshare", ["unshare", "--net", "--mount", "--uts", sys.executable, __file__])
    results = Results()
    directory = tempfile.mkdtemp(prefix="ct-recipes-", dir="/var/tmp")
    try:
        lay_over_agents(directory)
        with results.test("pacemaker: crm loads the recipe, and crm_verify has no remarks"):
            cib = empty_cib(directory, "crm.xml")
            said = must(["crm", "configure", "load", "update",
                         os.path.join(PACEMAKER, "continuo.crm")], CIB_file=cib)
            check("ERROR" not in said, said)
            check_cib(cib)
        with results.test("pacemaker: pcs takes the recipe, and crm_verify has no remarks"):
            cib = empty_cib(directory, "pcs.xml")
            must([os.path.join(PACEMAKER, "continuo.pcs"), cib])
            check_cib(cib)
        with results.test("pacemaker: shellcheck has no remarks about the recipe"):
            must(["shellcheck", os.path.join(PACEMAKER, "continuo.pcs")])
        with results.test("corosync: the example is accepted"):
            start_corosync_check(directory)
            must(["corosync", "-t"])
    finally:
        subprocess.run(["umount", "/etc/corosync"], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(["umount", AGENT_ROOT], check=False)
        shutil.rmtree(directory, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
