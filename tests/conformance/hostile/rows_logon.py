"""Row 9: NTLMSSP and SPNEGO tokens."""

import os
import random
import struct

import ntlm
from lab import check_status
from results import check
from smb2_client import (ACCESS_DENIED, DIALECT_311, INVALID_PARAMETER, LOGON_FAILURE,
                         MORE_PROCESSING_REQUIRED, NOT_SUPPORTED, SESSION_SETUP, SUCCESS,
                         TREE_CONNECT, USER_SESSION_DELETED, Closed)

REFUSALS = (LOGON_FAILURE, INVALID_PARAMETER, NOT_SUPPORTED, ACCESS_DENIED)
MIB = 1024 * 1024
OID_KRB5 = bytes.fromhex("2a864886f712010202")
OID_UNKNOWN = bytes.fromhex("2b0601040199990101")


def first_tokens():
    good = ntlm.negotiate_message()
    return {
        "empty": b"", "one byte": b"\x60", "NTLMSSP without a type": ntlm.SIGNATURE,
        "NTLMSSP type 0": ntlm.SIGNATURE + bytes(60),
        "NTLMSSP type 2": ntlm.SIGNATURE + struct.pack("<I", 2) + bytes(60),
        "NTLMSSP type 3 first": ntlm.assemble_authenticate(bytes(24), bytes(60), b"", b"a\0"),
        "NTLMSSP type 2^32 - 1": ntlm.SIGNATURE + b"\xff" * 60,
        "NTLM negotiate of 11 bytes": good[:11],
        "NTLM negotiate cut at 14": good[:14],
        "domain name past the end": good[:16] + struct.pack("<HHI", 65535, 65535, 0xFFFFFFF0) +
        bytes(8),
        "DER length of 2^32": b"\x60\x84\xff\xff\xff\xff" + bytes(20),
        "DER length of 2^64": b"\x60\x88" + b"\xff" * 8 + bytes(20),
        "DER length of length 127": b"\x60\xff" + b"\x7f" * 130,
        "DER of indefinite length": b"\x60\x80" + ntlm.der(6, ntlm.OID_SPNEGO) + bytes(20),
        "2,000 nested DER headers": b"\x60\x82\x0f\xa0" + b"\x30\x82\x0f\xa0" * 2000,
        "mechanism list without a known one": ntlm.spnego_init([OID_UNKNOWN], good),
        "empty mechanism list": ntlm.spnego_init([], good),
        "5,000 unknown mechanisms": ntlm.spnego_init([OID_UNKNOWN] * 5000, good),
        "wrong mechanism OID": ntlm.der(0x60, ntlm.der(6, OID_UNKNOWN) + bytes(8)),
        "response before init": ntlm.spnego_response(good),
        "Kerberos AP-REQ of noise": ntlm.spnego_init([OID_KRB5], b"\x60\x40" + b"\x11" * 64),
        "Kerberos with a length that lies": ntlm.spnego_init([OID_KRB5], b"\x6e\x84\xff\xff\xff\xff"),
        "token of 30,000 bytes of noise": os.urandom(30000),
    }


VICTIM = "victim"  # Wrong passwords slow down the logons of a user: not those of the other tests.
USERS = {VICTIM: "Pass-word-2"}


def authenticate_cases(challenge):
    good, _ = ntlm.authenticate_message(challenge, VICTIM, "wrong")
    name = os.urandom(8).hex().encode("utf-16le")  # Nobody, and each time somebody else.
    cases = {f"AUTHENTICATE cut at {size}": good[:size] for size in (0, 8, 12, 20, 40, 63, 64, 80,
                                                                     len(good) - 1)}
    for index, field in enumerate(("LM response", "NT response", "domain", "user", "workstation",
                                   "session key")):
        for label, span in (("past the end", (200, 60000)), ("at 2^32 - 4", (8, 0xFFFFFFFC)),
                            ("inside the header", (24, 4)), ("of 65535", (65535, 64))):
            cases[f"{field} {label}"] = ntlm.assemble_authenticate(
                bytes(24), bytes(60), b"", name, fields={index: span})
    for size in (0, 1, 15, 16, 17, 24, 27, 28, 43, 44, 60000):
        cases[f"NT response of {size} zero bytes"] = ntlm.assemble_authenticate(
            bytes(24), bytes(size), b"", name)
    cases.update({
        "user name of odd length": ntlm.assemble_authenticate(bytes(24), bytes(60), b"", b"abc"),
        "user name with unpaired surrogates": ntlm.assemble_authenticate(
            bytes(24), bytes(60), b"", b"\x00\xd8\x00\xdc\x00\xd8"),
        "user name with NUL": ntlm.assemble_authenticate(bytes(24), bytes(60), b"",
                                                         "victim\0x".encode("utf-16le")),
        "user name of 20,000 characters": ntlm.assemble_authenticate(bytes(24), bytes(60), b"",
                                                                     b"a\0" * 20000),
        "no such user": ntlm.authenticate_message(challenge, "nobody-here", "x")[0],
        "wrong password": good,
        "AV pairs without end": ntlm.assemble_authenticate(
            bytes(24), bytes(16) + b"\1\1" + bytes(26) + b"\2\0\xff\xff" * 10, b"", name),
    })
    return cases


