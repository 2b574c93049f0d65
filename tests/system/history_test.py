#!/usr/bin/env python3
"""Fifty clients with twenty persistent handles each go on while their server is killed and started again,
and everything that they were told stays true (tests/cluster/history).

history_test.py [ROUNDS [CONNECTIONS [FILES]]]; CONTINUO_SEED=N makes the clients choose as before.
"""

import os
import random
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "cluster", "history"), os.path.join(HERE, "..", "support")]
import checker_test  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import Results  # noqa: E402
from run import HistoryRun  # noqa: E402

HOLD_S = 2
OPERATIONS_BETWEEN = 3


def start():
    options = ServerOptions(shares=("data",))
    server = ContinuoServer(options)
    server.share = "data"
    ca_path = os.path.join(server.directory, "ca")
    os.makedirs(ca_path, mode=0o700)
    options.global_lines = ("ca = true", f"ca_path = {ca_path}", f"ca_reclaim_hold = {HOLD_S}")
    return server


def main():
    rounds, connections, files = (int(text) for text in (sys.argv[1:] + ["3", "50", "20"][
        len(sys.argv) - 1:]))
    seed = int(os.environ.get("CONTINUO_SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"# CONTINUO_SEED={seed}")
    code = checker_test.main()
    results = Results("history")
    with start() as server:
        run = HistoryRun(server, connections, files, seed)
        with results.test(f"{connections} clients with {files} handles each outlive {rounds} deaths"):
            with run:
                chance = random.Random(seed)
                for _ in range(rounds):
                    time.sleep(chance.uniform(0.1, 1))
                    server.crash()
                    server.start_again()
                    run.check_progress(OPERATIONS_BETWEEN)
        with results.test("everything that they were told is true"):
            violations = run.verdict()
            print(f"# {run.summary()}")
            if violations:
                raise AssertionError(f"{len(violations)} violations: " + "; ".join(violations[:5]))
    return code or results.exit_code()


if __name__ == "__main__":
    sys.exit(main())
