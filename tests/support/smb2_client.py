"""A small SMB2 client that can also send what no client should: every byte is the caller's.

    with Connection(address, port) as client:
        client.negotiate((DIALECT_210,))
        client.logon(user, password)
        client.tree_connect("data")
        file = client.create("name")

Nothing waits without end: each receive has a deadline, and a missing answer is a failed test.
Dialects 2.1 (HMAC-SHA256) and 3.1.1, there with HMAC-SHA256 by SMB2_SIGNING_CAPABILITIES and sealing
by AES-128-GCM or -CCM.
"""

import errno
import hashlib
import hmac
import os
import socket
import struct
import time

import ntlm

DIALECT_210 = 0x0210
DIALECT_311 = 0x0311

(NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT, CREATE, CLOSE, FLUSH, READ, WRITE,
 LOCK, IOCTL, CANCEL, ECHO, QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO,
 OPLOCK_BREAK) = range(19)

FLAG_RESPONSE = 0x1
FLAG_ASYNC = 0x2
FLAG_RELATED = 0x4
FLAG_SIGNED = 0x8
FLAG_REPLAY = 0x20000000

SUCCESS = 0x00000000
PENDING = 0x00000103
INVALID_PARAMETER = 0xC000000D
END_OF_FILE = 0xC0000011
MORE_PROCESSING_REQUIRED = 0xC0000016
ACCESS_DENIED = 0xC0000022
OBJECT_NAME_INVALID = 0xC0000033
OBJECT_NAME_NOT_FOUND = 0xC0000034
OBJECT_NAME_COLLISION = 0xC0000035
OBJECT_PATH_NOT_FOUND = 0xC000003A
OBJECT_PATH_SYNTAX_BAD = 0xC000003B
SHARING_VIOLATION = 0xC0000043
FILE_LOCK_CONFLICT = 0xC0000054
LOCK_NOT_GRANTED = 0xC0000055
LOGON_FAILURE = 0xC000006D
RANGE_NOT_LOCKED = 0xC000007E
INSUFFICIENT_RESOURCES = 0xC000009A
NOT_SUPPORTED = 0xC00000BB
NETWORK_NAME_DELETED = 0xC00000C9
FILE_CLOSED = 0xC0000128
FILE_FORCED_CLOSED = 0xC00000B6
INVALID_LOCK_RANGE = 0xC00001A1
USER_SESSION_DELETED = 0xC0000203
DUPLICATE_OBJECTID = 0xC000022A
FILE_NOT_AVAILABLE = 0xC0000467
NO_PREAUTH_OVERLAP = 0xC05D0000

HEADER_SIZE = 64
ZERO_ID = bytes(16)
PREVIOUS_ID = b"\xff" * 16
ANSWER_DEADLINE_S = 10


class Closed(ConnectionError):
    """The server ended the connection."""


class Response:
    def __init__(self, message):
        if len(message) < HEADER_SIZE or message[:4] != b"\xfeSMB":
            raise AssertionError(f"not an SMB2 message: {message[:16].hex()}")
        (self.charge, self.status, self.command, self.credits, self.flags, self.next,
         self.message_id) = struct.unpack_from("<HIHHIIQ", message, 6)
        self.async_id = struct.unpack_from("<Q", message, 32)[0]
        self.tree_id = struct.unpack_from("<I", message, 36)[0]
        self.session_id = struct.unpack_from("<Q", message, 40)[0]
        self.message = message
        self.body = message[HEADER_SIZE:]

    @property
    def is_interim(self):
        return self.status == PENDING and self.flags & FLAG_ASYNC


def hex_status(status):
    return f"0x{status:08X}"


def header(command, message_id, charge=1, credits=1, flags=0, next_command=0, tree_id=0,
           session_id=0, protocol=b"\xfeSMB", structure_size=64, async_id=None, channel_sequence=0):
    tail = struct.pack("<II", 0xFEFF, tree_id) if async_id is None else struct.pack("<Q", async_id)
    return (protocol + struct.pack("<HHIHHIIQ", structure_size, charge, channel_sequence, command,
                                   credits, flags, next_command, message_id) + tail +
            struct.pack("<Q", session_id) + bytes(16))


