#!/usr/bin/python3
"""What an administrator sees with any gRPC reflection client, and what another user does not.

1. Each daemon lists its services, describes them, and says that it serves.
2. While a client holds a file open and two byte ranges of it locked, sessions, opens and locks list
   them, to a reflection client and to continuoctl; nothing is listed once it is gone.
3. Another uid is refused: by the directory, and, once that lets it through, by each daemon.
"""

import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import grpc  # noqa: E402
from continuo_server import DAEMONS, ContinuoServer, ServerOptions  # noqa: E402
from processes import wait_until  # noqa: E402
from reflection_client import ReflectionClient  # noqa: E402
from results import Results, check, check_equal  # noqa: E402
import smb2_client  # noqa: E402

HEALTH = "grpc.health.v1.Health"
ADMIN = "continuo.admin.v1.AdminService"
FRONTEND = "continuo.frontend.v1.FrontendAdminService"
FSA = "continuo.fsa.v1.FsaAdminService"
OWN_SERVICES = {
    "smb-frontend": FRONTEND,
    "auth-service": "continuo.auth.v1.AuthAdminService",
    "fsa-state-service": FSA,
    "ca-store-service": "continuo.castore.v1.CaStoreAdminService",
    "tickle-service": "continuo.tickle.v1.TickleAdminService",
    "watchdog-supervisor": "continuo.supervisor.v1.SupervisorService",
}
# One method of each daemon's own that tells or changes something.
OWN_METHODS = {
    "smb-frontend": (FRONTEND, "ListOpens"),
    "auth-service": (OWN_SERVICES["auth-service"], "ListUsers"),
    "fsa-state-service": (FSA, "RecallDelegation"),
    "ca-store-service": (OWN_SERVICES["ca-store-service"], "GetStore"),
    "tickle-service": (OWN_SERVICES["tickle-service"], "ListAddresses"),
    "watchdog-supervisor": (OWN_SERVICES["watchdog-supervisor"], "ListHistory"),
}
HELD_NAME = "held.txt"
HELD_LOCKS = [(10, 20, True), (1000, 5, False)]  # Offset, length, is exclusive.
# [MS-SMB2] 2.2.26.1.
LOCK_SHARED, LOCK_EXCLUSIVE, LOCK_FAIL_IMMEDIATELY = 0x1, 0x2, 0x10
NOBODY = 65534
REFUSED = 13  # What the child of call_as_nobody exits with.


def socket_of(server, daemon):
    return os.path.join(server.run_dir, daemon + ".sock")


def test_each_daemon(results, server):
    for daemon in (*DAEMONS, "watchdog-supervisor"):
        client = ReflectionClient(socket_of(server, daemon))
        with results.test(f"{daemon} lists and describes its services"):
            services = client.services()
            for wanted in (HEALTH, ADMIN, OWN_SERVICES[daemon]):
                check(wanted in services, f"{wanted} is not in {services}")
            for name in services:
                check(client.service(name).methods, f"{name} has no methods")
        with results.test(f"{daemon} answers grpc.health.v1"):
            check_equal(client.call(HEALTH, "Check").get("status"), "SERVING", "status")
        with results.test(f"{daemon} tells its status"):
            check_equal(client.call(ADMIN, "GetStatus").get("daemon"), daemon, "name")
        client.close()


class HeldFile:
    """A client that holds a file open, with one exclusive and one shared lock in it."""

    def __init__(self, server):
        self.connection = smb2_client.Connection(server.address, server.port)
        self.connection.negotiate()
        self.connection.logon(server.user, server.password)
        self.connection.tree_connect("data")
        self.file = self.connection.create(HELD_NAME)
        for offset, length, is_exclusive in HELD_LOCKS:
            flags = LOCK_FAIL_IMMEDIATELY | (LOCK_EXCLUSIVE if is_exclusive else LOCK_SHARED)
            self.connection.must(smb2_client.LOCK, smb2_client.lock_body(
                self.file, [(offset, length, flags)]))

    def end(self):
        self.connection.close()


def locks_of(listing):
    """(offset, length, is exclusive) of each lock of the held file, in order."""
    return sorted((int(lock.get("offset", 0)), int(lock.get("length_bytes", 0)),
                   bool(lock.get("is_exclusive", False)))
                  for lock in listing.get("locks", []) if lock["path"].endswith(HELD_NAME))


def valid_sessions(frontend):
    """Sessions whose logon is complete."""
    return [session for session in frontend.call(FRONTEND, "ListSessions").get("sessions", [])
            if session["state"] == "SESSION_STATE_VALID"]


