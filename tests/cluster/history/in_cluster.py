#!/usr/bin/python3
"""Runs in the client's namespace of a cluster: the clients of run.py against the floating address.

    in_cluster.py ADDRESS SHARE USER PASSWORD DIRECTORY CONNECTIONS FILES SEED

Says `ready` when all clients are at work. After a line `struck` on stdin it says `gone on` once each of
them has gone on; after `end` they stop, and the last line is `kept SUMMARY` or `broken WHAT`.
"""

import os
import sys
import types

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from run import HistoryRun  # noqa: E402

OPERATIONS_AFTER = 3


def say(text):
    print(text, flush=True)


def main():
    address, share, user, password, directory, connections, files, seed = sys.argv[1:]
    server = types.SimpleNamespace(address=address, port=445, user=user, password=password, share=share,
                                   options=types.SimpleNamespace(users={}))
    run = HistoryRun(server, int(connections), int(files), int(seed), directory + "\\")
    with run:
        say("ready")
        for line in sys.stdin:
            if line.strip() == "end":
                break
            run.check_progress(OPERATIONS_AFTER)
            say("gone on")
    violations = run.verdict()
    say("broken " + "; ".join(violations[:5]) if violations else f"kept {run.summary()}")


if __name__ == "__main__":
    main()
