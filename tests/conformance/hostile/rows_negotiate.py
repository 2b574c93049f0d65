"""Row 8: dialects and negotiate contexts."""

import os
import struct

import ntlm
from lab import check_status
from results import check, check_equal
from smb2_client import (DIALECT_311, INVALID_PARAMETER, NEGOTIATE, NO_PREAUTH_OVERLAP,
                         NOT_SUPPORTED, SUCCESS, default_contexts, header, list_context,
                         negotiate_context, preauth_context)

CIPHERS = list_context(2, (2,))


def refused_contexts():
    preauth = preauth_context()
    return {
        "no context": [],
        "no preauthentication context": [CIPHERS],
        "hash count larger than its data": [preauth_context(count=30000)],
        "hash count 65535": [preauth_context(count=65535)],
        "hash count 0": [preauth_context(algorithms=())],
        "salt longer than its data": [preauth_context(salt_length=65535)],
        "salt one byte too long": [preauth_context(salt_length=33)],
        "DataLength past the message": [preauth, negotiate_context(2, b"\1\0\2\0", length=65535)],
        "DataLength of 1": [preauth, negotiate_context(2, b"\1\0\2\0", length=1)],
        "empty preauthentication context": [negotiate_context(1, b"")],
        "cipher count 0": [preauth, list_context(2, ())],
        "cipher count 65535": [preauth, list_context(2, (1, 2), count=65535)],
        "signing count 65535": [preauth, list_context(8, (0,), count=65535)],
        "signing count 0": [preauth, list_context(8, ())],
        "two preauthentication contexts": [preauth, preauth],
        "two encryption contexts": [preauth, CIPHERS, CIPHERS],
        "two signing contexts": [preauth, list_context(8, (0,)), list_context(8, (0,))],
        "two compression contexts": [preauth, negotiate_context(3, struct.pack("<HHIH", 1, 0, 0, 1)),
                                     negotiate_context(3, struct.pack("<HHIH", 1, 0, 0, 1))],
        "compression count lies": [preauth, negotiate_context(3, struct.pack("<HHIH", 9, 0, 0, 1))],
        "compression cut off": [preauth, negotiate_context(3, b"\1\0\0")],
    }


def test_refused_contexts(lab, results):
    for name, contexts in refused_contexts().items():
        with results.test(f"row 8: {name} is INVALID_PARAMETER"), lab.raw() as client:
            client.send_frame(client.negotiate_message((DIALECT_311,), contexts))
            check_status(client.answer(), INVALID_PARAMETER)
    contexts = default_contexts()
    size = 64 + 36 + 2
    for name, fields in (("offset inside the header", {"contexts_offset": 8}),
                         ("offset not aligned", {"contexts_offset": size + 3}),
                         ("offset inside the dialects", {"contexts_offset": 96}),
                         ("offset past the end", {"contexts_offset": 4096}),
                         ("offset 2^32 - 8", {"contexts_offset": 0xFFFFFFF8}),
                         ("count one too many", {"contexts_count": 4}),
                         ("count 65535", {"contexts_count": 65535}),
                         ("count 0", {"contexts_count": 0})):
        with results.test(f"row 8: contexts with {name} are INVALID_PARAMETER"):
            with lab.raw() as client:
                client.send_frame(client.negotiate_message((DIALECT_311,), contexts, **fields))
                check_status(client.answer(), INVALID_PARAMETER)


