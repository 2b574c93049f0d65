"""A relay between an SMB client and a server that notes what each message looks like on the wire.

    with SmbTap(server.address, server.port) as tap:
        run(["smbclient", …, "-p", str(tap.port), …])
    check(tap.all_sealed(), "…")

It only looks: every byte is passed on as it came. Threads: one accepts, two for each connection.
"""

import contextlib
import dataclasses
import socket
import struct
import threading

PLAIN, SEALED = b"\xfeSMB", b"\xfdSMB"
NEGOTIATE, SESSION_SETUP = 0, 1
FLAG_SIGNED = 0x8
STATUS_PENDING = 0x103
# [MS-SMB2] 2.2.1.1 and 2.2.4, from the start of the message.
STATUS_AT, COMMAND_AT, FLAGS_AT, DIALECT_AT = 8, 12, 16, 68


@dataclasses.dataclass
class Seen:
    protocol: bytes
    command: int = -1       # Of what is not sealed, as all below.
    is_signed: bool = False
    is_pending: bool = False
    dialect: int = 0        # Of a NEGOTIATE response.


def look_at(message, is_response):
    seen = Seen(message[:4])
    if seen.protocol != PLAIN or len(message) < 64:
        return seen
    seen.command = struct.unpack_from("<H", message, COMMAND_AT)[0]
    seen.is_signed = bool(struct.unpack_from("<I", message, FLAGS_AT)[0] & FLAG_SIGNED)
    seen.is_pending = (is_response and
                       struct.unpack_from("<I", message, STATUS_AT)[0] == STATUS_PENDING)
    if is_response and seen.command == NEGOTIATE and len(message) >= DIALECT_AT + 2:
        seen.dialect = struct.unpack_from("<H", message, DIALECT_AT)[0]
    return seen


def read_exactly(source, size):
    data = b""
    while len(data) < size:
        piece = source.recv(size - len(data))
        if not piece:
            return None
        data += piece
    return data


class SmbTap:
    def __init__(self, address, port):
        self._server = (address, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._threads = []
        self._lock = threading.Lock()
        self.port = self._listener.getsockname()[1]
        self.messages = []

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        with self._lock:
            sockets = list(self._sockets)
        for each in sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client = self._listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection(self._server)
            with self._lock:
                self._sockets += [client, server]
            self._start(self._relay, client, server, False)
            self._start(self._relay, server, client, True)

    def _relay(self, source, target, is_response):
        try:
            while (header := read_exactly(source, 4)) is not None:
                message = read_exactly(source, struct.unpack(">I", header)[0] & 0xFFFFFF)
                if message is None:
                    break
                with self._lock:
                    self.messages.append(look_at(message, is_response))
                target.sendall(header + message)
        except OSError:
            pass
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def dialects(self):
        return {seen.dialect for seen in self.messages if seen.dialect}

    def after_logon(self):
        return [seen for seen in self.messages
                if seen.command not in (NEGOTIATE, SESSION_SETUP) and not seen.is_pending]

    def all_sealed(self):
        return bool(self.after_logon()) and all(seen.protocol == SEALED
                                                for seen in self.after_logon())

    def all_signed(self):
        return bool(self.after_logon()) and all(seen.is_signed for seen in self.after_logon())