def derive_key(key, label, context):
    """[MS-SMB2] 3.1.4.2: SP 800-108 in counter mode, 128 bits."""
    data = struct.pack(">I", 1) + label + b"\0" + context + struct.pack(">I", 128)
    return hmac.new(key, data, hashlib.sha256).digest()[:16]


def open_body(name, access=0x0012019F, attributes=0x80, share=7, disposition=3, options=0,
              contexts=b"", oplock=0, name_offset=120, name_length=None, contexts_offset=None,
              contexts_length=None):
    raw = name if isinstance(name, bytes) else name.encode("utf-16le", "surrogatepass")
    padding = bytes(-len(raw) % 8)
    at = 120 + len(raw) + len(padding) if contexts else 0
    head = struct.pack("<HBBIQQIIIIIHHII", 57, 0, oplock, 2, 0, 0, access, attributes, share,
                       disposition, options, name_offset,
                       len(raw) if name_length is None else name_length,
                       at if contexts_offset is None else contexts_offset,
                       len(contexts) if contexts_length is None else contexts_length)
    return head + (raw + padding + contexts or bytes(8))


def read_body(file_id, length, offset, minimum=0, channel=0):
    return struct.pack("<HBBIQ16sIIIHH", 49, 0x50, 0, length, offset, file_id, minimum, channel, 0,
                       0, 0) + b"\0"


def write_body(file_id, data, offset, data_offset=112, length=None):
    return struct.pack("<HHIQ16sIIHHI", 49, data_offset, len(data) if length is None else length,
                       offset, file_id, 0, 0, 0, 0, 0) + (data or b"\0")


def lock_body(file_id, elements, count=None, structure_size=48, sequence=0):
    return struct.pack("<HHI16s", structure_size, len(elements) if count is None else count,
                       sequence, file_id) + b"".join(struct.pack("<QQII", *element, 0)
                                           for element in elements)


def close_body(file_id):
    return struct.pack("<HHI16s", 24, 0, 0, file_id)