def test_listings(results, server):
    frontend = ReflectionClient(socket_of(server, "smb-frontend"))
    fsa = ReflectionClient(socket_of(server, "fsa-state-service"))
    client = HeldFile(server)
    try:
        with results.test("a session is listed while a client is there"):
            check_equal([session["user_name"] for session in valid_sessions(frontend)],
                        [server.user], "users of the sessions")
        with results.test("an open is listed while a client holds it"):
            paths = [entry.get("path") for entry in frontend.call(FRONTEND, "ListOpens")["opens"]]
            check_equal(paths, [HELD_NAME], "paths")
        with results.test("fsa-state-service lists the delegated open"):
            opens = fsa.call(FSA, "ListOpens").get("opens", [])
            check_equal([entry["path"].rpartition("/")[2] for entry in opens], [HELD_NAME], "names")
        with results.test("fsa-state-service lists the locks that a client holds"):
            check_equal(locks_of(fsa.call(FSA, "ListLocks")), HELD_LOCKS, "locks")
        with results.test("a connection and a tree connect are listed"):
            check(frontend.call(FRONTEND, "ListConnections").get("connections"), "no connection")
            trees = frontend.call(FRONTEND, "ListTreeConnects").get("tree_connects", [])
            check_equal([tree.get("share") for tree in trees], ["data"], "shares")
        test_continuoctl(results, server)
    finally:
        client.end()
    with results.test("nothing is listed once the client is gone"):
        check(wait_until(lambda: not frontend.call(FRONTEND, "ListSessions").get("sessions"), 10),
              "the session is still listed")
        check(not fsa.call(FSA, "ListOpens").get("opens"), "an open is still listed")
        check(not fsa.call(FSA, "ListLocks").get("locks"), "a lock is still listed")
        for command in ("sessions", "opens", "locks"):
            check_equal(ctl_json(server, command), [], f"continuoctl {command}")
    frontend.close()
    fsa.close()


def ctl_json(server, command):
    """What `continuoctl --json COMMAND` lists."""
    code, output = server.ctl("--json", command)
    check_equal(code, 0, f"exit code of continuoctl {command} ({output})")
    return json.loads(output).get(command, [])


def test_continuoctl(results, server):
    with results.test("continuoctl sessions --json lists the client's session"):
        sessions = ctl_json(server, "sessions")
        check_equal([session["user_name"] for session in sessions], [server.user], "users")
    with results.test("continuoctl opens --json lists the client's open"):
        check_equal([entry["path"] for entry in ctl_json(server, "opens")], [HELD_NAME], "paths")
    with results.test("continuoctl locks --json lists the client's locks"):
        check_equal(locks_of({"locks": ctl_json(server, "locks")}), HELD_LOCKS, "locks")


def call_as_nobody(server, daemon, service, method):
    """Calls in a child that is another user; returns REFUSED or 0, or 1 with what went wrong."""
    script = ("import os, sys\n"
              f"sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r} + '/../support')\n"
              "import grpc\n"
              "from reflection_client import ReflectionClient\n"
              f"os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})\n"
              "try:\n"
              f"    ReflectionClient({socket_of(server, daemon)!r}).call({service!r}, {method!r})\n"
              "except (grpc.RpcError, RuntimeError) as error:\n"
              "    print(error)\n"
              f"    sys.exit({REFUSED})\n")
    return subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False, text=True)


def test_other_user(results, server):
    for daemon in (*DAEMONS, "watchdog-supervisor"):
        for service, method in ((ADMIN, "GetStatus"), (HEALTH, "Check")):
            with results.test(f"another user is refused {service.split('.')[-1]} of {daemon}"):
                done = call_as_nobody(server, daemon, service, method)
                check_equal(done.returncode, REFUSED, f"exit code ({done.stdout})")
    # From here on the file system lets anybody through, so that the daemons have to refuse.
    os.chmod(server.run_dir, 0o755)
    for entry in os.listdir(server.run_dir):
        if entry.endswith(".sock"):
            os.chmod(os.path.join(server.run_dir, entry), 0o666)
    for daemon in (*DAEMONS, "watchdog-supervisor"):
        for service, method in ((ADMIN, "GetStatus"), OWN_METHODS[daemon]):
            with results.test(f"{daemon} refuses another user {service.split('.')[-1]}/{method}"):
                done = call_as_nobody(server, daemon, service, method)
                check_equal(done.returncode, REFUSED, f"exit code ({done.stdout})")
                check("PERMISSION_DENIED" in done.stdout, done.stdout)


def main():
    results = Results("admin")
    with results.test("the group starts, drains and leaves nothing"), ContinuoServer(
            ServerOptions()) as server:
        for part in (test_each_daemon, test_listings, test_other_user):
            try:
                part(results, server)
            except grpc.RpcError as error:
                results.not_ok(part.__name__, error)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
