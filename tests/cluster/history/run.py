"""Many clients at once against one server that dies under them, and the verdict.

    with HistoryRun(server, connections=50, files=20, seed=7) as run:
        ...kill the server, start it, as often as you like...
        run.check_progress()           # every client has done something since the last time
    print(run.verdict())               # [] or what was not as promised

`server` has address, port, user, password and options.users, as ContinuoServer does, and `share`.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "support")]
from ca_client import OPEN, CaClient  # noqa: E402
from checker import check  # noqa: E402
from client import SLOT_BYTES, SLOTS, HistoryClient, Recorder, version_of  # noqa: E402
from smb2_client import OBJECT_NAME_NOT_FOUND, SUCCESS, hex_status  # noqa: E402

PROGRESS_LIMIT_S = 60
END_LIMIT_S = 90


class HistoryRun:
    def __init__(self, server, connections, files, seed, place=""):
        self.server = server
        self.recorder = Recorder()
        self.clients = [HistoryClient(number, server, self.recorder, files, seed, place)
                        for number in range(connections)]

    def __enter__(self):
        for client in self.clients:
            client.start()
        self.check_progress()
        return self

    def __exit__(self, *_):
        for client in self.clients:
            client.stopping.set()
        give_up = time.monotonic() + END_LIMIT_S
        for client in self.clients:
            client.join(max(give_up - time.monotonic(), 0))
            if client.is_alive():
                self.recorder.add(client.number, "error", text="the client did not come to its end")
            elif client.connection is not None:
                client.connection.close()

    def check_progress(self, operations=1):
        """Waits until every client that has no problem has done so many operations more."""
        wanted = {client: client.operations + operations for client in self.clients}
        give_up = time.monotonic() + PROGRESS_LIMIT_S
        while any(client.operations < count and client.problem is None
                  for client, count in wanted.items()):
            if time.monotonic() > give_up:
                late = [client.number for client, count in wanted.items()
                        if client.operations < count]
                raise AssertionError(f"clients {late} do not go on")
            time.sleep(0.02)

    def look(self):
        """What is in the files when everybody has stopped."""
        with CaClient(self.server, client_guid=os.urandom(16), share=self.server.share) as reader:
            for client in self.clients:
                for name in client.files:
                    self.look_at(reader, client.number, name)
                self.look_for(reader, client.number, client.brief)

    def look_at(self, reader, number, name):
        status, opened = reader.try_open(name, disposition=OPEN)
        data = b""
        if opened is not None:
            data = reader.read(opened, SLOTS * SLOT_BYTES)
            reader.close_file(opened)
        elif status != OBJECT_NAME_NOT_FOUND:
            self.recorder.add(number, "error", text=f"{name} at the end: {hex_status(status)}")
        data = data if isinstance(data, bytes) else b""
        for slot in range(SLOTS):
            part = data[slot * SLOT_BYTES:(slot + 1) * SLOT_BYTES]
            self.recorder.add(number, "final", file=name, slot=slot,
                              version=version_of(part, name, slot))

    def look_for(self, reader, number, name):
        status, opened = reader.try_open(name, disposition=OPEN)
        if opened is not None:
            reader.close_file(opened)
        self.recorder.add(number, "present", file=name, is_there=status == SUCCESS)

    def verdict(self):
        self.look()
        return check(self.recorder.events)

    def summary(self):
        counts = {}
        for event in self.recorder.events:
            counts[event["what"]] = counts.get(event["what"], 0) + 1
        return (f"{sum(client.operations for client in self.clients)} operations, "
                f"{sum(client.reconnects for client in self.clients)} reconnects, " +
                ", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
