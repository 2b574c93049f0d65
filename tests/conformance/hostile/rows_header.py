"""Rows 4 to 7: headers, compounds and credits."""

import os
import random
import struct

from lab import (check_alive, check_disconnected, check_status, send_and_check_disconnected)
from results import check, check_equal
from smb2_client import (CANCEL, CHANGE_NOTIFY, CLOSE, CREATE, ECHO, FILE_CLOSED, FLAG_ASYNC,
                         FLAG_RELATED, FLUSH, INSUFFICIENT_RESOURCES, INVALID_PARAMETER, IOCTL, LOCK,
                         NETWORK_NAME_DELETED, OBJECT_NAME_NOT_FOUND, PENDING, PREVIOUS_ID,
                         QUERY_DIRECTORY, QUERY_INFO, READ, SET_INFO, SUCCESS, USER_SESSION_DELETED,
                         WRITE, Closed, close_body, header, lock_body, open_body, read_body,
                         write_body)

ECHO_BODY = struct.pack("<HH", 4, 0)
MIB = 1024 * 1024


def test_headers(lab, results):
    cases = {
        "wrong ProtocolId": lambda c: c.build(ECHO, ECHO_BODY, protocol=b"\xfeSMC"),
        "SMB1 after NEGOTIATE": lambda c: b"\xffSMBr" + bytes(40),
        "unknown transform": lambda c: b"\xfbSMB" + bytes(100),
        "compressed without negotiating it": lambda c: b"\xfcSMB" + bytes.fromhex("ffffffff"
                                                                                 "0100000000000000")
        + bytes(64),
        "header StructureSize 63": lambda c: c.build(ECHO, ECHO_BODY, structure_size=63),
        "63 bytes": lambda c: c.build(ECHO, b"")[:63],
        "4 bytes": lambda c: b"\xfeSMB",
        "1 byte": lambda c: b"\xfe",
        "a response": lambda c: c.build(ECHO, ECHO_BODY, flags=1),
        "a second NEGOTIATE": lambda c: c.negotiate_message((0x0210,)),
    }
    for name, make in cases.items():
        with results.test(f"row 4: {name} is a disconnect"), lab.connect() as client:
            send_and_check_disconnected(client, make(client))
    for name, command in (("ECHO", ECHO), ("CREATE", CREATE), ("READ", READ)):
        with results.test(f"row 4: {name} before NEGOTIATE is a disconnect"), lab.raw() as client:
            send_and_check_disconnected(client, header(command, 0) + ECHO_BODY)
    with lab.connect() as client:
        for command in (19, 20, 0x7F, 0xFF, 0xFFFF):
            with results.test(f"row 4: unknown command {command} is INVALID_PARAMETER"):
                check_status(client.request(command, ECHO_BODY), INVALID_PARAMETER)
        for command in range(1, 19):
            if command in (2, 4, CANCEL):
                continue
            with results.test(f"row 4: command {command} with a body of 0, 1 and 2 bytes"):
                for body in (b"", b"\x09", b"\x09\x00"):
                    answer = client.request(command, body)
                    check(answer.status not in (SUCCESS, PENDING), "it was accepted")
            with results.test(f"row 4: command {command} with StructureSize 0xFFFF"):
                answer = client.request(command, b"\xff\xff" + bytes(200))
                check(answer.status not in (SUCCESS, PENDING), "it was accepted")
        with results.test("row 4: the connection is served afterwards"):
            check_alive(client)
    test_noise(lab, results)


SEED = int(os.environ.get("CONTINUO_SEED", "7"))
FILE_REQUESTS = {
    FLUSH: lambda file: struct.pack("<HHI16s", 24, 0, 0, file),
    READ: lambda file: read_body(file, 512, 0),
    WRITE: lambda file: write_body(file, b"noise", 0),
    LOCK: lambda file: lock_body(file, [(0, 1, 0x12)]),
    IOCTL: lambda file: struct.pack("<HHI16sIIIIIIII", 57, 0, 0x00140078, file, 120, 16, 0, 0, 0,
                                    512, 1, 0) + bytes(16),
    QUERY_DIRECTORY: lambda file: struct.pack("<HBBI16sHHI", 33, 37, 1, 0, file, 96, 2, 4096) +
    b"*\0",
    QUERY_INFO: lambda file: struct.pack("<HBBIHHIII16s", 41, 1, 18, 4096, 104, 0, 0, 0, 0, file) +
    bytes(8),
    SET_INFO: lambda file: struct.pack("<HBBIHHI16s", 33, 1, 4, 40, 96, 0, 0, file) + bytes(40),
}


