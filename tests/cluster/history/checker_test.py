#!/usr/bin/env python3
"""The checker finds each kind of violation, and nothing in a history without one."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "support")]
from checker import check  # noqa: E402
from results import Results, check_equal  # noqa: E402
from results import check as require  # noqa: E402


def event(t, what, client=1, **fields):
    return {"t": t, "what": what, "client": client, **fields}


GOOD = [
    event(1, "created", file="d"), event(2, "deleted", file="d"), event(3, "created", file="d"),
    event(1, "write", file="f", slot=0, version=1), event(2, "write", file="f", slot=0, version=2),
    event(2.5, "read", file="f", slot=0, version=1, asked=1.5),   # Asked before version 2 was answered.
    event(3, "read", file="f", slot=0, version=2, asked=2.5),
    event(4, "final", file="f", slot=0, version=3),               # Sent, never answered, and there.
    event(1, "hold", resource="lock", until=2), event(2, "hold", client=2, resource="lock", until=3),
    event(2, "reclaim", file="f", status=0),
    event(9, "present", file="d", is_there=True),
]

WRONG = {
    "an acknowledged write is lost":
        [event(1, "write", file="f", slot=0, version=2), event(9, "final", file="f", slot=0, version=1)],
    "a write is applied again after a later one":
        [event(1, "write", file="f", slot=0, version=1), event(2, "write", file="f", slot=0, version=2),
         event(4, "read", file="f", slot=0, version=1, asked=3)],
    "everything of a file is lost":
        [event(1, "write", file="f", slot=7, version=1), event(9, "final", file="f", slot=7, version=0)],
    "two hold one lock":
        [event(1, "hold", resource="r", until=3), event(2, "hold", client=2, resource="r", until=4)],
    "a third one holds what the first still has":
        [event(1, "hold", resource="r", until=9), event(2, "hold", resource="r", until=3),
         event(5, "hold", client=3, resource="r", until=6)],
    "a handle is not given back": [event(1, "reclaim", file="f", status=0xC0000034)],
    "a deleted file is back":
        [event(1, "created", file="d"), event(2, "deleted", file="d"),
         event(9, "present", file="d", is_there=True)],
    "a new file is deleted with the old one's delete":
        [event(1, "deleted", file="d"), event(2, "created", file="d"),
         event(9, "present", file="d", is_there=False)],
    "nobody looked": [event(1, "created", file="d")],
    "a client saw an error": [event(1, "error", text="STATUS_DISK_FULL")],
}


def main():
    results = Results("history checker")
    with results.test("a history without a violation"):
        check_equal(check(GOOD), [], "violations")
    for name, events in WRONG.items():
        with results.test(f"finds that {name}"):
            require(len(check(events)) == 1, f"violations: {check(events)}")
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