class Connection:
    def __init__(self, address, port, deadline_s=ANSWER_DEADLINE_S, client_guid=None):
        self.deadline_s = deadline_s
        self.client_guid = client_guid or os.urandom(16)
        self.socket = socket.create_connection((address, port), timeout=deadline_s)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.message_id = 0
        self.available = 1
        self.session_id = 0
        self.tree_id = 0
        self.dialect = 0
        self.cipher = 0
        self.key = None            # Signs once there is one.
        self.session_key = None
        self.seal_key = self.open_key = None
        self.preauth = bytes(64)
        self.received = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Ends the connection with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def finish_sending(self):
        """Sends no more; answers can still be read. The server may have ended the connection before,
        which what is read next will tell."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                raise

    # --- frames ---

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (ConnectionError, BrokenPipeError) as error:
            raise Closed(str(error)) from error

    def send_frame(self, message):
        self.send_bytes(struct.pack(">I", len(message)) + message)

    def _receive(self, count, give_up):
        while len(self.received) < count:
            self.socket.settimeout(max(give_up - time.monotonic(), 0.001))
            try:
                data = self.socket.recv(1 << 20)
            except socket.timeout:
                raise AssertionError(f"nothing came within {self.deadline_s} s") from None
            except ConnectionError as error:
                raise Closed(str(error)) from error
            if not data:
                raise Closed("end of stream")
            self.received += data
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    def receive_frame(self, deadline_s=None):
        give_up = time.monotonic() + (deadline_s or self.deadline_s)
        size = struct.unpack(">I", self._receive(4, give_up))[0]
        if size >> 24:
            raise AssertionError(f"frame begins with {size:08x}")
        return self._receive(size, give_up)

    def receive(self, deadline_s=None):
        """The next message, unsealed, each element of a compound as one Response."""
        message = self.receive_frame(deadline_s)
        if message[:4] == b"\xfdSMB":
            message = self.unseal(message)
        elements = []
        while True:
            response = Response(message)
            elements.append(response)
            self.available += response.credits
            if response.next == 0:
                return elements
            if response.next % 8 or response.next < HEADER_SIZE or response.next > len(message):
                raise AssertionError(f"NextCommand {response.next} in an answer")
            elements[-1].message = message[:response.next]
            elements[-1].body = elements[-1].message[HEADER_SIZE:]
            message = message[response.next:]

    def answer(self, deadline_s=None):
        """The final response to a single request, past interim ones."""
        while True:
            response = self.receive(deadline_s)[0]
            if not response.is_interim:
                return response

    def wait_closed(self, deadline_s=None):
        """Reads until the server ends the connection; answers that still come are returned."""
        answers = []
        try:
            while True:
                answers += self.receive(deadline_s)
        except Closed:
            return answers

    # --- requests ---

    def sign(self, message):
        flags = struct.unpack_from("<I", message, 16)[0] | FLAG_SIGNED
        message = message[:16] + struct.pack("<I", flags) + message[20:48] + bytes(16) + message[64:]
        signature = hmac.new(self.key, message, hashlib.sha256).digest()[:16]
        return message[:48] + signature + message[64:]

    def take_id(self, charge=1):
        taken = self.message_id
        self.message_id += charge
        self.available -= charge
        return taken

    def build(self, command, body, is_signed=None, **fields):
        """One request; fields of the header that are not given are the right ones."""
        fields.setdefault("session_id", self.session_id)
        fields.setdefault("tree_id", self.tree_id)
        fields.setdefault("credits", 64)
        if "message_id" not in fields:
            fields["message_id"] = self.take_id(max(fields.get("charge", 1), 1))
        message = header(command, **fields) + body
        wants_signature = self.key is not None if is_signed is None else is_signed
        return self.sign(message) if wants_signature else message

    def request(self, command, body, **fields):
        self.send_frame(self.build(command, body, **fields))
        return self.answer()

    def compound(self, parts, is_signed=None):
        """parts: (command, body, fields). Returns the responses in order."""
        messages = []
        for index, (command, body, fields) in enumerate(parts):
            is_last = index + 1 == len(parts)
            body = body if is_last else body + bytes(-len(body) % 8)
            fields = {"next_command": 0 if is_last else HEADER_SIZE + len(body), **fields}
            messages.append(self.build(command, body, is_signed=is_signed, **fields))
        self.send_frame(b"".join(messages))
        answers = []
        while len(answers) < len(parts):
            answers += [one for one in self.receive() if not one.is_interim]
        return answers

    def must(self, command, body, **fields):
        response = self.request(command, body, **fields)
        if response.status != SUCCESS:
            raise AssertionError(f"command {command} got {hex_status(response.status)}")
        return response

    # --- logon ---

    def negotiate_message(self, dialects, contexts=None, **fields):
        body = struct.pack("<HHHHI", 36, len(dialects), 1, 0, 0x7F) + self.client_guid
        offers = struct.pack(f"<{len(dialects)}H", *dialects)
        if contexts is None:
            body += bytes(8) + offers
        else:
            at = HEADER_SIZE + 36 + len(offers)
            padding = bytes(-at % 8)
            offset = fields.pop("contexts_offset", at + len(padding))
            count = fields.pop("contexts_count", len(contexts))
            joined = b"".join(one + bytes(-len(one) % 8) for one in contexts)
            body += struct.pack("<IHH", offset, count, 0) + offers + padding + joined
        return self.build(NEGOTIATE, body, charge=0, **fields)

    def negotiate(self, dialects=(DIALECT_210,), contexts=None):
        if contexts is None and DIALECT_311 in dialects:
            contexts = default_contexts()
        message = self.negotiate_message(dialects, contexts)
        self.send_frame(message)
        answer = self.answer()
        self.extend_preauth(message, answer.message)
        if answer.status != SUCCESS:
            raise AssertionError(f"NEGOTIATE got {hex_status(answer.status)}")
        self.dialect = struct.unpack_from("<H", answer.body, 4)[0]
        self.capabilities = struct.unpack_from("<I", answer.body, 24)[0]
        return answer

    def extend_preauth(self, *messages):
        for message in messages:
            self.preauth = hashlib.sha512(self.preauth + message).digest()

    def setup_message(self, token, **fields):
        body = struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(token), 0) + token
        return self.build(SESSION_SETUP, body, **{"tree_id": 0, "credits": 128, **fields})

    def setup(self, token, **fields):
        message = self.setup_message(token, **fields)
        self.send_frame(message)
        answer = self.answer()
        self.extend_preauth(message)
        if answer.status == MORE_PROCESSING_REQUIRED:
            self.extend_preauth(answer.message)
        return answer

    def token_of(self, answer):
        offset, length = struct.unpack_from("<HH", answer.body, 4)
        return answer.message[offset:offset + length]

    def logon(self, user, password):
        first = self.setup(ntlm.negotiate_message())
        if first.status != MORE_PROCESSING_REQUIRED:
            raise AssertionError(f"the first leg got {hex_status(first.status)}")
        self.session_id = first.session_id
        token, key = ntlm.authenticate_message(self.token_of(first), user, password)
        last = self.setup(token)
        if last.status != SUCCESS:
            raise AssertionError(f"the logon got {hex_status(last.status)}")
        self.session_key = self.key = key
        if self.dialect == DIALECT_311:
            self.key = derive_key(key, b"SMBSigningKey\0", self.preauth)
            self.seal_key = derive_key(key, b"SMBC2SCipherKey\0", self.preauth)
            self.open_key = derive_key(key, b"SMBS2CCipherKey\0", self.preauth)
        return last

    # --- sealing ---

    def aead(self, key):
        from cryptography.hazmat.primitives.ciphers import aead  # python3-cryptography
        return aead.AESGCM(key)

    def seal(self, message, nonce=None, session_id=None, size=None, flags=1):
        nonce = os.urandom(12) if nonce is None else nonce
        tail = nonce + bytes(4) + struct.pack("<IHHQ", len(message) if size is None else size, 0,
                                              flags, self.session_id if session_id is None
                                              else session_id)
        sealed = self.aead(self.seal_key).encrypt(nonce, message, tail)
        return b"\xfdSMB" + sealed[-16:] + tail + sealed[:-16]

    def unseal(self, message):
        return self.aead(self.open_key).decrypt(message[20:32], message[52:] + message[4:20],
                                                message[20:52])

    # --- files ---

    def tree_connect(self, share):
        path = f"\\\\server\\{share}".encode("utf-16le")
        answer = self.must(TREE_CONNECT, struct.pack("<HHHH", 9, 0, 72, len(path)) + path,
                           tree_id=0)
        self.tree_id = answer.tree_id
        self.share_capabilities = struct.unpack_from("<I", answer.body, 8)[0]
        return answer.tree_id

    def create(self, name, **fields):
        """FileId of an open that has to succeed; by default creates a file or opens it."""
        return self.must(CREATE, open_body(name, **fields)).body[64:80]

    def echo(self):
        return self.must(ECHO, struct.pack("<HH", 4, 0))


def negotiate_context(kind, data, length=None):
    return struct.pack("<HHI", kind, len(data) if length is None else length, 0) + data


def preauth_context(algorithms=(1,), salt=b"s" * 32, count=None, salt_length=None):
    return negotiate_context(1, struct.pack("<HH", len(algorithms) if count is None else count,
                                            len(salt) if salt_length is None else salt_length) +
                             struct.pack(f"<{len(algorithms)}H", *algorithms) + salt)


def list_context(kind, values, count=None):
    return negotiate_context(kind, struct.pack(f"<H{len(values)}H", len(values) if count is None
                                               else count, *values))


def default_contexts():
    """SHA-512, AES-128-GCM, HMAC-SHA256."""
    return [preauth_context(), list_context(2, (2,)), list_context(8, (0,))]
