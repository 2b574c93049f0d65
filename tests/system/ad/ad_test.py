#!/usr/bin/python3
"""conf/active-passive.conf, as it is, in a real Active Directory: a Samba domain controller.

1. Logons by ticket and by password, signed and sealed: SIDs from the PAC, ids as SSSD gives them, the
   file's owner; a user with 300 groups.
2. Refused: a bad password, a disabled user, NTLM for a user of the domain (whose password is not here).
   A user of the node's own database logs on with NTLM.
3. A session ends with its ticket, and goes on after another logon (smbtorture).
4. The controller is silent: open sessions go on, holders of a ticket log on, others are told within
   seconds; the status says it, and nothing is killed. The name service (SSSD) is silent: the same.
   With a real SSSD groups and users have names before anybody has logged on.
5. The machine's password was changed without the keytab: the status says it.
"""

import contextlib
import ctypes
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "support"))
import grpc  # noqa: E402
from ad_lab import AdLab  # noqa: E402
from domain_server import DomainServer  # noqa: E402
from processes import is_alive, wait_until  # noqa: E402
from reflection_client import ReflectionClient  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402

DOMAIN, SERVER, SHARE = "yourdomain.com", "fusion-srv", "Data"  # As the configuration has them.
MANY_GROUPS = 300
SESSION_IN_S = 10
# A silent KDC costs the client what its krb5.conf says, the server nothing.
REFUSED_IN_S = 20
DEGRADED_IN_S = 30
RID_DOMAIN_USERS = 513
AUTH = "continuo.auth.v1.AuthService"


class Range(ctypes.Structure):
    _fields_ = [("min", ctypes.c_uint32), ("max", ctypes.c_uint32)]


def sssd_id_of(sid):
    """The id that SSSD's own library gives a SID."""
    library = ctypes.CDLL("libsss_idmap.so.0")
    context, limits, number = ctypes.c_void_p(), Range(), ctypes.c_uint32()
    domain = sid.rpartition("-")[0].encode()
    for code in (library.sss_idmap_init(None, None, None, ctypes.byref(context)),
                 library.sss_idmap_calculate_range(context, domain, None, ctypes.byref(limits)),
                 library.sss_idmap_add_domain(context, b"d", domain, ctypes.byref(limits)),
                 library.sss_idmap_sid_to_unix(context, sid.encode(), ctypes.byref(number))):
        check_equal(code, 0, "libsss_idmap's answer")
    return number.value


class Domain:
    """The lab, the server in it, and clients."""

    def __init__(self, lab, server):
        self.lab = lab
        self.server = server
        self.unc = f"//{server.address}/{SHARE}"
        self.data = os.path.join(server.shared, "data")

    def client_command(self, tool, *arguments, user=None, password=None):
        command = [tool, self.unc, *arguments]
        if "--use-kerberos=off" not in arguments:
            command.append("--use-kerberos=required")
        if user:
            command += ["-U", f"{user}%{password or self.lab.password}"]
        else:
            command.append("-N")
        return self.lab.in_namespace("cl", command)

    def smbclient(self, commands, *arguments, env=None, timeout_s=60, **who):
        return run(self.client_command("smbclient", "-c", commands, *arguments, **who), env=env,
                   timeout_s=timeout_s)

    def must(self, commands, *arguments, **who):
        code, output = self.smbclient(commands, *arguments, **who)
        check(code == 0 and "NT_STATUS" not in output, f"exit code {code}: {output}")
        return output

    def sessions_of(self, user):
        code, output = self.server.ctl("--json", "sessions")
        check_equal(code, 0, f"continuoctl sessions ({output})")
        return [session for session in json.loads(output).get("sessions", [])
                if session["user_name"] == user]

    @contextlib.contextmanager
    def held_session(self, *arguments, env=None, **who):
        """A client that stays: gives what to write its commands to."""
        client = subprocess.Popen(self.client_command("smbclient", *arguments, **who), env=env,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True)
        try:
            yield client.stdin
        finally:
            with contextlib.suppress(OSError):
                client.stdin.close()
            client.stdout.read()
            client.wait(timeout=30)

    def session(self, account, *arguments, **who):
        """A session of `account` as an administrator sees it, while a client holds it."""
        with self.held_session(*arguments, **who):
            check(wait_until(lambda: self.sessions_of(account), SESSION_IN_S, poll_s=0.1),
                  f"no session of {account}")
            return self.sessions_of(account)[0]

    def put(self, stdin, name):
        """A held client makes a file; true once it is there."""
        stdin.write(f"put /etc/hostname {name}\n")
        stdin.flush()
        return wait_until(lambda: os.path.exists(os.path.join(self.data, name)), SESSION_IN_S)

    def degraded(self):
        code, output = self.server.ctl("status", "--interval", "0")
        check("degraded" in output or code == 0, output)
        return [line for line in output.splitlines() if line.startswith("auth-service: ")]


def local_upn(lab, user):
    return f"{user}@{lab.realm}"