def test_served_contexts(lab, results):
    unknown = negotiate_context(0x7777, os.urandom(40))
    for name, contexts in (
            ("unknown contexts", [unknown, *default_contexts(), unknown]),
            ("an empty salt", [preauth_context(salt=b""), CIPHERS, list_context(8, (0,))]),
            ("unknown algorithms beside known ones",
             [preauth_context((0x99, 1, 0x77)), list_context(2, (0x99, 2)),
              list_context(8, (0x55, 0))])):
        with results.test(f"row 8: {name} are served, and a logon follows"):
            with lab.raw() as client:
                client.negotiate((DIALECT_311,), contexts)
                client.logon(lab.server.user, lab.server.password)
                client.tree_connect("data")
    with results.test("row 8: no common hash is SMB_NO_PREAUTH_INTEGRITY_HASH_OVERLAP"):
        with lab.raw() as client:
            client.send_frame(client.negotiate_message((DIALECT_311,), [preauth_context((9,))]))
            check_status(client.answer(), NO_PREAUTH_OVERLAP)
    with results.test("row 8: no common cipher is answered with cipher 0"), lab.raw() as client:
        answer = client.negotiate((DIALECT_311,), [preauth_context(), list_context(2, (0x44,))])
        offset = struct.unpack_from("<I", answer.body, 60)[0]
        count = struct.unpack_from("<H", answer.body, 6)[0]
        ciphers = [data for kind, data in contexts_of(answer.message, offset, count) if kind == 2]
        check_equal(ciphers, [struct.pack("<HH", 1, 0)], "the encryption context")
    with results.test("row 8: a refused NEGOTIATE leaves no half of a dialect behind"):
        with lab.raw() as client:
            client.send_frame(client.negotiate_message((DIALECT_311,), [CIPHERS]))
            check_status(client.answer(), INVALID_PARAMETER)
            client.send_frame(client.setup_message(ntlm.negotiate_message()))
            for answer in client.wait_closed(5):
                check(answer.status not in (0, 0xC0000016), "a logon began without a dialect")


def contexts_of(message, offset, count):
    for _ in range(count):
        offset += -offset % 8
        kind, length = struct.unpack_from("<HH", message, offset)
        yield kind, message[offset + 8:offset + 8 + length]
        offset += 8 + length


def test_dialects(lab, results):
    for name, dialects, status in (("no dialect", (), INVALID_PARAMETER),
                                   ("only unknown ones", (0x1111, 0x0299), NOT_SUPPORTED)):
        with results.test(f"row 8: {name}"), lab.raw() as client:
            client.send_frame(client.negotiate_message(dialects))
            check_status(client.answer(), status)
    with results.test("row 8: a DialectCount of 65535 is INVALID_PARAMETER"), lab.raw() as client:
        body = struct.pack("<HHHHI", 36, 65535, 1, 0, 0) + bytes(24) + struct.pack("<H", 0x0210)
        client.send_frame(header(NEGOTIATE, 0, charge=0) + body)
        check_status(client.answer(), INVALID_PARAMETER)
    with results.test("row 8: thousands of dialects are refused or served, not copied for ever"):
        with lab.raw() as client:
            client.send_frame(client.negotiate_message((0x0210,) * 20000))
            check_status(client.answer(), SUCCESS, INVALID_PARAMETER)
    for name, message in (
            ("no dialect", b""), ("a string without end", b"\x02SMB 2.002"),
            ("no buffer format", b"SMB 2.002\0"), ("10,000 dialects", b"\x02X\0" * 10000),
            ("only old dialects", b"\x02NT LM 0.12\0")):
        with results.test(f"row 8: SMB1 negotiate with {name} is a disconnect"):
            with lab.raw() as client:
                client.send_frame(b"\xffSMBr" + bytes(27) + b"\0" +
                                  struct.pack("<H", len(message)) + message)
                check_equal(client.wait_closed(5), [], "answers")
    with results.test("row 8: SMB1 negotiate whose ByteCount lies is a disconnect"):
        with lab.raw() as client:
            client.send_frame(b"\xffSMBr" + bytes(27) + b"\0\xff\xff\x02SMB 2.002\0")
            check_equal(client.wait_closed(5), [], "answers")
    with results.test("row 8: every truncation of a NEGOTIATE is refused"):
        with lab.raw() as probe:
            whole = probe.negotiate_message((DIALECT_311,), default_contexts())
        # The padding after the last context is not part of the message proper.
        for size in list(range(0, len(whole) - 8, 3)):
            with lab.raw() as client:
                client.send_frame(whole[:size])
                if size == 0:
                    continue
                client.finish_sending()
                for answer in client.wait_closed(5):
                    check_status(answer, INVALID_PARAMETER)


def run(lab, results):
    test_refused_contexts(lab, results)
    test_served_contexts(lab, results)
    test_dialects(lab, results)
