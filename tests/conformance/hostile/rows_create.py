"""Rows 16 and 23: create contexts and names."""

import os
import struct

from lab import check_alive, check_hex, open_status
from results import check, check_equal
from smb2_client import (CREATE, DIALECT_311, INVALID_PARAMETER, OBJECT_NAME_INVALID,
                         OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND, OBJECT_PATH_SYNTAX_BAD, READ,
                         SUCCESS, open_body, read_body)

BAD_NAME = (OBJECT_NAME_INVALID, OBJECT_PATH_SYNTAX_BAD, INVALID_PARAMETER)
MISSING = (OBJECT_NAME_NOT_FOUND, OBJECT_PATH_NOT_FOUND)


def context(name, data=b"", next_offset=0, name_offset=16, name_length=None, data_offset=None,
            data_length=None):
    padded = name + bytes(-len(name) % 8)
    at = 16 + len(padded) if data else 0
    return struct.pack("<IHHHHI", next_offset, name_offset, len(name) if name_length is None else
                       name_length, 0, at if data_offset is None else data_offset,
                       len(data) if data_length is None else data_length) + padded + data


def chain(*parts):
    joined = b""
    for index, part in enumerate(parts):
        is_last = index + 1 == len(parts)
        part = part if is_last else part + bytes(-len(part) % 8)
        joined += struct.pack("<I", 0 if is_last else len(part)) + part[4:]
    return joined


def bad_contexts():
    lease = os.urandom(16) + struct.pack("<IIQ", 7, 0, 0)
    good = context(b"MxAc")
    cases = {
        "Next to itself": context(b"MxAc", next_offset=0xFFFFFFF8),
        "Next of 8": context(b"MxAc", next_offset=8) + good,
        "Next not aligned": context(b"MxAc", next_offset=25) + bytes(1) + good,
        "Next past the end": context(b"MxAc", next_offset=4096),
        "Next to the end": context(b"MxAc", next_offset=24),
        "Next of 2^31": context(b"MxAc", next_offset=0x80000000) + good,
        "name past the end": context(b"MxAc", name_offset=4000),
        "name inside the header": context(b"MxAc", name_offset=4),
        "name of 65535": context(b"MxAc", name_length=65535),
        "name of 0": context(b"MxAc", name_length=0),
        "name of 3": context(b"MxA"),
        "data past the end": context(b"AlSi", bytes(8), data_offset=4000),
        "data over the name": context(b"AlSi", bytes(8), data_offset=16),
        "data not aligned": context(b"AlSi", bytes(9), data_offset=25, data_length=8),
        "data of 2^32 - 1": context(b"AlSi", bytes(8), data_length=0xFFFFFFFF),
        "data over the next context": context(b"AlSi", bytes(8), next_offset=32,
                                              data_length=24) + good,
        "fifteen bytes": bytes(15),
        "10,000 contexts": chain(*[context(b"XyZw")] * 2500 + [context(b"QFid")] * 2),
        "two MxAc": chain(good, good),
        "two leases": chain(context(b"RqLs", lease), context(b"RqLs", lease)),
        "two durable requests": chain(context(b"DHnQ", bytes(16)), context(b"DHnQ", bytes(16))),
    }
    for size in (0, 1, 31, 33, 51, 53, 200):
        cases[f"lease of {size} bytes"] = context(b"RqLs", bytes(size))
    for name, sizes in ((b"DHnQ", (0, 15, 17)), (b"DHnC", (0, 15, 17)), (b"DH2Q", (0, 31, 33)),
                        (b"DH2C", (0, 35, 37)), (b"AlSi", (0, 7, 9)), (b"TWrp", (0, 7, 9)),
                        (b"MxAc", (1, 7, 9))):
        for size in sizes:
            cases[f"{name.decode()} of {size} bytes"] = context(name, bytes(size))
    return cases


