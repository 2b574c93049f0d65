#!/usr/bin/env python3
"""Hostile clients against a whole group of daemons: what has brought down SMB servers before.

1. A server of its own is started, and an innocent client logs on and keeps a file open.
2. Each row sends one class of bad input; each case says what the server has to answer.
3. After each row: the innocent client reads what it wrote, no daemon was replaced, and connections,
   sessions, trees and opens are back to the innocent client's.

hostile_test.py [ROW…] runs the named groups of rows only.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "..", "support")]
import rows_connection  # noqa: E402
import rows_create  # noqa: E402
import rows_header  # noqa: E402
import rows_io  # noqa: E402
import rows_logon  # noqa: E402
import rows_negotiate  # noqa: E402
import rows_protection  # noqa: E402
import rows_races  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from lab import Lab  # noqa: E402
from results import Results  # noqa: E402

CONNECTIONS_MAX = 400
ROWS = {
    "header": rows_header.run,
    "negotiate": rows_negotiate.run,
    "logon": rows_logon.run,
    "protection": rows_protection.run,
    "create": rows_create.run,
    "io": rows_io.run,
    "races": rows_races.run,
    "connection": lambda lab, results: rows_connection.run(lab, results, CONNECTIONS_MAX),
}


class HostileServer(ContinuoServer):
    """With a share that is served to encrypted clients only."""

    def write_config(self):
        super().write_config()
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text.replace("netname = sealed", "netname = sealed\nencrypt_data = true"))


def main():
    results = Results("hostile")
    wanted = sys.argv[1:] or list(ROWS)
    options = ServerOptions(shares=("data", "sealed"), users=rows_logon.USERS,
                            global_lines=(f"connections_max = {CONNECTIONS_MAX}",))
    with HostileServer(options) as server:
        lab = Lab(server)
        for name in wanted:
            with results.test(f"{name}: all cases ran"):
                ROWS[name](lab, results)
            with results.test(f"{name}: the innocent client is served"):
                lab.check_innocent()
            with results.test(f"{name}: no process of the group ended"):
                lab.check_group()
            with results.test(f"{name}: counters are back"):
                lab.check_settled()
        lab.innocent.close()
        with results.test("no daemon reports a failure after all rows"):
            code, output = server.ctl("status", "--quiet")
            if code != 0:
                raise AssertionError(output)
    return results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
