"""Rows 13 and 14: signatures and sealed messages."""

import os
import struct

from lab import check_status, send_and_check_disconnected
from results import check, check_equal
from smb2_client import (ACCESS_DENIED, CREATE, DIALECT_210, DIALECT_311, ECHO, FLAG_SIGNED, IOCTL,
                         LOGOFF, READ, SUCCESS, TREE_CONNECT, TREE_DISCONNECT, WRITE, header,
                         open_body, read_body, write_body)

ECHO_BODY = struct.pack("<HH", 4, 0)
FSCTL_VALIDATE_NEGOTIATE_INFO = 0x00140204


def signing_required(lab, dialect):
    """The client says in NEGOTIATE and SESSION_SETUP that it requires signing."""
    client = lab.raw()
    plain_setup, plain_negotiate = client.setup_message, client.negotiate_message

    def setup_message(token, **fields):
        message = plain_setup(token, **fields)
        return message[:64 + 3] + b"\x02" + message[64 + 4:]

    def negotiate_message(dialects, contexts=None, **fields):
        message = plain_negotiate(dialects, contexts, **fields)
        return message[:64 + 4] + b"\x02\0" + message[64 + 6:]

    client.setup_message, client.negotiate_message = setup_message, negotiate_message
    client.negotiate((dialect,))
    client.logon(lab.server.user, lab.server.password)
    client.tree_connect("data")
    return client


def test_signatures(lab, results, dialect, label):
    with signing_required(lab, dialect) as client:
        file = client.create("signed.dat")
        client.must(WRITE, write_body(file, b"as it was", 0))
        path = "\\\\s\\data".encode("utf-16le")
        cases = {"CREATE": (CREATE, open_body("unsigned-made-this")),
                 "READ": (READ, read_body(file, 9, 0)),
                 "WRITE": (WRITE, write_body(file, b"tampered!", 0)),
                 "TREE_CONNECT": (TREE_CONNECT, struct.pack("<HHHH", 9, 0, 72, len(path)) + path),
                 "TREE_DISCONNECT": (TREE_DISCONNECT, ECHO_BODY), "LOGOFF": (LOGOFF, ECHO_BODY)}
        for name, (command, body) in cases.items():
            with results.test(f"row 13: unsigned {name} is ACCESS_DENIED, {label}"):
                check_status(client.request(command, body, is_signed=False), ACCESS_DENIED)
            with results.test(f"row 13: {name} with a bad signature is ACCESS_DENIED, {label}"):
                message = bytearray(client.build(command, body))
                message[48] ^= 1
                client.send_frame(bytes(message))
                check_status(client.answer(), ACCESS_DENIED)
            with results.test(f"row 13: {name} signed and then changed is ACCESS_DENIED, {label}"):
                message = bytearray(client.build(command, body))
                message[-1] ^= 0x40
                client.send_frame(bytes(message))
                check_status(client.answer(), ACCESS_DENIED)
            with results.test(f"row 13: {name} with the flag but no signature, {label}"):
                answer = client.request(command, body, is_signed=False, flags=FLAG_SIGNED)
                check_status(answer, ACCESS_DENIED)
        with results.test(f"row 13: an unsigned element inside a compound is refused, {label}"):
            signed = client.build(ECHO, ECHO_BODY + bytes(4), next_command=72)
            client.send_frame(signed + client.build(CREATE, open_body("unsigned-made-this"),
                                                    is_signed=False))
            answers = client.receive()
            while len(answers) < 2:
                answers += client.receive()
            check_status(answers[0], SUCCESS)
            check_status(answers[1], ACCESS_DENIED)
        with results.test(f"row 13: a signature over the compound as a whole is refused, {label}"):
            first = client.build(ECHO, ECHO_BODY + bytes(4), next_command=72, is_signed=False)
            second = client.build(ECHO, ECHO_BODY, is_signed=False)
            client.send_frame(client.sign(first + second))
            answers = client.receive()
            while len(answers) < 2:
                answers += client.receive()
            check_equal([a.status for a in answers], [ACCESS_DENIED] * 2, "statuses")
        with results.test(f"row 13: refused requests changed nothing, {label}"):
            check(client.must(READ, read_body(file, 9, 0)).body[16:] == b"as it was", "the file")
            check(not os.path.exists(lab.server.path() + "/unsigned-made-this"), "a file was made")
            client.echo()
        with results.test(f"row 13: answers to signed requests are signed, {label}"):
            answer = client.echo()
            check(answer.flags & FLAG_SIGNED, "not signed")
            check(client.sign(answer.message) == answer.message, "the signature does not verify")


def test_downgrade(lab, results):
    with lab.connect() as client:
        def validate(capabilities=0x7F, guid=bytes(16), mode=1, dialects=(0x0210,)):
            data = struct.pack("<I16sHH", capabilities, guid, mode, len(dialects)) + \
                struct.pack(f"<{len(dialects)}H", *dialects)
            return struct.pack("<HHI16sIIIIIIII", 57, 0, FSCTL_VALIDATE_NEGOTIATE_INFO,
                               b"\xff" * 16, 120, len(data), 0, 0, 0, 24, 1, 0) + data
        with results.test("row 13: VALIDATE_NEGOTIATE_INFO that differs ends the connection"):
            send_and_check_disconnected(client, client.build(IOCTL, validate(dialects=(0x0302,))))
    with results.test("row 13: a NEGOTIATE changed on the way makes all signatures fail"):
        with lab.raw() as client:
            client.negotiate((DIALECT_311,))
            client.preauth = bytes(63) + b"\1"  # What an attacker's change does to the hash.
            client.logon(lab.server.user, lab.server.password)
            path = "\\\\s\\data".encode("utf-16le")
            answer = client.request(TREE_CONNECT, struct.pack("<HHHH", 9, 0, 72, len(path)) + path)
            check_status(answer, ACCESS_DENIED)


