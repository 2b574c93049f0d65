#!/usr/bin/python3
"""Another client, beside the guest: tries what the guest's lock and lease must not allow, and reads
what it must be given.

    contender.py SERVER SHARE DIRECTORY USER PASSWORD

Prints `lock refused` or `lock granted`, then `lease content CONTENT`."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from smb2_client import (DIALECT_210, LOCK, LOCK_NOT_GRANTED, READ, SUCCESS,  # noqa: E402
                         Connection, hex_status, lock_body, read_body)

EXCLUSIVE_AT_ONCE = 0x2 | 0x10
PATIENCE_S = 45  # A lease break waits for the client that holds the lease.


def main():
    server, share, directory, user, password = sys.argv[1:]
    with Connection(server, 445, deadline_s=PATIENCE_S) as client:
        client.negotiate((DIALECT_210,))
        client.logon(user, password)
        client.tree_connect(share)
        file = client.create(f"{directory}\\held.bin", disposition=1)
        answer = client.request(LOCK, lock_body(file, [(1 << 20, 100, EXCLUSIVE_AT_ONCE)]))
        if answer.status == LOCK_NOT_GRANTED:
            print("lock refused")
        else:
            print("lock granted" if answer.status == SUCCESS else
                  f"lock {hex_status(answer.status)}")
        file = client.create(f"{directory}\\leased.bin", disposition=1)
        content = client.must(READ, read_body(file, 4096, 0)).body[16:]
        print(f"lease content {content.rstrip().decode(errors='replace')}")


if __name__ == "__main__":
    main()
