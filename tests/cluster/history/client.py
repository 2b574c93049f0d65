"""One client with many persistent handles that goes on whatever happens to its server, and writes down
what it was told (checker.py has the events).

What it does when its connection is lost ([MS-SMB2] 3.2.4.2.x, 3.2.4.4, 3.2.5.1): connects again as long as
it takes, logs on, reclaims every handle by DH2C with its create GUID, raises ChannelSequence, and sends
each request that was not answered once more with SMB2_FLAGS_REPLAY_OPERATION; LOCK and unlock with their
lock sequence, so that they count once.
"""

import dataclasses
import os
import random
import struct
import threading
import time

from ca_client import (CREATE_NEW, EXCLUSIVE_AT_ONCE, OPEN_IF, UNLOCK, CaClient, H, Lease, R, W,
                       persistent)
from smb2_client import (CLOSE, FILE_NOT_AVAILABLE, FLAG_REPLAY, FLUSH, LOCK, LOCK_NOT_GRANTED,
                         OBJECT_NAME_NOT_FOUND, READ, SET_INFO, SHARING_VIOLATION, SUCCESS, WRITE, Closed,
                         close_body, hex_status, lock_body, read_body, write_body)

SLOT_BYTES = 4096
SLOTS = 16
PIPELINE = 6
LOCK_RANGES = 8
EXCLUSIVE_FILES = 4
HOLD_MAX_S = 0.1
ANSWER_LIMIT_S = 60
RECONNECT_LIMIT_S = 90
CONNECT_LIMIT_S = 3
DISPOSITION_INFORMATION = 13
END_OF_FILE = 0xC0000011


class Recorder:
    """Events of all clients on one clock. Threading: any thread."""

    def __init__(self):
        self.events = []

    def add(self, client, what, **fields):
        fields.setdefault("t", time.monotonic())
        self.events.append({"client": client, "what": what, **fields})  # Atomic in CPython.


@dataclasses.dataclass
class Request:
    command: int
    file: str
    body: object            # body(file_id), because the volatile half changes with a reclaim.
    answer: object = None


