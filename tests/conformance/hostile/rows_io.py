"""Rows 19 and 20: READ, WRITE and LOCK."""

import os
import struct
import threading

from lab import check_alive, check_hex, check_status
from results import check, check_equal
from smb2_client import (CANCEL, CLOSE, END_OF_FILE, FILE_CLOSED, FILE_LOCK_CONFLICT,
                         FLAG_ASYNC, INVALID_LOCK_RANGE, INVALID_PARAMETER, LOCK, LOCK_NOT_GRANTED,
                         PENDING, RANGE_NOT_LOCKED, READ, SUCCESS, WRITE, close_body, lock_body,
                         read_body, write_body)

SHARED, EXCLUSIVE, UNLOCK, AT_ONCE = 1, 2, 4, 0x10
MAXIMUM = (1 << 63) - 1
ECHO_BODY = struct.pack("<HH", 4, 0)
# What the server may say instead where no file system can hold such an offset.
TOO_LARGE = (INVALID_PARAMETER, 0xC000007F, 0xC0000904)


def test_offsets(lab, results):
    with lab.connect() as client:
        file = client.create("offsets.dat", disposition=5)
        client.must(WRITE, write_body(file, b"0123456789", 0))
        overflowing = {"offset 2^63": 1 << 63, "offset 2^64 - 1": (1 << 64) - 1,
                       "offset 2^64 - 2 (current position)": (1 << 64) - 2,
                       "the end beyond 2^63": MAXIMUM - 4}
        for name, offset in overflowing.items():
            with results.test(f"row 19: READ with {name} is INVALID_PARAMETER"):
                check_status(client.request(READ, read_body(file, 10, offset)), INVALID_PARAMETER)
            with results.test(f"row 19: WRITE with {name} is INVALID_PARAMETER"):
                check_status(client.request(WRITE, write_body(file, b"x" * 10, offset)),
                             INVALID_PARAMETER)
        with results.test("row 19: WRITE of the last bytes below 2^63 is refused, not wrapped"):
            check_status(client.request(WRITE, write_body(file, b"x", MAXIMUM - 1)), *TOO_LARGE)
        with results.test("row 19: refused writes left the file as it was"):
            check_equal(client.must(READ, read_body(file, 100, 0)).body[16:], b"0123456789", "data")
            check_equal(os.stat(lab.server.path() + "/offsets.dat").st_size, 10, "the size")
        with results.test("row 19: READ beyond the end is END_OF_FILE"):
            for offset in (10, 1 << 40, 1 << 62):
                check_status(client.request(READ, read_body(file, 10, offset)), END_OF_FILE)
        with results.test("row 19: READ of length 0"):
            answer = client.request(READ, read_body(file, 0, 0))
            check_status(answer, SUCCESS)
            check_equal(struct.unpack_from("<I", answer.body, 4)[0], 0, "DataLength")
        with results.test("row 19: READ with MinimumCount above what is there is END_OF_FILE"):
            check_status(client.request(READ, read_body(file, 100, 0, minimum=50)), END_OF_FILE)
            check_status(client.request(READ, read_body(file, 5, 0, minimum=0xFFFFFFFF)),
                         END_OF_FILE, INVALID_PARAMETER)
        for length in (9 * 1024 * 1024, 0x7FFFFFFF, 0xFFFFFFFF):
            with results.test(f"row 19: READ of {length} bytes is INVALID_PARAMETER"):
                check_status(client.request(READ, read_body(file, length, 0)), INVALID_PARAMETER)
        for name, fields in (("length past the message", {"length": 60000}),
                             ("length 2^32 - 1", {"length": 0xFFFFFFFF}),
                             ("data inside the header", {"data_offset": 16}),
                             ("data past the end", {"data_offset": 60000})):
            with results.test(f"row 19: WRITE with {name} is INVALID_PARAMETER"):
                check_status(client.request(WRITE, write_body(file, b"x" * 8, 0, **fields)),
                             INVALID_PARAMETER)
        with results.test("row 19: WRITE of length 0 changes nothing"):
            check_status(client.request(WRITE, write_body(file, b"", 5000)), SUCCESS)
            check_equal(os.stat(lab.server.path() + "/offsets.dat").st_size, 10, "the size")
        with results.test("row 19: an RDMA channel without RDMA is INVALID_PARAMETER"):
            check_status(client.request(READ, read_body(file, 8, 0, channel=1)), INVALID_PARAMETER)
        with results.test("row 19: short reads carry no stale bytes"):
            secret = b"\xa5" * 60000
            other = client.create("secret.dat", disposition=5)
            client.must(WRITE, write_body(other, secret, 0))
            for _ in range(20):
                client.must(READ, read_body(other, 60000, 0))
                answer = client.must(READ, read_body(file, 60000, 0))
                check_equal(len(answer.body), 16 + 10, "the size of the answer's body")
                check(b"\xa5\xa5" not in answer.message, "bytes of another file")
        with results.test("row 19: holes are read as zeros"):
            client.must(WRITE, write_body(file, b"end", 50000))
            data = client.must(READ, read_body(file, 60000, 0)).body[16:]
            check(data[10:50000] == bytes(49990), "the hole")
        with results.test("row 19: closed, foreign and made-up ids are FILE_CLOSED"):
            client.must(CLOSE, close_body(other))
            for dead in (other, bytes(16), os.urandom(16), b"\xff" * 16):
                check_status(client.request(READ, read_body(dead, 8, 0)), FILE_CLOSED)
                check_status(client.request(WRITE, write_body(dead, b"x", 0)), FILE_CLOSED)
        check_alive(client)