def test_contexts(lab, results):
    with lab.connect() as client:
        for name, contexts in bad_contexts().items():
            with results.test(f"row 16: {name} is INVALID_PARAMETER"):
                status = open_status(client, "context-file", contexts=contexts, oplock=0xFF)
                check_hex(status, INVALID_PARAMETER)
        for name, fields in (("offset inside the request", {"contexts_offset": 64}),
                             ("offset not aligned", {"contexts_offset": 145}),
                             ("offset past the end", {"contexts_offset": 60000}),
                             ("offset of 2^32 - 8", {"contexts_offset": 0xFFFFFFF8}),
                             ("length of 2^32 - 1", {"contexts_length": 0xFFFFFFFF}),
                             ("length one too long", {"contexts_length": 25})):
            with results.test(f"row 16: contexts with {name} are INVALID_PARAMETER"):
                status = open_status(client, "context-file", contexts=context(b"MxAc"), **fields)
                check_hex(status, INVALID_PARAMETER)
        with results.test("row 16: security descriptors and EA lists that lie are refused"):
            for data in (b"\x01", bytes(20), b"\x01\0\x04\x80" + b"\xff" * 16,
                         b"\x01\0\x04\x80" + bytes(12) + struct.pack("<I", 20) +
                         b"\x02\0\xff\xff\xff\xff\0\0"):
                status = open_status(client, "context-file", contexts=context(b"SecD", data))
                if data != bytes(20):
                    check(status != SUCCESS, f"descriptor {data.hex()} was accepted")
            for data in (b"\xff\xff\xff\xff" + bytes(8), struct.pack("<IBBH", 0, 0, 200, 60000),
                         struct.pack("<IBBH", 4, 0, 1, 0) + b"a\0"):
                status = open_status(client, "context-file", contexts=context(b"ExtA", data))
                check(status != SUCCESS, f"EA list {data.hex()} was accepted")
        with results.test("row 16: what was refused made no file"):
            check("context-file" not in os.listdir(lab.server.path()), "the file is there")
        with results.test("row 16: unknown contexts are ignored"):
            client.create("context-ok", contexts=chain(context(b"ZZZZ", os.urandom(64)),
                                                       context(b"MxAc"), context(os.urandom(16))))
        for name, fields in (("name offset inside the request", {"name_offset": 100}),
                             ("name offset past the end", {"name_offset": 60000}),
                             ("name length past the end", {"name_length": 60000}),
                             ("odd name length", {"name_length": 3})):
            with results.test(f"row 16: {name} is INVALID_PARAMETER"):
                check_hex(open_status(client, "name", **fields), INVALID_PARAMETER)
        for name, fields in (("disposition 6", {"disposition": 6}),
                             ("disposition 2^32 - 1", {"disposition": 0xFFFFFFFF}),
                             ("share access 8", {"share": 8}),
                             ("all options", {"options": 0xFFFFFFFF}),
                             ("directory and not", {"options": 0x41})):
            with results.test(f"row 16: {name} is INVALID_PARAMETER"):
                check_hex(open_status(client, "name", **fields), INVALID_PARAMETER)
        check_alive(client)
    with lab.connect(DIALECT_311) as client:
        with results.test("row 16: durable reconnects to guessed ids find nothing"):
            for name, data in ((b"DHnC", os.urandom(16)), (b"DHnC", lab.innocent_file),
                               (b"DH2C", os.urandom(36)), (b"DH2C", lab.innocent_file + bytes(20))):
                check_hex(open_status(client, "innocent.dat", contexts=context(name, data)),
                          OBJECT_NAME_NOT_FOUND)


def bad_names():
    cases = {
        "..": "..", "..\\..": "..\\..", "a\\..\\..\\outside": "a\\..\\..\\outside",
        "..\\secret": "..\\secret", "dir\\..\\..": "dir\\..\\..", "leading backslash": "\\name",
        "dir/../../secret": "dir/../../secret", "/etc/passwd": "/etc/passwd",
        "//server/share": "//server/share", "..;": "..\\secret\\", ".": ".", "dir\\.": "dir\\.",
        "NUL first": "\0", "NUL inside": "na\0me", "NUL before ..": "a\0\\..\\b",
        "control character": "a\x01b", "0x1F": "a\x1fb",
        "double backslash": "dir\\\\file", "UNC": "\\\\server\\share\\file",
        "device path": "\\??\\C:\\x", "long path prefix": "\\\\?\\C:\\x",
        "drive": "C:\\windows", "256 characters": "x" * 256, "5,000 characters": "y" * 5000,
        "32,000 characters": "z" * 32000, "3,000 components": "\\".join("d" * 3000),
        "255 wide characters": "\u4e2d" * 255,
        "high surrogate alone": "a\ud800b", "low surrogate alone": "a\udc00b",
        "surrogates swapped": "\udc00\ud800", "high surrogate last": "a\ud800",
        "stream traversal": "file:..\\..\\secret", "stream with slash": "file:a/b",
        "stream ..": "file:..:$DATA\\x", "stream type unknown": "file:s:$BOGUS",
        "three colons": "file:a:b:c", "empty stream and type": "file::$BOGUS",
        "stream of a directory above": "..:stream", "stream name of 300": "file:" + "s" * 300,
        "stream with NUL": "file:s\0x",
    }
    cases.update({f"reserved {c}": f"a{c}b" for c in '<>"|?*'})
    return cases


