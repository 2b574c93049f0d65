"""NTLMv2 as a client needs it ([MS-NLMP]), and just enough DER to wrap it in SPNEGO (RFC 4178).

MD4 is written out because OpenSSL 3 does not offer it any more.
"""

import hashlib
import hmac
import os
import struct

SIGNATURE = b"NTLMSSP\0"
# UNICODE, REQUEST_TARGET, SIGN, NTLM, ALWAYS_SIGN, EXTENDED_SESSIONSECURITY, TARGET_INFO, 128, 56.
FLAGS = 0x00000001 | 0x4 | 0x10 | 0x200 | 0x8000 | 0x80000 | 0x800000 | 0x20000000 | 0x80000000
AV_EOL = 0
AV_FLAGS = 6
AV_TIMESTAMP = 7

OID_SPNEGO = bytes.fromhex("2b0601050502")
OID_NTLMSSP = bytes.fromhex("2b06010401823702020a")


def md4(data):
    """RFC 1320."""
    def rotate(value, bits):
        value &= 0xFFFFFFFF
        return (value << bits | value >> (32 - bits)) & 0xFFFFFFFF

    rounds = ((lambda x, y, z: (x & y) | (~x & z), 0, (3, 7, 11, 19), range(16)),
              (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, (3, 5, 9, 13),
               [i % 4 * 4 + i // 4 for i in range(16)]),
              (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (3, 9, 11, 15),
               (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)))
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    padded = data + b"\x80" + bytes((55 - len(data)) % 64) + struct.pack("<Q", 8 * len(data))
    for start in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[start:start + 64])
        a, b, c, d = state
        for mix, constant, shifts, order in rounds:
            for turn, index in enumerate(order):
                a = rotate(a + mix(b, c, d) + words[index] + constant, shifts[turn % 4])
                a, b, c, d = d, a, b, c
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def hmac_md5(key, data):
    return hmac.new(key, data, hashlib.md5).digest()


def negotiate_message(flags=FLAGS):
    return SIGNATURE + struct.pack("<II", 1, flags) + bytes(16)


def parse_challenge(message):
    """(server challenge, target information) of a CHALLENGE_MESSAGE; finds it inside SPNEGO too."""
    start = message.find(SIGNATURE)
    if start < 0:
        raise AssertionError(f"no NTLM challenge in {message[:80].hex()}")
    message = message[start:]
    length, _, offset = struct.unpack_from("<HHI", message, 40)
    return message[24:32], message[offset:offset + length]


def timestamp_of(target_info):
    position = 0
    while position + 4 <= len(target_info):
        kind, length = struct.unpack_from("<HH", target_info, position)
        if kind == AV_EOL:
            break
        if kind == AV_TIMESTAMP:
            return target_info[position + 4:position + 12]
        position += 4 + length
    return struct.pack("<Q", 0)


def authenticate_message(challenge, user, password, domain=""):
    """(AUTHENTICATE_MESSAGE, session key) for a CHALLENGE_MESSAGE: [MS-NLMP] 3.3.2."""
    server_challenge, target_info = parse_challenge(challenge)
    name, realm = user.encode("utf-16le"), domain.encode("utf-16le")
    key = hmac_md5(md4(password.encode("utf-16le")), user.upper().encode("utf-16le") + realm)
    blob = (b"\x01\x01" + bytes(6) + timestamp_of(target_info) + os.urandom(8) + bytes(4) +
            target_info + bytes(4))
    proof = hmac_md5(key, server_challenge + blob)
    return assemble_authenticate(bytes(24), proof + blob, realm, name), hmac_md5(key, proof)


def assemble_authenticate(lm, nt, realm, name, workstation=b"", flags=FLAGS, fields=None):
    """`fields` replaces the (length, offset) of payload fields by their index in wire order."""
    parts = [lm, nt, realm, name, workstation, b""]
    offset = 64
    head = SIGNATURE + struct.pack("<I", 3)
    for index, part in enumerate(parts):
        length, at = (fields or {}).get(index, (len(part), offset))
        head += struct.pack("<HHI", length, length, at)
        offset += len(part)
    return head + struct.pack("<I", flags) + b"".join(parts)


# --- DER and SPNEGO ---

def der(tag, content):
    size = len(content)
    if size < 128:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def spnego_init(mechanisms, token):
    """NegTokenInit in the GSS-API framing of a first token."""
    inner = der(0xA0, der(0x30, b"".join(der(0x06, oid) for oid in mechanisms)))
    if token is not None:
        inner += der(0xA2, der(0x04, token))
    return der(0x60, der(0x06, OID_SPNEGO) + der(0xA0, der(0x30, inner)))


def spnego_response(token):
    return der(0xA1, der(0x30, der(0xA2, der(0x04, token))))