def sealed_client(lab):
    return lab.connect(DIALECT_311)


def sealed(client, **fields):
    return client.seal(client.build(ECHO, ECHO_BODY, is_signed=False), **fields)


def test_transform(lab, results):
    def nested(client):
        return client.seal(sealed(client))

    def compressed_inside(client):
        return client.seal(b"\xfcSMB" + bytes(80))

    def other_session_inside(client):
        return client.seal(client.build(ECHO, ECHO_BODY, is_signed=False, session_id=99))

    def changed(index):
        def make(client):
            message = bytearray(sealed(client))
            message[index] ^= 1
            return bytes(message)
        return make

    cases = {
        "size of 0": lambda c: sealed(c, size=0),
        "size one too large": lambda c: sealed(c, size=69),
        "size one too small": lambda c: sealed(c, size=67),
        "size of 2^32 - 1": lambda c: sealed(c, size=0xFFFFFFFF),
        "flags of 0": lambda c: sealed(c, flags=0),
        "flags of 0xFFFF": lambda c: sealed(c, flags=0xFFFF),
        "an unknown session": lambda c: sealed(c, session_id=0x7777777),
        "the innocent client's session": lambda c: sealed(c, session_id=lab.innocent.session_id),
        "session 0": lambda c: sealed(c, session_id=0),
        "a changed signature": changed(4), "a changed nonce": changed(20),
        "changed data": changed(60), "a changed reserved field": changed(40),
        "nothing inside": lambda c: c.seal(b""),
        "63 bytes inside": lambda c: c.seal(bytes(63)),
        "noise inside": lambda c: c.seal(os.urandom(100)),
        "a transform inside": nested, "a compression transform inside": compressed_inside,
        "another session inside": other_session_inside,
        "SMB1 inside": lambda c: c.seal(b"\xffSMBr" + bytes(80)),
        "only a header": lambda c: sealed(c)[:52], "half a header": lambda c: sealed(c)[:30],
        "4 bytes": lambda c: b"\xfdSMB",
    }
    for name, make in cases.items():
        with results.test(f"row 14: transform with {name} is a disconnect"):
            with sealed_client(lab) as client:
                send_and_check_disconnected(client, make(client))
    with results.test("row 14: sealed before anybody logged on is a disconnect"):
        with lab.negotiated(DIALECT_311) as client:
            client.seal_key = bytes(16)
            send_and_check_disconnected(client, client.seal(header(ECHO, 1) + ECHO_BODY,
                                                            session_id=1))
    with results.test("row 14: sealed on a 2.1 connection is a disconnect"):
        with lab.connect() as client:
            client.seal_key = bytes(16)
            send_and_check_disconnected(client, sealed(client))
    with results.test("row 14: a replayed sealed message is a disconnect"):
        with sealed_client(lab) as client:
            message = sealed(client)
            client.send_frame(message)
            check_status(client.answer(), SUCCESS)
            send_and_check_disconnected(client, message)
    with results.test("row 14: answers never repeat a nonce"), sealed_client(lab) as client:
        nonces = set()
        for _ in range(500):
            client.send_frame(sealed(client))
            nonces.add(client.receive_frame()[20:32])
            client.available += 1
        check_equal(len(nonces), 500, "different nonces")
    with results.test("row 14: a session sealed with its keys after LOGOFF is a disconnect"):
        with sealed_client(lab) as client:
            client.must(LOGOFF, ECHO_BODY)
            send_and_check_disconnected(client, sealed(client))


def test_plain_on_sealed_share(lab, results):
    """The share `sealed` requires encryption."""
    path = "\\\\s\\sealed".encode("utf-16le")
    body = struct.pack("<HHHH", 9, 0, 72, len(path)) + path
    with results.test("row 14: TREE_CONNECT of 2.1 to a share that requires sealing is refused"):
        with lab.logged_on(DIALECT_210) as client:
            check_status(client.request(TREE_CONNECT, body), ACCESS_DENIED)
    with lab.logged_on(DIALECT_311) as client:
        client.send_frame(client.seal(client.build(TREE_CONNECT, body, is_signed=False)))
        client.tree_id = check_status(client.answer(), SUCCESS).tree_id
        with results.test("row 14: plain text on a sealed share is ACCESS_DENIED"):
            check_status(client.request(CREATE, open_body("plain-made-this")), ACCESS_DENIED)
            check(not os.path.exists(lab.server.path("sealed") + "/plain-made-this"), "it was made")
        with results.test("row 14: a sealed request on the sealed share is served"):
            client.send_frame(client.seal(client.build(CREATE, open_body("sealed"),
                                                       is_signed=False)))
            raw = client.receive_frame()
            check(raw[:4] == b"\xfdSMB", "the answer is plain")


def run(lab, results):
    test_signatures(lab, results, DIALECT_210, "2.1")
    test_signatures(lab, results, DIALECT_311, "3.1.1")
    test_downgrade(lab, results)
    lab.check_innocent()
    test_transform(lab, results)
    test_plain_on_sealed_share(lab, results)