def check_identity(lab, session, user, groups):
    sid = lab.sid_of(user)
    check_equal(session["user_sid"], sid, "user SID")
    check_equal(session["domain_name"], lab.short_domain, "domain")
    check_equal(session["uid"], sssd_id_of(sid), "uid")
    domain = sid.rpartition("-")[0]
    check_equal(session["gid"], sssd_id_of(f"{domain}-{RID_DOMAIN_USERS}"), "gid")
    missing = set(lab.group_sids_of(*groups)) - set(session["group_sids"])
    check(not missing, f"groups {missing} are not in the session")


def test_logons(results, domain):
    lab = domain.lab
    environment = lab.ccache("alice")
    for protection in ("sign", "encrypt"):
        with results.test(f"logon by ticket, {protection} required"):
            session = domain.session("alice", f"--client-protection={protection}", env=environment)
            check_identity(lab, session, "alice", ("staff", "nested", "projects", "Domain Users"))
        with results.test(f"logon by password, {protection} required"):
            session = domain.session("bob", f"--client-protection={protection}",
                                     user=local_upn(lab, "bob"))
            check_identity(lab, session, "bob", ("staff", "Domain Users"))
            check(not set(lab.group_sids_of("projects")) & set(session["group_sids"]),
                  "bob is in a group of alice's")
    with results.test("a file belongs to the user: uid, gid and SID"):
        domain.must("put /etc/hostname owned", env=environment)
        owner = os.stat(os.path.join(domain.data, "owned"))
        sid = lab.sid_of("alice")
        check_equal(owner.st_uid, sssd_id_of(sid), "uid of the file")
        code, output = run(domain.client_command("smbcacls", "owned", "--numeric"), env=environment)
        check_equal(code, 0, f"smbcacls ({output})")
        check(f"OWNER:{sid}\n" in output, output)
        check(re.search(rf"GROUP:{sid.rpartition('-')[0]}-{RID_DOMAIN_USERS}\n", output), output)
    with results.test(f"a user with {MANY_GROUPS} groups logs on and makes a file"):
        session = domain.session("many", user=local_upn(lab, "many"))
        sid = lab.sid_of("many")
        inside = [group for group in session["group_sids"]
                  if group.startswith(sid.rpartition("-")[0])]
        check(len(inside) > MANY_GROUPS, f"{len(inside)} groups")
        domain.must("put /etc/hostname many", user=local_upn(lab, "many"))
    with results.test("the domain is known to the node that takes over"):
        path = os.path.join(domain.server.shared, "runstate", "identity")

        def is_kept():
            with open(path, encoding="utf-8") as file:
                return f"domain {lab.short_domain} S-1-5-21-" in file.read()
        check(wait_until(is_kept, SESSION_IN_S), "no domain in the identity")


def check_refused(domain, status, *arguments, **who):
    code, output = domain.smbclient("ls", *arguments, **who)
    check(code != 0 and status in output, f"exit code {code}, not {status}: {output}")


def test_refusals(results, domain):
    lab = domain.lab
    with results.test("refused: a bad password"):
        check_refused(domain, "NT_STATUS_LOGON_FAILURE", user=local_upn(lab, "alice"),
                      password="wrong")
    with results.test("refused: a disabled user"):
        # The client's Kerberos library has one word for disabled and locked out.
        check_refused(domain, "NT_STATUS_ACCOUNT_LOCKED_OUT", user=local_upn(lab, "locked"))
    with results.test("refused: NTLM for a user of the domain"):
        check_refused(domain, "NT_STATUS_LOGON_FAILURE", "--use-kerberos=off",
                      user=f"{lab.short_domain}\\alice")
        check_refused(domain, "NT_STATUS_LOGON_FAILURE", "--use-kerberos=off", user="alice")
    with results.test("a user of the node's own database logs on with NTLM"):
        code, output = domain.server.ctl("user", "add", "own", stdin=lab.password + "\n")
        check_equal(code, 0, f"user add ({output})")
        domain.must("ls", "--use-kerberos=off", user="own")


class ExpiryRun(threading.Thread):
    """smbtorture on tickets of 4 seconds, beside the rest; each takes 20 s."""

    def __init__(self, domain, name):
        super().__init__()
        self.domain = domain
        self.test = name
        self.outcome = (1, "not run")

    def run(self):
        self.outcome = run(
            self.domain.client_command("smbtorture", f"smb2.session.{self.test}",
                                       user=local_upn(self.domain.lab, "alice")), timeout_s=60)


def report_expiry(results, runs):
    for expiry in runs:
        with results.test(f"a session ends with its ticket and goes on after a logon: {expiry.test}"):
            expiry.join()
            code, output = expiry.outcome
            check(code == 0 and f"success: {expiry.test}" in output, output)


