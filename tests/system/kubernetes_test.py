#!/usr/bin/python3
"""The manifests of deploy/kubernetes: what they must say, and the published schemas of the API.

The schemas are those of the npm package kubernetes-models, fetched into a temporary directory.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import grpc
import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from continuo_server import (ROOT, ContinuoServer, ServerOptions, build_directory,  # noqa: E402
                             free_port)
from processes import wait_until  # noqa: E402
from results import Results, Skip, check, check_equal, run  # noqa: E402

MANIFEST = os.path.join(ROOT, "deploy", "kubernetes", "continuo.yaml")
SCHEMA_PACKAGE = "kubernetes-models@5.1.0"
NPM_TIMEOUT_S = 60

# Prints what is wrong with each of the objects in the file that is its argument. Fields that the
# schemas do not know pass; those that matter are looked at in test_promises.
VALIDATE_JS = """
const fs = require("fs");
const path = require("path");
const root = path.dirname(require.resolve("kubernetes-models/package.json"));
let code = 0;
for (const object of JSON.parse(fs.readFileSync(process.argv[2]))) {
  const place = path.join(root, object.apiVersion, object.kind + ".js");
  try {
    new (require(place)[object.kind])(object).validate();
  } catch (error) {
    console.log(object.kind + ": " + error.message);
    code = 1;
  }
}
process.exit(code);
"""


def load():
    with open(MANIFEST, encoding="utf-8") as file:
        return list(yaml.safe_load_all(file))


def of_kind(objects, kind):
    found = [o for o in objects if o["kind"] == kind]
    check_equal(len(found), 1, f"the number of objects of kind {kind}")
    return found[0]


def test_promises(results, objects):
    workload = of_kind(objects, "StatefulSet")["spec"]
    pod = workload["template"]["spec"]
    container = pod["containers"][0]
    with results.test("one replica of a StatefulSet, on a claim that one pod alone can have"):
        check_equal(workload["replicas"], 1, "replicas")
        check_equal(of_kind(objects, "PersistentVolumeClaim")["spec"]["accessModes"],
                    ["ReadWriteOncePod"], "the access mode")
    with results.test("all probes ask gRPC health on the port that tsmb.conf opens"):
        text = of_kind(objects, "ConfigMap")["data"]["tsmb.conf"]
        ports = {container[probe]["grpc"]["port"]
                 for probe in ("startupProbe", "readinessProbe", "livenessProbe")}
        check_equal(len(ports), 1, "the number of ports")
        check(f"health_listen = 0.0.0.0:{ports.pop()}" in text, "it is another port")
    with results.test("no capability but those that are named, none at all in the preparation"):
        for part in (container, *pod["initContainers"]):
            check_equal(part["securityContext"]["capabilities"]["drop"], ["ALL"], "drop")
            check(part["securityContext"]["readOnlyRootFilesystem"], "the root is writable")
        check("add" not in pod["initContainers"][0]["securityContext"]["capabilities"], "added")
    with results.test("the time for a drain is longer than the drain"):
        text = of_kind(objects, "ConfigMap")["data"]["tsmb.conf"]
        drain_s = int(text.split("drain_timeout = ")[1].split("s")[0])
        check(pod["terminationGracePeriodSeconds"] > drain_s + 5, "it is not")
    with results.test("the secret is none, and the pod does not start with it"):
        words = set(of_kind(objects, "Secret")["stringData"].values())
        check_equal(words, {"CHANGE-ME"}, "the passwords")
        check("CHANGE-ME" in pod["initContainers"][0]["command"][-1], "nobody looks for it")


def test_configuration(results, objects, directory):
    with results.test("tsmb.conf has no errors"):
        path = os.path.join(directory, "tsmb.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(of_kind(objects, "ConfigMap")["data"]["tsmb.conf"])
        code, said = run([os.path.join(build_directory(), "bin", "continuoctl"), "config", "check",
                          path])
        check(code == 0, said)


def health(address):
    """What a kubelet's probe gets: SERVING, NOT_SERVING, or the code of the failed call."""
    with grpc.insecure_channel(address) as channel:
        try:
            answer = channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)
        except grpc.RpcError as error:
            return error.code().name
    return {b"\x08\x01": "SERVING", b"\x08\x02": "NOT_SERVING"}.get(answer, answer)


def test_probe(results):
    with results.test("the probe says SERVING while all daemons do, and fails when the group dies"):
        address = f"127.0.0.1:{free_port('127.0.0.1')}"
        server = ContinuoServer(ServerOptions(global_lines=(f"health_listen = {address}",)))
        try:
            server.start()
            check_equal(health(address), "SERVING", "the probe's answer")
            os.kill(server.pid_of("tickle-service"), signal.SIGKILL)
            check(wait_until(lambda: health(address) == "UNAVAILABLE", 5), "it still answers")
        finally:
            server.abandon()


def fetch_schemas(directory):
    if shutil.which("npm") is None:
        raise Skip("no npm here")
    try:
        code, said = run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts",
                          "--prefix", directory, SCHEMA_PACKAGE], NPM_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise Skip("the npm registry does not answer") from None
    if code != 0:
        raise Skip(f"npm: {said}")


def validate(objects, directory, name):
    """Returns (exit code, what was said)."""
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(objects, file)
    return run(["node", os.path.join(directory, "validate.js"), path])


def test_schemas(results, objects, directory):
    with results.test("all objects are valid by the published schemas"):
        fetch_schemas(directory)
        with open(os.path.join(directory, "validate.js"), "w", encoding="utf-8") as file:
            file.write(VALIDATE_JS)
        code, said = validate(objects, directory, "objects.json")
        check(code == 0, said)
        # The check itself: a wrong type and a missing field are found.
        broken = json.loads(json.dumps(objects))
        of_kind(broken, "StatefulSet")["spec"]["replicas"] = "one"
        del of_kind(broken, "Service")["spec"]["ports"][0]["port"]
        code, said = validate(broken, directory, "broken.json")
        check(code != 0 and "StatefulSet" in said and "Service" in said, f"not found: {said}")


def main():
    results = Results()
    objects = load()
    directory = tempfile.mkdtemp(prefix="ct-kubernetes-", dir="/var/tmp")
    try:
        test_promises(results, objects)
        test_configuration(results, objects, directory)
        test_probe(results)
        test_schemas(results, objects, directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
