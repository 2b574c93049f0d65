#!/usr/bin/env python3
"""What a file carries beside its data, at sizes below and above what ext4 keeps in extended
attributes (about 4 KiB for all of a file): named streams and security descriptors of 2 KiB, 4 KiB,
64 KiB and 1 MiB. A stream of any size survives rename, death of the server and goes with its file;
a descriptor that does not fit is refused and the old one stays, and so does all else."""

import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import processes  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results, check, check_equal, run  # noqa: E402
from smb2_client import (CLOSE, CREATE, OBJECT_NAME_NOT_FOUND, QUERY_INFO, READ,  # noqa: E402
                         SET_INFO, SUCCESS, WRITE, Connection, close_body, hex_status, open_body,
                         read_body, write_body)

KIB = 1024
SIZES = (2 * KIB, 4 * KIB, 64 * KIB, 1024 * KIB)
CHUNK = 64 * KIB
DELETE_ACCESS = 0x00010000
FULL_ACCESS = 0x001F01FF
OPEN_IF, OPEN = 3, 1
DELETE_ON_CLOSE = 0x1000
INFO_FILE, INFO_SECURITY = 1, 3
RENAME, STREAMS = 10, 22
DACL = 4
SE_DACL_PRESENT, SE_SELF_RELATIVE = 0x4, 0x8000
EXT_MAGIC = "ext2/ext3"
# A DACL counts its bytes in 16 bits ([MS-DTYP] 2.4.5).
ACL_MAX = 0xFFFF
ACE_BYTES = 36