def test_names(lab, results):
    outside = os.path.join(lab.server.directory, "secret")
    with open(outside, "w", encoding="ascii") as file:
        file.write("outside the share")
    os.makedirs(lab.server.path() + "/dir", exist_ok=True)
    before = set(os.listdir(lab.server.directory))
    with lab.connect() as client:
        client.create("file")
        inside = set(os.listdir(lab.server.path()))
        for label, name in bad_names().items():
            for disposition, kind in ((1, "open"), (3, "create")):
                with results.test(f"row 23: {label} is refused, {kind}"):
                    status = open_status(client, name, disposition=disposition)
                    allowed = BAD_NAME + MISSING + (0xC00000BB, 0xC0000106)
                    if label in ("stream name of 300",):
                        allowed += (OBJECT_NAME_NOT_FOUND,)
                    if label in ("dir\\.", "."):
                        allowed += (0xC00000BA,)
                    check(status in allowed, f"the status is 0x{status:08X}")
        with results.test("row 23: no name made or reached anything outside the share"):
            check_equal(set(os.listdir(lab.server.directory)), before, "the directory above")
            check_equal(set(os.listdir(lab.server.path())), inside, "the share")
    with lab.logged_on() as client:
        client.tree_connect("IPC$")
        for name in ("..\\srvsvc", "srvsvc\\..", "..\\..\\etc\\passwd", "srvsvc:stream", "\0", "",
                     "s" * 3000, "a\\b\\c", "\\..\\srvsvc", "srvsvc\0"):
            with results.test(f"row 23: pipe {name[:20]!r} is refused"):
                status = open_status(client, name, disposition=1)
                check(status != SUCCESS, "it was opened")
        for share in ("..", "data\\..", "data/..", "", "x" * 4000, "da\0ta", "data\\x", "$", "*"):
            with results.test(f"row 23: share {share[:20]!r} is refused"):
                try:
                    client.tree_connect(share)
                except AssertionError as refused:
                    check("got 0x" in str(refused), str(refused))
                else:
                    raise AssertionError("it was connected")
    test_links_by_name(lab, results, outside)


def test_links_by_name(lab, results, outside):
    """Symlinks that lead out of the share, made locally."""
    root = lab.server.path()
    links = {"to-file": outside, "to-directory": lab.server.directory, "to-root": "/",
             "relative-out": "../secret", "chain-1": "chain-2", "chain-2": "../secret",
             "loop-1": "loop-2", "loop-2": "loop-1", "to-proc": "/proc/self/root",
             "dir/up-twice": "../../secret"}
    for name, target in links.items():
        os.symlink(target, os.path.join(root, name))
    names = list(links) + ["to-directory\\secret", "to-root\\etc\\passwd", "to-proc\\etc\\passwd"]
    with lab.connect() as client:
        for name in names:
            with results.test(f"row 23: the symlink {name} is no way out"):
                answer = client.request(CREATE, open_body(name.replace("/", "\\"), disposition=1,
                                                          access=0x00120089))
                if answer.status == SUCCESS:  # An open of the link itself has no foreign data.
                    data = client.request(READ, read_body(answer.body[64:80], 200, 0))
                    check(b"outside" not in data.message and b"root:" not in data.message,
                          "data from outside the share")
        with results.test("row 23: nothing is created or truncated through a symlink"):
            for name in ("to-file", "relative-out", "chain-1", "to-directory\\made",
                         "dir\\up-twice"):
                for disposition in (0, 2, 3, 4, 5):
                    open_status(client, name, disposition=disposition)
            with open(outside, encoding="ascii") as file:
                check_equal(file.read(), "outside the share", "the file outside")
            check(not os.path.exists(lab.server.directory + "/made"), "a file was made outside")
    for name in links:
        path = os.path.join(root, name)
        if os.path.lexists(path):
            os.unlink(path)


def run(lab, results):
    test_contexts(lab, results)
    lab.check_innocent()
    test_names(lab, results)
