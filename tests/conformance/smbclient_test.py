#!/usr/bin/env python3
"""smbclient against a whole group of daemons: what people do with a share, byte for byte.

1. List shares; put, get and compare; names; attributes; errors of logon and tree connect.
2. All of it in one session with each dialect, plain, signed and sealed; a relay between smbclient
   and the server looks whether the messages are of that kind.
3. A tree of thousands of real files goes up and comes back, and is compared on both sides.
"""

import hashlib
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402
from smb_tap import SmbTap  # noqa: E402

DIALECTS = {"SMB2_02": 0x0202, "SMB2_10": 0x0210, "SMB3_00": 0x0300, "SMB3_02": 0x0302,
            "SMB3_11": 0x0311}
PROTECTIONS = ("off", "sign", "encrypt")
TREE_SOURCE = "/usr/include"
LEAST_TREE_FILES = 5000
TREE_TIMEOUT_S = 400


def file_digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digests(root):
    """Relative path to digest of each file; directories are told by a trailing slash."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in names:
            found[os.path.relpath(os.path.join(directory, name), root) + "/"] = ""
        for name in files:
            path = os.path.join(directory, name)
            found[os.path.relpath(path, root)] = file_digest(path)
    return found


def copy_regular_files(source, target):
    """Copies files and directories; what is a link becomes a file, dangling ones are left out.

    So is a name that differs from another only in the case of its letters: a share cannot hold both.
    """
    def differing_in_case_only(_, names):
        seen = set()
        return [name for name in sorted(names)
                if name.lower() in seen or seen.add(name.lower())]

    shutil.copytree(source, target, ignore=differing_in_case_only, ignore_dangling_symlinks=True)


class SmbClient:
    def __init__(self, server, scratch):
        self.server = server
        self.scratch = scratch

    def __call__(self, commands, *options, share="data", credentials=None, port=None,
                 timeout_s=60):
        """Runs smbclient commands with the scratch directory as the local one."""
        return run(["smbclient", self.server.unc(share), "-p", str(port or self.server.port), "-U",
                    credentials or self.server.credentials, "-D", "/", *options, "-c",
                    f"lcd {self.scratch}; {commands}"], timeout_s=timeout_s)

    def must(self, commands, *options, **arguments):
        code, output = self(commands, *options, **arguments)
        check(code == 0 and "NT_STATUS" not in output, f"exit code {code}: {output}")
        return output

    def local(self, name):
        return os.path.join(self.scratch, name)

    def make_file(self, name, size_bytes):
        with open(self.local(name), "wb") as file:
            file.write(os.urandom(size_bytes))
        return self.local(name)


def round_trip(client, *options, size_bytes=3 * 1024 * 1024 + 17):
    sent = client.make_file("sent.bin", size_bytes)
    client.must("put sent.bin trip.bin; get trip.bin back.bin; del trip.bin", *options)
    check_equal(file_digest(client.local("back.bin")), file_digest(sent), "what came back")


def test_listing(results, client):
    with results.test("-L lists the shares"):
        code, output = run(["smbclient", "-L", client.server.address, "-p",
                            str(client.server.port), "-U", client.server.credentials])
        check_equal(code, 0, "exit code")
        for share in ("data", "data2", "IPC$"):
            check(any(line.split()[:1] == [share] for line in output.splitlines()),
                  f"{share} is not in: {output}")


def test_files(results, client):
    on_server = client.server.path()
    for size in (0, 1, 65536, 9 * 1024 * 1024 + 5):
        with results.test(f"put and get {size} bytes"):
            round_trip(client, size_bytes=size)
    with results.test("put is on the server's disk as it was"):
        sent = client.make_file("disk.bin", 1 << 20)
        client.must("put disk.bin")
        check_equal(file_digest(os.path.join(on_server, "disk.bin")), file_digest(sent), "content")
    with results.test("the name keeps its case and is found in any"):
        client.make_file("case.bin", 100)
        client.must("put case.bin MixedCase.Bin; get mixedcase.bin case.back")
        check(os.path.exists(os.path.join(on_server, "MixedCase.Bin")), "the case was not kept")
    with results.test("a name beyond ASCII"):
        client.make_file("utf.bin", 100)
        output = client.must("put utf.bin Größe-東京.txt; get Größe-東京.txt utf.back; "
                             "ls Größe-東京.txt; ls größe-*; del GRÖßE-東京.TXT")
        check_equal(output.count("Größe-東京.txt"), 4, f"how often the name is in: {output}")
        check(not os.path.exists(os.path.join(on_server, "Größe-東京.txt")), "it is still there")
    with results.test("rename"):
        client.make_file("old.bin", 100)
        client.must("put old.bin; rename old.bin new.bin; get new.bin")
        check(not os.path.exists(os.path.join(on_server, "old.bin")), "the old name is there")
    with results.test("rename over an existing file is refused"):
        client.make_file("a.bin", 10)
        _, output = client("put a.bin a1.bin; put a.bin a2.bin; rename a1.bin a2.bin")
        check("NT_STATUS_OBJECT_NAME_COLLISION" in output, output)
    with results.test("delete"):
        client.make_file("gone.bin", 10)
        client.must("put gone.bin; del gone.bin")
        check(not os.path.exists(os.path.join(on_server, "gone.bin")), "it is still there")
    with results.test("delete of what is not there"):
        _, output = client("del nothing.bin")
        check("NT_STATUS_NO_SUCH_FILE" in output, output)
    with results.test("mkdir, cd, ls, rmdir"):
        output = client.must("mkdir dir1; cd dir1; mkdir inner; ls; rmdir inner; cd ..; rmdir dir1")
        check("inner" in output, output)
    with results.test("rmdir of a directory with files is refused"):
        client.make_file("in.bin", 10)
        _, output = client("mkdir full; put in.bin full/in.bin; rmdir full")
        check("NT_STATUS_DIRECTORY_NOT_EMPTY" in output, output)
    with results.test("deltree"):
        client.must("deltree full")
        check(not os.path.exists(os.path.join(on_server, "full")), "it is still there")


def test_metadata(results, client):
    client.make_file("meta.bin", 12345)
    with results.test("allinfo"):
        output = client.must("put meta.bin; allinfo meta.bin")
        for wanted in ("create_time:", "write_time:", "attributes:", "stream: [::$DATA], 12345"):
            check(wanted in output, f"{wanted} is not in: {output}")
    with results.test("setmode sets and clears DOS attributes"):
        output = client.must("setmode meta.bin +rsh; allinfo meta.bin")
        check("RHS" in output, output)
        output = client.must("setmode meta.bin -rsh; allinfo meta.bin")
        check("RHS" not in output, output)
    with results.test("a read-only file cannot be deleted"):
        _, output = client("setmode meta.bin +r; del meta.bin")
        check("NT_STATUS_CANNOT_DELETE" in output, output)
        client.must("setmode meta.bin -r; del meta.bin")
    with results.test("posix off"):
        check("blocks of size" in client.must("posix off; ls"), "nothing was listed after it")
    with results.test("volume and free space"):
        check("blocks available" in client.must("du; ls"), "no free space is told")


def make_small_tree(client):
    for directory in ("small/one/two", "small/empty", "small/Dir with spaces"):
        os.makedirs(client.local(directory), exist_ok=True)
    for i, directory in enumerate(("small", "small/one", "small/one/two", "small/Dir with spaces")):
        for number in range(5):
            client.make_file(f"{directory}/file {number}.bin", i * 40000 + number)
    return tree_digests(client.local("small"))


def whole_session(client, tree, protection, dialect):
    """Everything that people do, in one session; ends with an empty share."""
    sent = client.make_file("sent.bin", 300001)
    back = client.local("back")
    shutil.rmtree(back, ignore_errors=True)
    os.mkdir(back)
    with SmbTap(client.server.address, client.server.port) as tap:
        output = client.must(
            "put sent.bin trip.bin; get trip.bin back.bin; mkdir work; "
            "rename trip.bin work\\moved.bin; setmode work\\moved.bin +h; "
            "allinfo work\\moved.bin; posix off; ls work\\*; prompt off; recurse on; mput small; "
            "lcd back; mget small; recurse off; del work\\moved.bin; rmdir work; deltree small",
            f"--client-protection={protection}", "-m", dialect,
            f"--option=client min protocol={dialect}", share="data2", port=tap.port)
    check_equal(file_digest(client.local("back.bin")), file_digest(sent), "what came back")
    compare_trees(tree_digests(os.path.join(back, "small")), tree)
    for wanted in ("attributes: HA (22)", "stream: [::$DATA], 300001 bytes", "  moved.bin"):
        check(wanted in output, f"{wanted} is not in: {output}")
    check_equal(os.listdir(client.server.path("data2")), [], "what is left")
    check_equal(tap.dialects(), {DIALECTS[dialect]}, "the dialect")
    if protection == "sign":
        check(tap.all_signed(), "a message was not signed")
    check_equal(tap.all_sealed(), protection == "encrypt", "whether all messages are sealed")


def test_protection(results, client):
    for protection in PROTECTIONS:
        with results.test(f"put and get with --client-protection={protection}"):
            round_trip(client, f"--client-protection={protection}")
    tree = make_small_tree(client)
    for dialect in DIALECTS:
        for protection in PROTECTIONS:
            if protection == "encrypt" and dialect.startswith("SMB2"):
                continue
            with results.test(f"a whole session with {dialect} {protection}"):
                whole_session(client, tree, protection, dialect)


def test_refusals(results, client):
    server = client.server
    for name, share, credentials, wanted in (
            ("wrong password", "data", f"{server.user}%wrong", "NT_STATUS_LOGON_FAILURE"),
            ("unknown user", "data", "nobody-here%pw", "NT_STATUS_LOGON_FAILURE"),
            ("disabled user", "data", "retired%Old-pass-1", "NT_STATUS_ACCOUNT_DISABLED"),
            ("unknown share", "nothing", server.credentials, "NT_STATUS_BAD_NETWORK_NAME")):
        with results.test(name):
            code, output = client("ls", share=share, credentials=credentials)
            check(code != 0, "smbclient was let in")
            check(wanted in output, f"{wanted} is not in: {output}")


def test_tree(results, client):
    source = client.local("tree")
    copy_regular_files(TREE_SOURCE, source)
    wanted = tree_digests(source)
    files = [name for name in wanted if not name.endswith("/")]
    with results.test("the tree has over 5,000 files"):
        check(len(files) > LEAST_TREE_FILES, f"{len(files)} files in {TREE_SOURCE}")
    with results.test("mput of the tree, compared on the server"):
        client.must("prompt off; recurse on; mput tree", timeout_s=TREE_TIMEOUT_S)
        compare_trees(tree_digests(os.path.join(client.server.path(), "tree")), wanted)
    shutil.rmtree(source)
    with results.test("mget of the tree, compared where it arrives"):
        client.must("prompt off; recurse on; mget tree", timeout_s=TREE_TIMEOUT_S)
        compare_trees(tree_digests(source), wanted)
    with results.test("deltree of the tree"):
        client.must("deltree tree", timeout_s=TREE_TIMEOUT_S)
        check(not os.path.exists(os.path.join(client.server.path(), "tree")), "it is still there")


def compare_trees(got, wanted):
    missing = sorted(set(wanted) - set(got))
    added = sorted(set(got) - set(wanted))
    differing = sorted(name for name in wanted if name in got and got[name] != wanted[name])
    check(not missing, f"{len(missing)} missing: {missing[:5]}")
    check(not added, f"{len(added)} too many: {added[:5]}")
    check(not differing, f"{len(differing)} differ: {differing[:5]}")


def main():
    results = Results("smbclient")
    scratch = tempfile.mkdtemp(prefix="continuo-smbclient-")
    try:
        with results.test("the group starts, drains and leaves nothing"), ContinuoServer(
                ServerOptions(users={"retired": "Old-pass-1"})) as server:
            code, output = server.ctl("user", "disable", "retired")
            check_equal(code, 0, f"continuoctl user disable ({output})")
            client = SmbClient(server, scratch)
            for part in (test_listing, test_files, test_metadata, test_protection, test_refusals,
                         test_tree):
                part(results, client)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