def lock(client, file, *elements, **fields):
    return client.request(LOCK, lock_body(file, elements, **fields)).status


def test_lock_arrays(lab, results):
    with lab.connect() as client, lab.connect() as other:
        file = client.create("locks.dat")
        theirs = other.create("locks.dat")
        for name, count, elements in (("0 elements", 0, [(0, 1, EXCLUSIVE | AT_ONCE)]),
                                      ("65535 elements in one", 65535, [(0, 1, 2 | AT_ONCE)]),
                                      ("one element too many", 2, [(0, 1, EXCLUSIVE | AT_ONCE)]),
                                      ("no element at all", 1, [])):
            with results.test(f"row 20: LOCK with {name} is INVALID_PARAMETER"):
                check_hex(lock(client, file, *elements, count=count), INVALID_PARAMETER)
        for name, flags in (("no flags", 0), ("shared and exclusive", 3 | AT_ONCE),
                            ("lock and unlock", 6), ("all bits", 0xFFFFFFFF),
                            ("an unknown bit", 0x40), ("unlock at once", UNLOCK | AT_ONCE)):
            with results.test(f"row 20: LOCK with {name} is INVALID_PARAMETER"):
                check_hex(lock(client, file, (0, 1, flags)), INVALID_PARAMETER)
        with results.test("row 20: an array that mixes lock and unlock is INVALID_PARAMETER"):
            check_hex(lock(client, file, (0, 1, EXCLUSIVE | AT_ONCE), (5, 1, UNLOCK)),
                      INVALID_PARAMETER)
            check_hex(lock(client, file, (0, 1, UNLOCK), (5, 1, EXCLUSIVE | AT_ONCE)),
                      INVALID_PARAMETER, RANGE_NOT_LOCKED)
        with results.test("row 20: several elements that may wait are INVALID_PARAMETER"):
            check_hex(lock(client, file, (0, 1, EXCLUSIVE), (5, 1, EXCLUSIVE)), INVALID_PARAMETER)
        for name, offset, length in (("2^64 - 1 and 2", (1 << 64) - 1, 2),
                                     ("2^63 and 2^63 + 1", 1 << 63, (1 << 63) + 1),
                                     ("2^64 - 1 twice", (1 << 64) - 1, (1 << 64) - 1)):
            with results.test(f"row 20: a range that wraps, {name}, is INVALID_LOCK_RANGE"):
                check_hex(lock(client, file, (offset, length, EXCLUSIVE | AT_ONCE)),
                          INVALID_LOCK_RANGE)
        with results.test("row 20: nothing of what was refused is locked"):
            check_hex(lock(other, theirs, (0, (1 << 64) - 1, EXCLUSIVE | AT_ONCE)), SUCCESS)
            check_hex(lock(other, theirs, (0, (1 << 64) - 1, UNLOCK)), SUCCESS)
        with results.test("row 20: the last byte of 2^64 can be locked"):
            check_hex(lock(client, file, ((1 << 64) - 1, 1, EXCLUSIVE | AT_ONCE)), SUCCESS)
            check_hex(lock(other, theirs, ((1 << 64) - 1, 1, EXCLUSIVE | AT_ONCE)),
                      LOCK_NOT_GRANTED)
            check_hex(lock(client, file, ((1 << 64) - 1, 1, UNLOCK)), SUCCESS)
        test_all_or_nothing(client, file, other, theirs, results)
        with results.test("row 20: 2,500 elements that exclude one another are undone"):
            many = [(1000 + i, 1, EXCLUSIVE | AT_ONCE) for i in range(2500)] + \
                [(1000, 1, EXCLUSIVE | AT_ONCE)]
            check_hex(client.request(LOCK, lock_body(file, many), charge=2).status,
                      LOCK_NOT_GRANTED)
            check_hex(lock(other, theirs, (0, 1 << 40, EXCLUSIVE | AT_ONCE)), SUCCESS)
            check_hex(lock(other, theirs, (0, 1 << 40, UNLOCK)), SUCCESS)
        with results.test("row 20: 65,535 elements in one request end in bounded time"):
            many = [(1 << 20 | i * 2, 1, SHARED | AT_ONCE) for i in range(65535)]
            before = lab.cpu_seconds()
            status = client.request(LOCK, lock_body(file, many), charge=25).status
            check_hex(status, SUCCESS, INVALID_PARAMETER, 0xC000009A)
            lab.check_innocent()
            check(lab.cpu_seconds() - before < 5, "seconds of CPU for one LOCK")
            client.must(CLOSE, close_body(file))
            check_hex(lock(other, theirs, (0, 1 << 40, EXCLUSIVE | AT_ONCE)), SUCCESS)


