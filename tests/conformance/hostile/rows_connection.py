"""Rows 1 to 3: before anybody has logged on."""

import select
import socket
import struct
import time

import ntlm
from lab import check_status
from results import check, check_equal
from smb2_client import MORE_PROCESSING_REQUIRED, SESSION_SETUP, Closed, header

MIB = 1024 * 1024
HANDSHAKE_DEADLINE_S = 30
# What measuring, allocator and timers of another row may add.
SLACK_BYTES = 24 * MIB


def flood(lab, count, first_bytes=b""):
    clients = []
    for _ in range(count):
        client = lab.raw()
        try:
            client.send_bytes(first_bytes)
        except Closed:
            pass
        clients.append(client)
    return clients


def close_all(clients):
    for client in clients:
        client.close()


def test_frame_claims(lab, results):
    for name, claim in (("16 MiB frame", b"\0\xff\xff\xff"), ("64 KiB + 1 frame", b"\0\1\0\1"),
                        ("frame type not zero", b"\x81\0\0\x44"),
                        ("HTTP request", b"GET / HTTP/1.1\r\n\r\n")):
        with results.test(f"row 1: {name} before logon is a disconnect"), lab.raw() as client:
            client.send_bytes(claim)
            check_equal(client.wait_closed(5), [], "answers")
    with results.test("row 1: empty frames are no messages and bring no harm"), lab.raw() as client:
        client.send_bytes(bytes(4) * 1000)
        client.negotiate()
    with results.test("row 1: a NEGOTIATE that comes byte by byte is served"), lab.raw() as client:
        message = client.negotiate_message((0x0210,))
        for byte in struct.pack(">I", len(message)) + message:
            client.send_bytes(bytes([byte]))
        check_status(client.answer(), 0)


def test_held_memory(lab, results):
    with results.test("row 1: 300 unfinished 64 KiB frames hold at most 64 KiB each"):
        before = lab.resident_bytes()
        clients = flood(lab, 300, b"\0\1\0\0" + bytes(65535))
        time.sleep(0.5)
        lab.check_innocent()
        grown = lab.resident_bytes() - before
        close_all(clients)
        check(grown <= 300 * 65536 + SLACK_BYTES, f"resident memory grew by {grown} bytes")


def test_handshake_deadline(lab, results):
    """Silent, half a header, half a message, negotiated only: all end at the deadline."""
    kinds = {"no byte at all": b"", "half a frame header": b"\0\0", "half a message": b"\0\1\0\0abc"}
    clients = {name: flood(lab, 1, data)[0] for name, data in kinds.items()}
    clients["NEGOTIATE and then nothing"] = lab.negotiated()
    setup = clients["half a logon"] = lab.negotiated()
    check_status(setup.setup(ntlm.negotiate_message()), MORE_PROCESSING_REQUIRED)
    begin = time.monotonic()
    ended = {}
    while len(ended) < len(clients) and time.monotonic() - begin < HANDSHAKE_DEADLINE_S + 8:
        open_ones = {client.socket: name for name, client in clients.items() if name not in ended}
        for ready in select.select(list(open_ones), [], [], 1)[0]:
            try:
                is_end = ready.recv(4096) == b""
            except ConnectionError:
                is_end = True
            if is_end:
                ended[open_ones[ready]] = time.monotonic() - begin
        lab.check_innocent()
    for name, client in clients.items():
        client.close()
        with results.test(f"row 1: {name} ends at the handshake deadline"):
            check(name in ended, f"still open after {HANDSHAKE_DEADLINE_S + 8} s")
            check(ended[name] > HANDSHAKE_DEADLINE_S - 5, f"ended after {ended[name]:.1f} s")


def log_on_through(lab):
    """Half-open connections give way to somebody who means it."""
    give_up = time.monotonic() + 10
    while True:
        try:
            return lab.connect().close()
        except ConnectionError as error:
            check(time.monotonic() < give_up, f"no logon through the flood: {error}")
            time.sleep(0.1)


