"""What an SMB 3.1.1 client does about handles that outlive their connection: durable and persistent
opens, leases, reconnect and replay.

    client = CaClient(server, client_guid=GUID)           # logged on, connected to "data"
    held = client.open("a.bin", persistent(create_guid), lease=Lease(key, RWH))
    ...the server dies and is back...
    client = CaClient(server, client_guid=GUID)
    held = client.reclaim("a.bin", held)

Opens return an `Opened`; `try_open` and `try_reclaim` return (status, Opened or None).
"""

import dataclasses
import os
import struct

from smb2_client import (CLOSE, CREATE, DIALECT_311, FLAG_REPLAY, LOCK, OPLOCK_BREAK, READ, SET_INFO,
                         SUCCESS, WRITE, Connection, close_body, hex_status, lock_body, open_body,
                         read_body, write_body)

PERSISTENT = 0x2
OPLOCK_LEASE = 0xFF
OPLOCK_BATCH = 0x09
R, H, W = 1, 2, 4
SUPERSEDE, OPEN, CREATE_NEW, OPEN_IF, OVERWRITE, OVERWRITE_IF = range(6)
ALL_ACCESS = 0x001F01FF
NON_DIRECTORY, DIRECTORY, DELETE_ON_CLOSE = 0x40, 0x1, 0x1000
CAP_PERSISTENT_HANDLES = 0x10                 # SMB2_GLOBAL_CAP_…
SHARE_CAP_CONTINUOUS_AVAILABILITY, SHARE_CAP_SCALEOUT, SHARE_CAP_CLUSTER = 0x10, 0x20, 0x40
EXCLUSIVE_AT_ONCE, UNLOCK = 0x2 | 0x10, 0x4
BREAK_ID = 0xFFFFFFFFFFFFFFFF
APP_INSTANCE_ID = bytes.fromhex("45BCA66AEFA7F74A9008FA462E144D74")
ACTION_SUPERSEDED, ACTION_OPENED, ACTION_CREATED, ACTION_OVERWRITTEN = range(4)


@dataclasses.dataclass(frozen=True)
class Lease:
    key: bytes
    state: int = R | H | W


@dataclasses.dataclass(frozen=True)
class Durable:
    create_guid: bytes
    flags: int = 0
    timeout_ms: int = 60_000


@dataclasses.dataclass
class Opened:
    file_id: bytes
    action: int
    oplock: int
    size: int
    durable: Durable = None       # What was asked for; None without a grant.
    granted_flags: int = 0        # SMB2_DHANDLE_FLAG_PERSISTENT
    granted_timeout_ms: int = 0
    lease: Lease = None           # As granted.
    lease_epoch: int = 0

    @property
    def is_persistent(self):
        return bool(self.granted_flags & PERSISTENT)


def persistent(create_guid=None, timeout_ms=60_000):
    return Durable(create_guid or os.urandom(16), PERSISTENT, timeout_ms)


def context(name, data):
    """SMB2_CREATE_CONTEXT without its Next field, padded to the next one."""
    padded = name + bytes(-len(name) % 8)
    body = struct.pack("<HHHHI", 16, len(name), 0, 16 + len(padded), len(data)) + padded + data
    return body + bytes(-(len(body) + 4) % 8)


def chained(contexts):
    last = len(contexts) - 1
    return b"".join(struct.pack("<I", 0 if i == last else 4 + len(one)) + one
                    for i, one in enumerate(contexts))


def durable_request(wish):
    return context(b"DH2Q", struct.pack("<IIQ", wish.timeout_ms, wish.flags, 0) + wish.create_guid)


def durable_reconnect(file_id, wish):
    return context(b"DH2C", file_id + wish.create_guid + struct.pack("<I", wish.flags))


def lease_request(lease):
    return context(b"RqLs", lease.key + struct.pack("<IIQ16sHH", lease.state, 0, 0, bytes(16), 0, 0))


def app_instance(app_id):
    return context(APP_INSTANCE_ID, struct.pack("<HH", 20, 0) + app_id)


def contexts_of(answer):
    """{name: data} of a CREATE response."""
    offset, length = struct.unpack_from("<II", answer.body, 80)
    found = {}
    data = answer.message[offset:offset + length] if length else b""
    while data:
        following, at, size, _, where, count = struct.unpack_from("<IHHHHI", data)
        found[data[at:at + size]] = data[where:where + count]
        data = data[following:] if following else b""
    return found


