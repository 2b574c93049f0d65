"""One failure of a group of daemons: injected, timed, and looked at afterwards."""

import ctypes
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import processes  # noqa: E402
from continuo_server import ContinuoServer, ServerOptions  # noqa: E402
from results import check  # noqa: E402

INTERVAL_S = 0.2
TIMEOUT_S = 0.5
SLACK_S = 0.5
LIMIT_S = INTERVAL_S + TIMEOUT_S + SLACK_S
GIVE_UP_S = 15

PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
WAIT_FOR_THREADS = 0x40000000  # __WALL

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


def start_group():
    """A group with short times, so that a test of a failure is quick."""
    return ContinuoServer(ServerOptions(global_lines=(
        f"watchdog_interval = {int(INTERVAL_S * 1000)}ms",
        f"watchdog_timeout = {int(TIMEOUT_S * 1000)}ms"))).start()


def threads_of(pid):
    """Thread id to name."""
    found = {}
    for entry in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{entry}/comm", encoding="utf-8") as file:
                found[int(entry)] = file.read().strip()
        except OSError:
            pass
    return found


class StoppedThread:
    """Holds one thread while the others of its process run. Its tracer is the calling thread."""

    def __init__(self, thread_id):
        self.thread_id = thread_id
        for request in (PTRACE_SEIZE, PTRACE_INTERRUPT):
            if _libc.ptrace(request, thread_id, None, None) != 0:
                raise OSError(ctypes.get_errno(), f"ptrace of thread {thread_id}")
        os.waitpid(thread_id, WAIT_FOR_THREADS)

    def reap_if_dead(self):
        """A traced thread stays a zombie, and its process with it, until its tracer waits."""
        try:
            os.waitpid(self.thread_id, WAIT_FOR_THREADS | os.WNOHANG)
        except ChildProcessError:
            pass


class Failure:
    """Times how a group ends after `inject(server)` broke something in it."""

    def __init__(self, server, inject):
        self._server = server
        begin = time.monotonic()
        self._stopped = inject(server)
        self.in_time = processes.wait_until(self._is_over, GIVE_UP_S, 0.005)
        self.seconds = time.monotonic() - begin

    def _is_over(self):
        if isinstance(self._stopped, StoppedThread):
            self._stopped.reap_if_dead()
        return self._server.process.poll() is not None and not self._server.left_over()

    def check(self, named):
        """The group is gone in time, with a failure's exit status and a reason with `named` in it."""
        server = self._server
        check(self.in_time, f"after {GIVE_UP_S} s these are left: {server.left_over()}; exit code "
                            f"{server.process.poll()}")
        check(self.seconds <= LIMIT_S, f"gone after {self.seconds:.2f} s, not {LIMIT_S:.2f} s")
        check(server.process.returncode != 0, "the exit code is 0")
        last = server.log_tail(1)
        check(named in last, f"{named} is not in the last log line: {last}")


def send_signal(daemon, number):
    def inject(server):
        processes.send(server.pid_of(daemon), number)
    return inject


def stop_thread(daemon, choose):
    """`choose(threads, process id)` names the thread."""
    def inject(server):
        pid = server.pid_of(daemon)
        return StoppedThread(choose(threads_of(pid), pid))
    return inject


SIGNALS = {"SIGKILL": signal.SIGKILL, "SIGSTOP": signal.SIGSTOP}