def test_silent_controller(results, domain):
    lab = domain.lab
    ticket = lab.ccache("bob")
    # So that the service's ticket is in the cache, too.
    domain.must("ls", env=ticket)
    daemons = domain.server.group()
    with domain.held_session(env=lab.ccache("alice")) as held:
        check(domain.put(held, "before-silence"), "the held session does not work")
        lab.silence_controller()
        silent_since = time.monotonic()
        try:
            with results.test("KDC silent: an open session goes on"):
                check(domain.put(held, "in-silence"), "the session has stopped")
            with results.test("KDC silent: who has a ticket logs on"):
                domain.must("ls", env=ticket, timeout_s=REFUSED_IN_S)
            with results.test("KDC silent: who has none is told within seconds"):
                code, output = domain.smbclient("ls", user=local_upn(lab, "alice"),
                                                timeout_s=REFUSED_IN_S)
                check(code != 0 and "NT_STATUS_NO_LOGON_SERVERS" in output, output)
                begun = time.monotonic()
                check_refused(domain, "NT_STATUS_LOGON_FAILURE", "--use-kerberos=off",
                              user=f"{lab.short_domain}\\alice")
                check(time.monotonic() - begun < 5, "the server took long to refuse")
            with results.test("KDC silent: the status says so, and nothing is killed"):
                check(wait_until(lambda: any("no KDC answers" in line
                                             for line in domain.degraded()), DEGRADED_IN_S, 0.5),
                      f"status: {domain.degraded()}")
                print(f"degraded after {time.monotonic() - silent_since:.1f} s")
                check(all(is_alive(pid) for pid in daemons), "a daemon has ended")
        finally:
            lab.wake_controller()
    with results.test("KDC back: the status is well again"):
        check(wait_until(lambda: not domain.degraded(), DEGRADED_IN_S, 0.5),
              f"status: {domain.degraded()}")


class SilentNameService:
    """Takes SSSD's clients in and never answers."""

    def __init__(self, path):
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        os.chmod(path, 0o666)
        self._socket.listen(64)

    def close(self):
        self._socket.close()


def test_silent_name_service(results, domain):
    path = os.path.join(domain.server.name_service_directory, "nss")
    service = SilentNameService(path)
    client = ReflectionClient(os.path.join(domain.server.run_dir, "auth-service.sock"))
    stuck = threading.Thread(target=ask_for_a_name, args=(client,))
    stuck.start()
    try:
        with results.test("name service silent: logons go on, the status says so"):
            check(wait_until(lambda: any("name service" in line for line in domain.degraded()),
                             DEGRADED_IN_S, 0.5), f"status: {domain.degraded()}")
            domain.must("ls", user=local_upn(domain.lab, "bob"))
    finally:
        service.close()
        os.unlink(path)
        stuck.join()
        client.close()
    with results.test("name service back: the status is well again"):
        check(wait_until(lambda: not domain.degraded(), DEGRADED_IN_S, 0.5),
              f"status: {domain.degraded()}")


def ask_for_a_name(client):
    with contextlib.suppress(grpc.RpcError):
        client.call(AUTH, "LookupNames", {"names": ["nobody-of-that-name"]})


def named(client, *names):
    found = client.call(AUTH, "LookupNames", {"names": list(names)}).get("results", [])
    return {entry["name"]: entry.get("sid") for entry in found}


def test_sssd(results, domain):
    lab = domain.lab
    client = ReflectionClient(os.path.join(domain.server.run_dir, "auth-service.sock"))
    group = f"staff@{lab.domain}"
    with domain.server.sssd():
        with results.test("SSSD runs: it names groups, and users who never logged on"):
            check(wait_until(lambda: named(client, group).get("staff"), DEGRADED_IN_S, 0.5),
                  "SSSD names nobody")
            check_equal(named(client, group, f"{lab.short_domain}\\Domain Admins"),
                        {"staff": lab.group_sids_of("staff")[0],
                         "Domain Admins": lab.group_sids_of("Domain Admins")[0]}, "SIDs of groups")
            check_equal(named(client, f"krbtgt@{lab.domain}", f"nobody@{lab.domain}"),
                        {"krbtgt": lab.sid_of("krbtgt"), "nobody": None}, "SIDs of users")
        with results.test("SSSD runs: a logon gets the same ids as without it"):
            session = domain.session("bob", user=local_upn(lab, "bob"))
            check_identity(lab, session, "bob", ("staff", "Domain Users"))
    with results.test("SSSD has gone: logons go on"):
        domain.must("ls", user=local_upn(lab, "bob"))
        check_equal(domain.degraded(), [], "status")
    client.close()


def test_changed_key(results, domain):
    with results.test("the machine's password was changed without the keytab: the status says so"):
        domain.lab.change_machine_password()
        check(wait_until(lambda: any("another key than the keytab" in line
                                     for line in domain.degraded()), DEGRADED_IN_S, 0.5),
              f"status: {domain.degraded()}")


def main():
    results = Results()
    begun = time.monotonic()
    with AdLab(DOMAIN, SERVER) as lab, DomainServer(lab) as server:
        print(f"ready after {time.monotonic() - begun:.1f} s", flush=True)
        domain = Domain(lab, server)
        expiry = [ExpiryRun(domain, name) for name in ("expire1s", "expire1e")]
        for one in expiry:
            one.start()
        test_logons(results, domain)
        test_refusals(results, domain)
        test_silent_name_service(results, domain)
        test_sssd(results, domain)
        report_expiry(results, expiry)
        test_silent_controller(results, domain)
        test_changed_key(results, domain)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