def slot_content(file, slot, version):
    head = struct.pack("<32sQQ", file.encode(), slot, version)
    return head * (SLOT_BYTES // len(head)) + bytes(SLOT_BYTES % len(head))


def version_of(data, file, slot):
    """0 where nothing was written; ValueError for what nobody wrote."""
    if not data.strip(b"\0"):
        return 0
    version = struct.unpack_from("<Q", data, 40)[0]
    if data != slot_content(file, slot, version):
        raise ValueError(f"{file} slot {slot} holds what nobody wrote: {data[:48].hex()}")
    return version


class HistoryClient(threading.Thread):
    """`place` is a directory of the share that exists, with a backslash behind it, or empty."""

    def __init__(self, number, server, recorder, file_count, seed, place=""):
        super().__init__(name=f"client-{number}", daemon=True)
        self.number = number
        self.server = server
        self.recorder = recorder
        self.random = random.Random(f"{seed}-{number}")
        self.files = [f"{place}own-{number}-{index}.bin" for index in range(file_count)]
        self.place = place
        self.lock_file = f"{place}locks.bin"
        self.brief = f"{place}brief-{number}.bin"
        self.stopping = threading.Event()
        self.guid = os.urandom(16)
        self.connection = None
        self.held = {}                       # Name: Opened.
        self.versions = {}                   # (name, slot): newest version sent.
        self.sequence = 0                    # ChannelSequence.
        self.lock_numbers = [0] * LOCK_RANGES
        self.problem = None
        self.operations = 0
        self.reconnects = 0

    # --- life ---

    def run(self):
        try:
            self.connect()
            for index, name in enumerate(self.files):
                lease = Lease(os.urandom(16), R | H | W) if index % 3 == 0 else None
                self.open(name, lease=lease, disposition=OPEN_IF)
            self.open(self.lock_file, disposition=OPEN_IF)
            steps = [self.write, self.write, self.write, self.read, self.flush, self.lock_range,
                     self.hold_exclusively, self.create_and_delete]
            while not self.stopping.is_set():
                self.random.choice(steps)()
                self.operations += 1
            for name in list(self.held):
                self.close(name)
        except Exception as error:  # pylint: disable=broad-except
            self.problem = f"{type(error).__name__}: {error}"
            self.recorder.add(self.number, "error", text=self.problem)

    def note(self, what, **fields):
        self.recorder.add(self.number, what, **fields)

    def expect(self, status, *wanted, what):
        if status not in wanted:
            self.note("error", text=f"{what}: {hex_status(status)}")
        return status

    # --- connection ---

    def connect(self):
        give_up = time.monotonic() + RECONNECT_LIMIT_S
        while True:
            try:
                self.connection = CaClient(self.server, client_guid=self.guid, share=self.server.share,
                                           deadline_s=CONNECT_LIMIT_S)
                self.connection.deadline_s = ANSWER_LIMIT_S
                return
            except (OSError, AssertionError) as error:
                if time.monotonic() > give_up:
                    raise RuntimeError(f"no connection in {RECONNECT_LIMIT_S} s: {error}") from error
                time.sleep(self.random.uniform(0.02, 0.1))

    def recover(self):
        """A new connection with every handle of the old one."""
        while True:
            self.connection.close()
            self.connect()
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.reconnects += 1
            try:
                for name, held in list(self.held.items()):
                    status, opened = self.connection.try_reclaim(name, held)
                    self.note("reclaim", file=name, status=status)
                    if opened is None:
                        del self.held[name]
                        continue
                    opened.granted_flags = held.granted_flags
                    self.held[name] = opened
                return
            except (Closed, OSError):
                continue

    # --- requests ---

    def exchange(self, requests):
        """Sends all at once; returns when each has its final answer, from whichever server."""
        is_replay = False
        while True:
            try:
                self.send_unanswered(requests, is_replay)
                return requests
            except (Closed, OSError):
                self.recover()
                is_replay = True

    def send_unanswered(self, requests, is_replay):
        waiting = {}
        frames = []
        for request in requests:
            if request.answer is not None:
                continue
            held = self.held.get(request.file)
            if held is None:
                raise RuntimeError(f"{request.file} was lost with its handle")
            message_id = self.connection.message_id
            frames.append(self.connection.build(
                request.command, request.body(held.file_id), channel_sequence=self.sequence,
                flags=FLAG_REPLAY if is_replay else 0))
            waiting[message_id] = request
        for frame in frames:
            self.connection.send_frame(frame)
        while waiting:
            for response in self.connection.receive():
                if response.is_interim:
                    continue
                request = waiting.pop(response.message_id, None)
                if request is None:
                    continue  # A lease break: nobody else opens these files while they are held.
                request.answer = response
                request.answered = time.monotonic()

    def ask(self, command, file, body):
        return self.exchange([Request(command, file, body)])[0].answer

    def try_open(self, name, **fields):
        """(status, Opened or None); the CREATE counts once, however often it had to be sent."""
        wish = persistent()
        is_replay = False
        while True:
            try:
                return self.connection.try_open(name, wish, is_replay=is_replay,
                                                channel_sequence=self.sequence, **fields)
            except (Closed, OSError):
                self.recover()
                is_replay = True

    def open(self, name, **fields):
        status, opened = self.try_open(name, **fields)
        if self.expect(status, SUCCESS, what=f"CREATE of {name}") != SUCCESS:
            raise RuntimeError(f"{name} could not be opened")
        if not opened.is_persistent:
            raise RuntimeError(f"{name}: no persistent handle")
        self.held[name] = opened

    def close(self, name):
        """A CLOSE without an answer was done when the handle cannot be reclaimed any more."""
        held = self.held.pop(name)
        while True:
            try:
                self.connection.send_frame(self.connection.build(
                    CLOSE, close_body(held.file_id), channel_sequence=self.sequence))
                return self.expect(self.connection.final().status, SUCCESS, what=f"CLOSE of {name}")
            except (Closed, OSError):
                self.recover()
                held = self.reclaim_closing(name, held)
                if held is None:
                    return SUCCESS

    def reclaim_closing(self, name, held):
        while True:
            try:
                status, opened = self.connection.try_reclaim(name, held)
            except (Closed, OSError):
                self.recover()
                continue
            self.expect(status, SUCCESS, OBJECT_NAME_NOT_FOUND, what=f"reclaim of closing {name}")
            return opened

    # --- what it does ---

    def write(self):
        name = self.random.choice(self.files)
        requests = []
        for slot in self.random.sample(range(SLOTS), self.random.randint(1, PIPELINE)):
            version = self.versions.get((name, slot), 0) + 1
            self.versions[name, slot] = version
            data = slot_content(name, slot, version)
            request = Request(WRITE, name, lambda file_id, data=data, slot=slot:
                              write_body(file_id, data, slot * SLOT_BYTES))
            request.slot, request.version = slot, version
            requests.append(request)
        for request in self.exchange(requests):
            if self.expect(request.answer.status, SUCCESS, what=f"WRITE to {name}") == SUCCESS:
                self.note("write", file=name, slot=request.slot, version=request.version,
                          t=request.answered)

    def read(self):
        name, slot = self.random.choice(self.files), self.random.randrange(SLOTS)
        asked = time.monotonic()
        answer = self.ask(READ, name, lambda file_id: read_body(file_id, SLOT_BYTES,
                                                                slot * SLOT_BYTES))
        self.expect(answer.status, SUCCESS, END_OF_FILE, what=f"READ of {name}")
        data = answer.body[16:] if answer.status == SUCCESS else b""
        self.note("read", file=name, slot=slot, version=version_of(data, name, slot), asked=asked)

    def flush(self):
        name = self.random.choice(self.files)
        answer = self.ask(FLUSH, name, lambda file_id: struct.pack("<HHI16s", 24, 0, 0, file_id))
        self.expect(answer.status, SUCCESS, what=f"FLUSH of {name}")

    def lock(self, at, flags):
        # A bucket of its own for each range: the same number twice in a row is a replay of the first.
        self.lock_numbers[at] = (self.lock_numbers[at] + 1) & 0xF
        sequence = ((1 + at) << 4) | self.lock_numbers[at]
        return self.ask(LOCK, self.lock_file, lambda file_id: lock_body(
            file_id, [(at, 1, flags)], sequence=sequence)).status

    def lock_range(self):
        at = self.random.randrange(LOCK_RANGES)
        status = self.lock(at, EXCLUSIVE_AT_ONCE)
        if self.expect(status, SUCCESS, LOCK_NOT_GRANTED, what="LOCK") != SUCCESS:
            return
        begin = time.monotonic()
        time.sleep(self.random.uniform(0, HOLD_MAX_S))
        self.write()
        until = time.monotonic()
        self.expect(self.lock(at, UNLOCK), SUCCESS, what="unlock")
        self.note("hold", resource=f"range {at}", t=begin, until=until)

    def hold_exclusively(self):
        name = f"{self.place}exclusive-{self.random.randrange(EXCLUSIVE_FILES)}.bin"
        status, opened = self.try_open(name, share=0, disposition=OPEN_IF)
        self.expect(status, SUCCESS, SHARING_VIOLATION, FILE_NOT_AVAILABLE, what=f"CREATE of {name}")
        if opened is None:
            return
        self.held[name] = opened
        begin = time.monotonic()
        time.sleep(self.random.uniform(0, HOLD_MAX_S))
        self.write()
        until = time.monotonic()
        self.close(name)
        self.note("hold", resource=name, t=begin, until=until)

    def create_and_delete(self):
        name = self.brief
        if name not in self.held:
            self.open(name, disposition=CREATE_NEW)
            self.note("created", file=name)
            return
        answer = self.ask(SET_INFO, name, lambda file_id: struct.pack(
            "<HBBIHHI16s", 33, 1, DISPOSITION_INFORMATION, 1, 96, 0, 0, file_id) + b"\1")
        self.expect(answer.status, SUCCESS, what=f"delete of {name}")
        self.close(name)
        self.note("deleted", file=name)