def pattern(size):
    return bytes((i * 7 + i // 251) & 0xFF for i in range(size))


def connect(server):
    client = Connection(server.address, server.port)
    client.negotiate()
    client.logon(server.user, server.password)
    client.tree_connect("data")
    return client


def set_info(client, file, info_type, info_class, data, additional=0):
    body = struct.pack("<HBBIHHI16s", 33, info_type, info_class, len(data), 96, 0, additional, file)
    charge = max(1, (len(data) + CHUNK - 1) // CHUNK)
    return client.request(SET_INFO, body + data, charge=charge)


def query_info(client, file, info_type, info_class, additional=0):
    body = struct.pack("<HBBIHHIII16s", 41, info_type, info_class, CHUNK, 0, 0, 0, additional, 0,
                       file)
    answer = client.must(QUERY_INFO, body + b"\0")
    offset, length = struct.unpack_from("<HI", answer.body, 2)
    return answer.message[offset:offset + length]


def write_all(client, file, data):
    for at in range(0, len(data), CHUNK):
        client.must(WRITE, write_body(file, data[at:at + CHUNK], at))


def read_all(client, file, size):
    out = b""
    while len(out) < size:
        out += client.must(READ, read_body(file, CHUNK, len(out))).body[16:]
    return out


def close(client, file):
    client.must(CLOSE, close_body(file))


def rename(client, old, new):
    file = client.create(old, access=FULL_ACCESS, disposition=OPEN)
    name = new.encode("utf-16le")
    data = struct.pack("<B7xQI", 0, 0, len(name)) + name
    check_equal(set_info(client, file, INFO_FILE, RENAME, data).status, SUCCESS, "rename's status")
    close(client, file)


def delete(client, name):
    file = client.create(name, access=DELETE_ACCESS, disposition=OPEN, options=DELETE_ON_CLOSE)
    close(client, file)


def stream_sizes(client, name):
    """{stream name: size} of [MS-FSCC] 2.4.47."""
    file = client.create(name, access=0x80, disposition=OPEN)
    data = query_info(client, file, INFO_FILE, STREAMS)
    close(client, file)
    found, at = {}, 0
    while True:
        following, length, size = struct.unpack_from("<IIQ", data, at)
        found[data[at + 24:at + 24 + length].decode("utf-16le")] = size
        if following == 0:
            return found
        at += following


def descriptor(size):
    """A self-relative descriptor ([MS-DTYP] 2.4.6) with a DACL that brings it near `size` bytes: all
    for everyone, then distinct users with a little each."""
    def ace(mask, sid):
        return struct.pack("<BBHI", 0, 0, 8 + len(sid), mask) + sid

    everyone = struct.pack("<BB6sI", 1, 1, b"\0\0\0\0\0\1", 0)
    aces = [ace(FULL_ACCESS, everyone)]
    for i in range((size - 20 - 8 - len(aces[0])) // ACE_BYTES):
        user = struct.pack("<BB6sIIIII", 1, 5, b"\0\0\0\0\0\5", 21, 1, 2, 3, 10000 + i)
        aces.append(ace(0x00120089, user))
    joined = b"".join(aces)
    acl = struct.pack("<BBHHH", 2, 0, (8 + len(joined)) & 0xFFFF, len(aces), 0) + joined
    return struct.pack("<BBHIIII", 1, 0, SE_SELF_RELATIVE | SE_DACL_PRESENT, 0, 0, 0, 20) + acl


def dacl_of(data):
    at = struct.unpack_from("<I", data, 16)[0]
    size = struct.unpack_from("<H", data, at + 2)[0]
    return data[at:at + size]


def restart_after_death(server):
    processes.kill_all(server.group())
    server.process.wait()
    server.launch()
    server.wait_ready()


def overflow_files(server):
    path = os.path.join(server.path(), ".continuo", "streams")
    return len(os.listdir(path)) if os.path.exists(path) else 0


def test_streams(results, server):
    with connect(server) as client:
        for size in SIZES:
            with results.test(f"a stream of {size} bytes is read back, listed, and follows a rename"):
                file = client.create(f"s{size}:Notes", disposition=OPEN_IF)
                write_all(client, file, pattern(size))
                close(client, file)
                rename(client, f"s{size}", f"renamed{size}")
                file = client.create(f"renamed{size}:notes", disposition=OPEN)
                check(read_all(client, file, size) == pattern(size), "other bytes came back")
                close(client, file)
                check_equal(stream_sizes(client, f"renamed{size}"),
                            {"::$DATA": 0, ":Notes:$DATA": size}, "the list of streams")
    restart_after_death(server)
    with connect(server) as client:
        for size in SIZES:
            with results.test(f"a stream of {size} bytes is there after the server's death"):
                file = client.create(f"renamed{size}:Notes", disposition=OPEN)
                check(read_all(client, file, size) == pattern(size), "other bytes came back")
                close(client, file)
        with results.test("nothing of a stream is left when its file is deleted"):
            check(overflow_files(server) > 0, "no stream was too large for an attribute")
            for size in SIZES:
                delete(client, f"renamed{size}")
                gone = client.request(CREATE, open_body(f"renamed{size}:Notes", disposition=OPEN))
                check_equal(gone.status, OBJECT_NAME_NOT_FOUND, "an open of a deleted file")
            check_equal(overflow_files(server), 0, "files in the overflow store")


def sizes_of_descriptors():
    # 64 KiB are one ACE less than that: the largest DACL there is. Beyond it a descriptor lies.
    return (*SIZES[:2], min(SIZES[2], ACL_MAX - ACE_BYTES), SIZES[3])


def set_dacl(client, file, data):
    return set_info(client, file, INFO_SECURITY, 0, data, DACL).status


def test_descriptors(results, server):
    kept = {}
    with connect(server) as client:
        for size in sizes_of_descriptors():
            name = f"d{size}"
            with results.test(f"a descriptor of {size} bytes is kept whole, or refused and the old "
                              "one stays"):
                file = client.create(name, access=FULL_ACCESS, disposition=OPEN_IF)
                old = descriptor(200)
                check_equal(hex_status(set_dacl(client, file, old)), hex_status(SUCCESS), "the first")
                stream = client.create(f"{name}:keep", disposition=OPEN_IF)
                write_all(client, stream, b"small")
                close(client, stream)
                new = descriptor(size)
                status = set_dacl(client, file, new)
                fits = status == SUCCESS
                wanted = new if fits else old
                got = query_info(client, file, INFO_SECURITY, 0, DACL)
                check_equal(dacl_of(got), dacl_of(wanted), "the DACL")
                kept[name] = dacl_of(wanted)
                check(fits or status >> 30 == 3, f"refused with {hex_status(status)}")
                check_equal(fits, size == SIZES[0], f"fits ({hex_status(status)})")
                check_equal(stream_sizes(client, name)[":keep:$DATA"], 5, "the stream beside it")
                close(client, file)
    restart_after_death(server)
    with connect(server) as client, results.test("descriptors are the same after a restart"):
        for name, dacl in kept.items():
            file = client.create(name, access=FULL_ACCESS, disposition=OPEN)
            check_equal(dacl_of(query_info(client, file, INFO_SECURITY, 0, DACL)), dacl, name)
            close(client, file)


def main():
    results = Results("metadata:")
    with ContinuoServer(ServerOptions()) as server:
        _, kind = run(["stat", "-f", "-c", "%T", server.path()])
        if kind.strip() != EXT_MAGIC:
            results.skip("streams and descriptors on ext4", f"/var/tmp is on {kind.strip()}")
        else:
            test_streams(results, server)
            test_descriptors(results, server)
    sys.exit(results.exit_code())


if __name__ == "__main__":
    main()
