#!/usr/bin/env python3
"""Writes the golden stored records of this folder, from the format's description in
services/ca-store-service/records/record_codec.h and without any of Continuo's code."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 appendix B.4.


def stored(kind, version, payload):
    head = b"CACH" + struct.pack("<HHI", kind, version, len(payload))
    return head + struct.pack("<I", crc32c(head + payload)) + payload


def counted(text, form="<H"):
    return struct.pack(form, len(text)) + text


def guid(first):
    return bytes(range(first, first + 16))


def file_key(first, file_id):
    return guid(first) + counted(file_id, "<B")


def handle_full():
    payload = struct.pack("<Q", 0x0000070000000001) + guid(0x10) + guid(0x20)
    payload += file_key(0x30, bytes.fromhex("0102030405060708090a0b0c")) + struct.pack("<Q", 77)
    payload += counted("Büro/bericht.docx".encode()) + counted(b"notes") + counted(b"Data")
    payload += struct.pack("<IIII", 0x0012019F, 0x7, 0x40, 2)
    payload += struct.pack("<BB", 0xFF, 0xFF)  # A lease; every optional part is there.
    payload += guid(0x40) + struct.pack("<IBHI", 0x7, 2, 9, 0x3) + guid(0x50)
    payload += struct.pack("<I", 2)
    payload += struct.pack("<QQB", 0, 100, 1) + struct.pack("<QQB", 1 << 63, 1, 0)
    payload += bytes([0xFF] * 63 + [5])
    payload += counted(bytes.fromhex("010500000000000515000000a065cf7e784b9b5fe77c8770f4010000"), "<B")
    payload += guid(0x60) + struct.pack("<QQ", 3, 4)
    payload += struct.pack("<IHQqq", 120000, 6, 7, 1790000000000001, 1790000060000002)
    return stored(1, 1, payload)


def handle_plain(version=1):
    payload = struct.pack("<Q", 5) + guid(1) + guid(2) + file_key(3, b"")
    payload += struct.pack("<Q", 0) + counted(b"a") + counted(b"") + counted(b"s")
    payload += struct.pack("<IIII", 1, 0, 0, 1) + struct.pack("<BB", 0, 0)
    payload += struct.pack("<I", 0) + counted(b"", "<B")
    payload += struct.pack("<IHQq", 0, 0, 1, 0)
    return stored(1, version, payload)


def intent():
    payload = guid(0x10) + guid(0x20) + file_key(0x30, b"\x01\x02\x03\x04")
    payload += counted("neu.txt".encode()) + struct.pack("<I", 2) + counted(b"Data")
    payload += struct.pack("<q", 1790000000000001)
    return stored(2, 1, payload)


def main():
    for name, content in {"handle_v1_full": handle_full(), "handle_v1_plain": handle_plain(),
                          "handle_v2_unknown": handle_plain(version=2),
                          "intent_v1": intent()}.items():
        lines = [content[i:i + 32].hex() for i in range(0, len(content), 32)]
        (HERE / f"{name}.hex").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