def exchange(client, command, body):
    """One request of noise, which is answered, be it only with PENDING."""
    message = client.build(command, body)
    client.send_frame(message)
    while True:
        answer = client.receive()[0]  # A request that waited may end meanwhile.
        if answer.message_id == struct.unpack_from("<Q", message, 24)[0]:
            check_equal(answer.command, command, "the answer's command")
            return
        check(answer.flags & FLAG_ASYNC, "an answer to nothing that was asked")


def changed(generator, body, file):
    """`body` with up to four bytes changed, none of them in the FileId."""
    body = bytearray(body)
    keep = body.find(file)
    for _ in range(generator.randrange(1, 5)):
        at = generator.randrange(2, len(body))
        if not keep <= at < keep + len(file):
            body[at] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))
    return bytes(body)


def test_noise(lab, results):
    generator = random.Random(SEED)
    with results.test(f"row 4: 1500 signed requests of random bytes, seed {SEED}"):
        sizes = {3: 9, 5: 57, 6: 24, 7: 24, 8: 49, 9: 49, 10: 48, 11: 57, 13: 4, 14: 33, 15: 32,
                 16: 41, 17: 33, 18: 24}
        client = lab.connect()
        for _ in range(1500):
            command = generator.choice(list(sizes))
            body = struct.pack("<H", sizes[command]) + generator.randbytes(generator.randrange(220))
            try:
                exchange(client, command, body)
            except Closed:
                client.close()
                client = lab.connect()
        client.close()
    with results.test(f"row 4: 4000 requests on an open with a few bytes changed, seed {SEED}"):
        client = file = None
        for turn in range(4000):
            client = client or lab.connect()
            command = generator.choice(list(FILE_REQUESTS))
            try:
                if turn % 50 == 0 or file is None:
                    file = client.create(f"noise-{SEED}-{turn}", access=0x001F01FF, attributes=0,
                                         options=turn // 50 % 2)
                exchange(client, command, changed(generator, FILE_REQUESTS[command](file), file))
            except Closed:
                client.close()
                client = file = None
        if client is not None:
            check_alive(client)
            client.close()


def test_next_command(lab, results):
    def two(client, next_command, second=True):
        first = client.build(ECHO, ECHO_BODY + bytes(4), next_command=next_command)
        return first + (client.build(ECHO, ECHO_BODY) if second else b"")

    for name, value in (("misaligned", 73), ("inside the header", 8), ("56", 56),
                        ("one past the end", 72 + 64 + 8), ("2^31", 0x80000000),
                        ("backwards", 0xFFFFFFF8), ("2^32 - 1", 0xFFFFFFFF)):
        with results.test(f"row 5: NextCommand {name} is refused"), lab.connect() as client:
            client.send_frame(two(client, value))
            for answer in client.wait_closed(5):
                check_status(answer, INVALID_PARAMETER)
    with results.test("row 5: NextCommand to the end of the message"), lab.connect() as client:
        send_and_check_disconnected(client, two(client, 72, second=False))
    with results.test("row 5: a chain of thousands of elements is refused"), lab.connect() as client:
        element = header(ECHO, 0, next_command=72) + ECHO_BODY + bytes(4)
        send_and_check_disconnected(client, element * 5000 + client.build(ECHO, ECHO_BODY))
    with results.test("row 5: the same MessageId in each element is a disconnect"):
        with lab.connect() as client:
            one = client.build(ECHO, ECHO_BODY + bytes(4), next_command=72)
            same = struct.unpack_from("<Q", one, 24)[0]
            send_and_check_disconnected(client, one + client.build(ECHO, ECHO_BODY,
                                                                   message_id=same))


def test_related(lab, results):
    related = {"flags": FLAG_RELATED}
    wrong = {**related, "session_id": 0xFFFFFFFFFFFFFFFF, "tree_id": 0xFFFFFFFF}
    with lab.connect() as client:
        with results.test("row 6: the first element marked related is INVALID_PARAMETER"):
            answers = client.compound([(ECHO, ECHO_BODY, related), (ECHO, ECHO_BODY, related)])
            check_equal([a.status for a in answers], [INVALID_PARAMETER] * 2, "statuses")
        with results.test("row 6: a single request marked related is INVALID_PARAMETER"):
            check_status(client.request(ECHO, ECHO_BODY, flags=FLAG_RELATED), INVALID_PARAMETER)
        with results.test("row 6: what follows a failed CREATE gets its status"):
            answers = client.compound([
                (CREATE, open_body("no-such-file", disposition=1), {}),
                (READ, read_body(PREVIOUS_ID, 10, 0), wrong),
                (CLOSE, close_body(PREVIOUS_ID), wrong)])
            check_equal([a.status for a in answers], [OBJECT_NAME_NOT_FOUND] * 3, "statuses")
        with results.test("row 6: ids of a related element are those of the one before"):
            answers = client.compound([(CREATE, open_body("related"), {}),
                                       (WRITE, write_body(PREVIOUS_ID, b"abc", 0), wrong),
                                       (CLOSE, close_body(PREVIOUS_ID), wrong)])
            check_equal([a.status for a in answers], [SUCCESS] * 3, "statuses")
        with results.test("row 6: a related element after CLOSE finds no open"):
            file = client.create("related")
            answers = client.compound([(CLOSE, close_body(file), {}),
                                       (READ, read_body(PREVIOUS_ID, 3, 0), related)])
            check_status(answers[0], SUCCESS)
            check_status(answers[1], FILE_CLOSED)
        with results.test("row 6: an unrelated element with a foreign session or tree"):
            answers = client.compound([(ECHO, ECHO_BODY, {}),
                                       (CREATE, open_body("x"), {"session_id": 0x1234567})])
            check_status(answers[1], USER_SESSION_DELETED)
            answers = client.compound([(ECHO, ECHO_BODY, {}),
                                       (CREATE, open_body("x"), {"tree_id": 0x7654321})])
            check_status(answers[1], NETWORK_NAME_DELETED)
        with results.test("row 6: another session's open is not found by its id"):
            foreign = lab.innocent_file
            check_status(client.request(READ, read_body(foreign, 8, 0)), FILE_CLOSED)
            check_status(client.request(CLOSE, close_body(foreign)), FILE_CLOSED)
    with results.test("row 6: another session's SessionId is no way in"), lab.logged_on() as client:
        answer = client.request(CREATE, open_body("x"), session_id=lab.innocent.session_id,
                                tree_id=lab.innocent.tree_id)
        check_status(answer, USER_SESSION_DELETED)


def test_credits(lab, results):
    with lab.connect() as client:
        with results.test("row 7: charge 0 counts as 1"):
            check_status(client.request(ECHO, ECHO_BODY, charge=0), SUCCESS)
        with results.test("row 7: credits of 0 asked for still leave one"):
            for _ in range(300):
                answer = client.request(ECHO, ECHO_BODY, credits=0)
                check_status(answer, SUCCESS)
            check(client.available >= 1, "no credit is left")
        with results.test("row 7: credits of 65535 asked for are bounded"):
            for _ in range(40):
                client.request(ECHO, ECHO_BODY, credits=65535)
            check(client.available <= 8192, f"{client.available} credits were granted")
        with results.test("row 7: a READ larger than its charge is INVALID_PARAMETER"):
            file = client.create("charge.dat")
            check_status(client.request(READ, read_body(file, 65537, 0), charge=1),
                         INVALID_PARAMETER)
            check_status(client.request(WRITE, write_body(file, bytes(65537), 0), charge=1),
                         INVALID_PARAMETER)
    for name, offset in (("reused", -1), ("far outside the window", 1 << 20), ("2^63", 1 << 63),
                         ("2^64 - 1", (1 << 64) - 1)):
        with results.test(f"row 7: MessageId {name} is a disconnect"), lab.connect() as client:
            message_id = (client.message_id + offset) if abs(offset) < 1 << 62 else offset
            send_and_check_disconnected(client, client.build(ECHO, ECHO_BODY,
                                                             message_id=message_id))
    for charge in (8193, 65535):
        with results.test(f"row 7: charge {charge} is a disconnect"), lab.connect() as client:
            send_and_check_disconnected(client, client.build(ECHO, ECHO_BODY, charge=charge))
    with results.test("row 7: a charge that overlaps an id in use is a disconnect"):
        with lab.connect() as client:
            here = client.message_id
            client.request(ECHO, ECHO_BODY, message_id=here + 2)
            send_and_check_disconnected(client, client.build(ECHO, ECHO_BODY, charge=4,
                                                             message_id=here))
    with results.test("row 7: more requests than credits end the connection"):
        with lab.negotiated() as client:
            frames = b"".join(struct.pack(">I", 68) + header(ECHO, 1 + i, credits=1) + ECHO_BODY
                              for i in (0, 5, 9))
            client.send_bytes(frames)
            check(len(client.wait_closed(5)) <= 1, "ids outside the window were answered")


def test_async(lab, results):
    with results.test("row 7: pending requests of one connection are bounded, and end with it"):
        before = lab.resident_bytes()
        with lab.connect() as client:
            directory = client.create("", access=0x81, attributes=0, options=1, disposition=1)
            notify = struct.pack("<HHI16sII", 32, 0, 4096, directory, 0x17, 0)
            refused = 0
            for _ in range(20000):
                if client.available < 2:
                    break
                client.send_frame(client.build(CHANGE_NOTIFY, notify, credits=8))
                answer = client.receive()[0]
                if not answer.is_interim:
                    check_status(answer, INSUFFICIENT_RESOURCES)
                    refused += 1
                    if refused > 20:
                        break
            check(refused > 0, "no request was refused")
            check_alive_past_async(client)
        check(lab.resident_bytes() - before < 64 * MIB, "resident memory grew")
        lab.check_innocent()
        lab.check_settled()
    with lab.connect() as client:
        with results.test("row 7: CANCEL of what was never asked for has no answer"):
            for fields in ({"message_id": 1 << 40}, {"message_id": 0, "async_id": 1 << 50,
                                                     "flags": FLAG_ASYNC}):
                if "async_id" in fields:
                    fields["tree_id"] = 0
                message = client.build(CANCEL, ECHO_BODY, **fields)
                for _ in range(200):
                    client.send_frame(message)
            check_alive(client)
        with results.test("row 7: CANCEL of a pending request ends it once"):
            directory = client.create("", access=0x81, attributes=0, options=1, disposition=1)
            notify = struct.pack("<HHI16sII", 32, 0, 4096, directory, 0x17, 0)
            message = client.build(CHANGE_NOTIFY, notify)
            client.send_frame(message)
            pending = check_status(client.receive()[0], PENDING)
            for _ in range(3):
                client.send_frame(client.build(CANCEL, ECHO_BODY, flags=FLAG_ASYNC,
                                               message_id=pending.message_id,
                                               async_id=pending.async_id))
            check_status(client.answer(), 0xC0000120)
            check_alive(client)
    with results.test("row 7: CANCEL inside a compound is a disconnect"), lab.connect() as client:
        cancel = client.build(CANCEL, ECHO_BODY + bytes(4), next_command=72, message_id=0)
        client.send_frame(cancel + client.build(ECHO, ECHO_BODY))
        check_disconnected(client)


def test_slow_reader(lab, results):
    with results.test("row 7: 8,000 READs whose answers are never fetched hold little memory"):
        with lab.connect() as client:
            file = client.create("slow.dat", disposition=5)
            for turn in range(16):
                client.must(WRITE, write_body(file, bytes(65536), 65536 * turn))
            while client.available < 8000:
                client.request(ECHO, ECHO_BODY, credits=8000)
            before = lab.resident_bytes()
            frames = [client.build(READ, read_body(file, 65536, 0), credits=1)
                      for _ in range(8000)]
            client.send_bytes(b"".join(struct.pack(">I", len(one)) + one for one in frames[:1000]))
            client.socket.setblocking(False)
            for one in frames[1000:]:
                try:
                    client.socket.send(struct.pack(">I", len(one)) + one)
                except BlockingIOError:
                    break  # The server has stopped reading, as it should.
            for _ in range(5):
                lab.check_innocent()
            grown = lab.resident_bytes() - before
            check(grown < 128 * MIB, f"resident memory grew by {grown} bytes")
            client.reset()


def check_alive_past_async(client):
    client.send_frame(client.build(ECHO, ECHO_BODY))
    while (answer := client.receive()[0]).command != ECHO:
        check_status(answer, PENDING, INSUFFICIENT_RESOURCES)
    check_status(answer, SUCCESS)


def run(lab, results):
    for part in (test_headers, test_next_command, test_related, test_credits, test_async,
                 test_slow_reader):
        part(lab, results)
        lab.check_innocent()