def parse_open(answer, wish):
    contexts = contexts_of(answer)
    opened = Opened(file_id=answer.body[64:80], oplock=answer.body[2],
                    action=struct.unpack_from("<I", answer.body, 4)[0],
                    size=struct.unpack_from("<Q", answer.body, 48)[0])
    opened.durable = wish
    if b"DH2Q" in contexts:
        opened.granted_timeout_ms, opened.granted_flags = struct.unpack("<II", contexts[b"DH2Q"])
    if b"RqLs" in contexts:
        data = contexts[b"RqLs"]
        opened.lease = Lease(data[:16], struct.unpack_from("<I", data, 16)[0])
        opened.lease_epoch = struct.unpack_from("<H", data, 48)[0]
    return opened


class CaClient(Connection):
    def __init__(self, server, client_guid=None, share="data", user=None, **options):
        super().__init__(server.address, server.port, client_guid=client_guid, **options)
        self.negotiate((DIALECT_311,))
        name = user or server.user
        self.logon(name, server.options.users.get(name, server.password))
        self.tree_connect(share)

    def create_message(self, name, contexts, lease=None, is_replay=False, **fields):
        """A whole CREATE request, signed."""
        if lease is not None:
            contexts = [*contexts, lease_request(lease)]
            fields.setdefault("oplock", OPLOCK_LEASE)
        sequence = fields.pop("channel_sequence", 0)
        body = open_body(name, contexts=chained(contexts) if contexts else b"", **fields)
        return self.build(CREATE, body, flags=FLAG_REPLAY if is_replay else 0,
                          channel_sequence=sequence)

    def try_open(self, name, durable=None, more_contexts=(), **fields):
        contexts = [*([durable_request(durable)] if durable else []), *more_contexts]
        fields.setdefault("access", ALL_ACCESS)
        self.send_frame(self.create_message(name, contexts, **fields))
        answer = self.final()
        return answer.status, parse_open(answer, durable) if answer.status == SUCCESS else None

    def open(self, name, durable=None, **fields):
        status, opened = self.try_open(name, durable, **fields)
        if status != SUCCESS:
            raise AssertionError(f"CREATE of {name} got {hex_status(status)}")
        return opened

    def try_reclaim(self, name, held, create_guid=None, lease="same"):
        wish = dataclasses.replace(held.durable, create_guid=create_guid or
                                   held.durable.create_guid)
        lease = held.lease if lease == "same" else lease
        self.send_frame(self.create_message(name, [durable_reconnect(held.file_id, wish)],
                                            lease=lease))
        answer = self.final()
        return answer.status, parse_open(answer, wish) if answer.status == SUCCESS else None

    def reclaim(self, name, held):
        status, opened = self.try_reclaim(name, held)
        if status != SUCCESS:
            raise AssertionError(f"the reclaim of {name} got {hex_status(status)}")
        opened.granted_flags = held.granted_flags
        return opened

    def final(self, deadline_s=None):
        """The next final response; breaks that come first are kept in `breaks`."""
        while True:
            for response in self.receive(deadline_s):
                if response.message_id == BREAK_ID:
                    self.breaks.append(response)
                elif not response.is_interim:
                    return response

    @property
    def breaks(self):
        return self.__dict__.setdefault("_breaks", [])

    def wait_break(self, deadline_s=None):
        """(lease key, state to go to) of the next lease break."""
        while not self.breaks:
            for response in self.receive(deadline_s):
                if response.message_id == BREAK_ID:
                    self.breaks.append(response)
        body = self.breaks.pop(0).body
        return body[8:24], struct.unpack_from("<I", body, 28)[0]

    def acknowledge(self, key, state):
        self.send_frame(self.build(OPLOCK_BREAK, struct.pack("<HHI16sIQ", 36, 0, 0, key, state, 0)))
        return self.final()

    def ask(self, command, body, **fields):
        self.send_frame(self.build(command, body, **fields))
        return self.final()

    def write(self, held, data, offset=0, **fields):
        return self.ask(WRITE, write_body(held.file_id, data, offset), **fields).status

    def read(self, held, length, offset=0):
        answer = self.ask(READ, read_body(held.file_id, length, offset))
        return answer.body[16:16 + struct.unpack_from("<I", answer.body, 4)[0]] \
            if answer.status == SUCCESS else hex_status(answer.status)

    def lock(self, held, offset, length, flags=EXCLUSIVE_AT_ONCE, sequence=0, **fields):
        return self.ask(LOCK, lock_body(held.file_id, [(offset, length, flags)], sequence=sequence),
                        **fields).status

    def set_info(self, held, info_class, data, info_type=1, additional=0, **fields):
        body = struct.pack("<HBBIHHI16s", 33, info_type, info_class, len(data), 96, 0, additional,
                           held.file_id) + data
        return self.ask(SET_INFO, body, **fields).status

    def close_file(self, held):
        return self.ask(CLOSE, close_body(held.file_id)).status