def test_connections_max(lab, results, connections_max):
    """connections_max of the server under test is small enough to be reached."""
    with results.test("row 2: connections_max holds and a logon still gets through"):
        clients = flood(lab, connections_max + 50)
        try:
            time.sleep(0.3)
            count = lab.counters()["connection_count"]
            check(count <= connections_max, f"{count} connections, {connections_max} allowed")
            lab.check_innocent()
            log_on_through(lab)
        finally:
            close_all(clients)
    lab.check_settled()
    with results.test("row 2: authenticated connections up to connections_max, one more is closed"):
        clients = []
        try:
            for _ in range(connections_max - lab.counters()["connection_count"]):
                clients.append(lab.logged_on())
            lab.check_innocent()
            with lab.raw() as late:
                check_equal(late.wait_closed(5), [], "answers")
            clients.pop().close()
            time.sleep(0.3)
            lab.connect().close()
        finally:
            close_all(clients)


def test_connect_loops(lab, results):
    with results.test("row 2: 2000 connects and disconnects leave nothing"):
        descriptors = lab.descriptors()
        before = lab.resident_bytes()
        for turn in range(2000):
            client = lab.raw()
            if turn % 3 == 0:
                client.send_bytes(b"\0\0\0\x44\xfeSMB")
            client.reset() if turn % 2 else client.close()
        lab.check_innocent()
        lab.check_settled()
        check(lab.descriptors() <= descriptors + 8, f"{lab.descriptors()} descriptors, "
              f"{descriptors} before")
        grown = lab.resident_bytes() - before
        check(grown < SLACK_BYTES, f"resident memory grew by {grown} bytes")
    with results.test("row 2: logons that vanish with opens, trees and pending requests"):
        for turn in range(60):
            client = lab.connect()
            client.create(f"vanish-{turn % 5}", disposition=3)
            client.reset() if turn % 2 else client.close()
        lab.check_innocent()
        lab.check_settled()


def test_setup_loops(lab, results):
    with results.test("row 3: 400 logons that never finish on one connection are bounded"):
        with lab.negotiated() as client:
            first = None
            for _ in range(400):
                client.session_id = 0
                answer = check_status(client.setup(ntlm.negotiate_message()),
                                      MORE_PROCESSING_REQUIRED)
                first = first or answer.session_id
            sessions = lab.counters()["session_count"] - lab.baseline["session_count"]
            check(sessions <= 64, f"{sessions} sessions are held for one connection")
            client.session_id = first  # The oldest was dropped.
            check_status(client.setup(ntlm.negotiate_message()), 0xC0000203)
            client.session_id = 0
            client.logon(lab.server.user, lab.server.password)
            client.tree_connect("data")
    lab.check_settled()
    with results.test("row 3: first legs on one session without end hold no memory"):
        with lab.negotiated() as client:
            before = lab.resident_bytes()
            for _ in range(300):
                answer = client.setup(ntlm.negotiate_message())
                client.session_id = answer.session_id if answer.status == \
                    MORE_PROCESSING_REQUIRED else 0
            check(lab.resident_bytes() - before < SLACK_BYTES, "resident memory grew")
    with results.test("row 3: 200 connections with half a logon each, then all vanish"):
        clients = []
        for _ in range(200):
            client = lab.negotiated()
            check_status(client.setup(ntlm.negotiate_message()), MORE_PROCESSING_REQUIRED)
            clients.append(client)
        lab.check_innocent()
        close_all(clients)
        lab.check_settled()
    with results.test("row 3: pipelined first legs are bounded by the credits of a stranger"):
        with lab.negotiated() as client:
            body = client.setup_message(ntlm.negotiate_message())[64:]
            frames = b"".join(struct.pack(">I", 64 + len(body)) +
                              header(SESSION_SETUP, 1 + turn, credits=1000) + body
                              for turn in range(50))
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            client.send_bytes(frames)
            answers = client.wait_closed(10)
            check(len(answers) < 50, f"{len(answers)} answers to ids that were not granted")


def run(lab, results, connections_max):
    test_frame_claims(lab, results)
    test_held_memory(lab, results)
    lab.check_settled()
    test_handshake_deadline(lab, results)
    lab.check_settled()
    test_connections_max(lab, results, connections_max)
    lab.check_settled()
    test_connect_loops(lab, results)
    test_setup_loops(lab, results)
