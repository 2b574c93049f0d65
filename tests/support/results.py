"""Result lines of a stage, as tools/test counts them.

    results = Results()
    with results.test("put and get"):
        check_equal(got, wanted, "the file's size")
    sys.exit(results.exit_code())

A test that raises has failed; the exception's text, in one line, is the reason.
"""

import contextlib
import signal
import subprocess
import sys
import traceback


class Skip(Exception):
    """Raised by a test that this machine cannot run; the text says why."""


def one_line(text, limit=300):
    return " ".join(str(text).split())[:limit]


def check(condition, message):
    if not condition:
        raise AssertionError(message)


def check_equal(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what} is {got!r}, not {wanted!r}")


def run(command, timeout_s=60, env=None, stdin=None):
    """Returns (exit code, stdout and stderr as one text)."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL if stdin is None else None, input=stdin,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout_s,
                          env=env, check=False, errors="replace", text=True)
    return done.returncode, done.stdout


class Results:
    def __init__(self, prefix=""):
        self._prefix = prefix + " " if prefix else ""
        self.failed = 0
        # A stage that ran too long is told to end: unwind, so that servers and namespaces go too.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))

    def ok(self, name):
        print(f"ok {self._prefix}{name}", flush=True)

    def not_ok(self, name, reason):
        self.failed += 1
        print(f"not ok {self._prefix}{name}: {one_line(reason)}", flush=True)

    def skip(self, name, reason):
        print(f"skip {self._prefix}{name}: {one_line(reason)}", flush=True)

    @contextlib.contextmanager
    def test(self, name):
        try:
            yield
        except Skip as why:
            self.skip(name, why)
        except (AssertionError, OSError, subprocess.SubprocessError, ValueError, KeyError,
                IndexError, RuntimeError) as error:
            traceback.print_exc(file=sys.stdout)
            self.not_ok(name, error or type(error).__name__)
        else:
            self.ok(name)

    def exit_code(self):
        return 1 if self.failed else 0