def test_first_tokens(lab, results):
    for name, token in first_tokens().items():
        for wrap in ((lambda t: t),) if token[:1] == b"\x60" or not token else (
                (lambda t: t), (lambda t: ntlm.spnego_init([ntlm.OID_NTLMSSP], t))):
            kind = "raw" if wrap(b"x") == b"x" else "in SPNEGO"
            with results.test(f"row 9: first token: {name}, {kind}"), lab.negotiated() as client:
                answer = client.setup(wrap(token))
                if name in ("empty", "NTLM negotiate cut at 14", "domain name past the end"):
                    check_status(answer, MORE_PROCESSING_REQUIRED, *REFUSALS)
                else:
                    check_status(answer, *REFUSALS, *((MORE_PROCESSING_REQUIRED,)
                                                      if "mechanisms" in name else ()))
                client.session_id = 0
                client.logon(lab.server.user, lab.server.password)


def test_authenticate(lab, results):
    with lab.negotiated() as probe:
        sample = probe.token_of(probe.setup(ntlm.negotiate_message()))
    for name in authenticate_cases(sample):
        with results.test(f"row 9: {name} is refused"), lab.negotiated() as client:
            first = check_status(client.setup(ntlm.negotiate_message()), MORE_PROCESSING_REQUIRED)
            client.session_id = first.session_id
            token = authenticate_cases(client.token_of(first))[name]
            check_status(client.setup(token), *REFUSALS)
            path = "\\\\s\\data".encode("utf-16le")  # The failed logon left no session.
            check_status(client.request(TREE_CONNECT, struct.pack("<HHHH", 9, 0, 72, len(path)) +
                                        path), USER_SESSION_DELETED)


def test_setup_fields(lab, results):
    for name, offset, length in (("inside the header", 8, 40), ("past the end", 88, 60000),
                                 ("offset 65535", 65535, 65535)):
        with results.test(f"row 9: security buffer {name} is INVALID_PARAMETER"):
            with lab.negotiated() as client:
                body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, offset, length, 0) + bytes(48)
                check_status(client.request(SESSION_SETUP, body), INVALID_PARAMETER)
    with results.test("row 9: a PreviousSessionId of somebody else ends nobody's session"):
        with lab.negotiated() as client:
            body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, 40, lab.innocent.session_id)
            client.request(SESSION_SETUP, body + ntlm.negotiate_message()[:40].ljust(40, b"\0"))
            lab.check_innocent()
    with results.test("row 9: binding to the innocent session without its key is refused"):
        with lab.negotiated(DIALECT_311) as client:
            body = struct.pack("<HBBIIHHQ", 25, 1, 1, 0, 0, 88, 32, 0) + ntlm.negotiate_message()
            client.key = bytes(16)
            answer = client.request(SESSION_SETUP, body, session_id=lab.innocent.session_id)
            check(answer.status not in (SUCCESS, MORE_PROCESSING_REQUIRED), "it was accepted")
            lab.check_innocent()


def test_many_tokens(lab, results):
    with results.test("row 9: 3,000 tokens of noise in constant memory"):
        generator = random.Random(int(os.environ.get("CONTINUO_SEED", "9")))
        lab.check_settled()
        before = lab.resident_bytes()
        good = ntlm.spnego_init([ntlm.OID_NTLMSSP], ntlm.negotiate_message())
        client = lab.negotiated()
        for turn in range(3000):
            token = bytearray(good)
            for _ in range(generator.randrange(1, 6)):
                token[generator.randrange(len(token))] = generator.randrange(256)
            client.session_id = 0
            try:
                answer = client.setup(bytes(token))
                check_status(answer, MORE_PROCESSING_REQUIRED, *REFUSALS)
            except Closed:
                client = lab.negotiated()
            if turn % 500 == 0:
                lab.check_innocent()
        client.close()
        grown = lab.resident_bytes() - before
        check(grown < 24 * MIB, f"resident memory grew by {grown} bytes")


def run(lab, results):
    test_first_tokens(lab, results)
    test_authenticate(lab, results)
    test_setup_fields(lab, results)
    test_many_tokens(lab, results)