def test_all_or_nothing(client, file, other, theirs, results):
    with results.test("row 20: an array that cannot be granted whole grants nothing"):
        check_hex(lock(other, theirs, (50, 10, EXCLUSIVE | AT_ONCE)), SUCCESS)
        check_hex(lock(client, file, (0, 10, EXCLUSIVE | AT_ONCE), (20, 10, EXCLUSIVE | AT_ONCE),
                       (55, 1, EXCLUSIVE | AT_ONCE)), LOCK_NOT_GRANTED)
        check_hex(lock(other, theirs, (0, 30, EXCLUSIVE | AT_ONCE)), SUCCESS)
    with results.test("row 20: reading and writing a range that another locked is refused"):
        check_status(client.request(WRITE, write_body(file, b"x", 52)), FILE_LOCK_CONFLICT)
        check_status(client.request(READ, read_body(file, 60, 0)), FILE_LOCK_CONFLICT, END_OF_FILE)
    with results.test("row 20: unlocking what another locked is RANGE_NOT_LOCKED"):
        check_hex(lock(client, file, (50, 10, UNLOCK)), RANGE_NOT_LOCKED)
        check_hex(lock(client, file, (51, 1, UNLOCK)), RANGE_NOT_LOCKED)
        check_hex(lock(other, theirs, (50, 10, UNLOCK)), SUCCESS)
        check_hex(lock(other, theirs, (0, 30, UNLOCK)), SUCCESS)
    with results.test("row 20: overlapping exclusive ranges in one array grant nothing"):
        check_hex(lock(client, file, (0, 10, EXCLUSIVE | AT_ONCE), (5, 10, EXCLUSIVE | AT_ONCE)),
                  LOCK_NOT_GRANTED)
        check_hex(lock(other, theirs, (0, 30, EXCLUSIVE | AT_ONCE)), SUCCESS)
        check_hex(lock(other, theirs, (0, 30, UNLOCK)), SUCCESS)


def test_cancel_races(lab, results):
    with results.test("row 20: CANCEL against unlock: every waiter is answered exactly once"):
        with lab.connect() as holder, lab.connect() as waiter:
            held = holder.create("cancel.dat")
            wanted = waiter.create("cancel.dat")
            for _ in range(150):
                check_hex(lock(holder, held, (0, 1, EXCLUSIVE | AT_ONCE)), SUCCESS)
                waiter.send_frame(waiter.build(LOCK, lock_body(wanted, [(0, 1, EXCLUSIVE)])))
                pending = check_status(waiter.receive()[0], PENDING)
                cancel = waiter.build(CANCEL, ECHO_BODY, flags=FLAG_ASYNC,
                                      message_id=pending.message_id, async_id=pending.async_id)
                thread = threading.Thread(target=waiter.send_frame, args=(cancel,))
                thread.start()
                check_hex(lock(holder, held, (0, 1, UNLOCK)), SUCCESS)
                thread.join()
                answer = check_status(waiter.answer(), SUCCESS, 0xC0000120)
                if answer.status == SUCCESS:
                    check_hex(lock(waiter, wanted, (0, 1, UNLOCK)), SUCCESS)
            check_alive(waiter)
    with results.test("row 20: CLOSE of an open whose LOCK waits ends the wait"):
        with lab.connect() as holder, lab.connect() as waiter:
            held = holder.create("cancel.dat")
            wanted = waiter.create("cancel.dat")
            check_hex(lock(holder, held, (0, 1, EXCLUSIVE | AT_ONCE)), SUCCESS)
            waiter.send_frame(waiter.build(LOCK, lock_body(wanted, [(0, 1, EXCLUSIVE)])))
            check_status(waiter.receive()[0], PENDING)
            waiter.send_frame(waiter.build(CLOSE, close_body(wanted)))
            answers = sorted(waiter.receive()[0].command for _ in range(2))
            check_equal(answers, [CLOSE, LOCK], "commands answered")
    with results.test("row 20: a holder that vanishes gives its lock to who waits"):
        with lab.connect() as waiter:
            holder = lab.connect()
            held = holder.create("cancel.dat")
            wanted = waiter.create("cancel.dat")
            check_hex(lock(holder, held, (0, 1, EXCLUSIVE | AT_ONCE)), SUCCESS)
            waiter.send_frame(waiter.build(LOCK, lock_body(wanted, [(0, 1, EXCLUSIVE)])))
            check_status(waiter.receive()[0], PENDING)
            holder.reset()
            check_status(waiter.answer(), SUCCESS)


def run(lab, results):
    test_offsets(lab, results)
    lab.check_innocent()
    test_lock_arrays(lab, results)
    lab.check_innocent()
    test_cancel_races(lab, results)
