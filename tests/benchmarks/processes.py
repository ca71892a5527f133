"""Server processes of a benchmark: start one, wait for its port, count its CPU seconds, stop it.

The CPU is that of a process and all its living descendants (Linux); a mongod among them is counted apart. On a machine
shared with other work, CPU seconds per request are the figure to trust: waiting for a core does not count. They are
read from each process's CPU clock, which counts nanoseconds, because /proc counts hundredths of a second, which is too
coarse for a window of a quarter of one.
"""

import contextlib
import os
import resource
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "Cpu",
    "Meter",
    "allow_files",
    "cpu_seconds",
    "free_port",
    "pin",
    "resident_bytes",
    "serve",
    "settings_of",
    "tree",
]

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_LIMIT = 90.0  # seconds; a fresh mongod takes a few
STOP_LIMIT = 30.0
POLL = 0.02


class Process(NamedTuple):
    """What /proc says of one process: its name, its parent and its CPU seconds so far."""

    name: str
    parent: int
    cpu: float


class Cpu(NamedTuple):
    """CPU seconds, user and system, children that have ended included."""

    server: float
    mongod: float

    def since(self, earlier: "Cpu") -> "Cpu":
        """What was used between two moments."""
        return Cpu(self.server - earlier.server, self.mongod - earlier.mongod)


def read_process(pid: int) -> Process | None:
    """None when it has ended. Field numbers as in proc_pid_stat(5), less three."""
    try:
        text = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return None
    head, _, tail = text.rpartition(")")  # a name may hold brackets and blanks
    fields = tail.split()
    of_children = sum(int(field) for field in fields[13:15]) / TICKS_PER_SECOND
    try:
        return Process(head.partition("(")[2], int(fields[1]), clock_of(pid) + of_children)
    except OSError:
        return None


def tree(pid: int) -> dict[int, Process]:
    """The process and its living descendants, by id."""
    found = {
        number: process
        for number in (int(path.name) for path in Path("/proc").glob("[0-9]*"))
        if (process := read_process(number)) is not None
    }
    wanted = {pid} & found.keys()
    while more := {n for n, process in found.items() if process.parent in wanted} - wanted:
        wanted |= more
    return {number: found[number] for number in wanted}


def cpu_seconds(pid: int) -> Cpu:
    """CPU seconds of the tree under a process since its start."""
    server = mongod = 0.0
    for process in tree(pid).values():
        if process.name == "mongod":
            mongod += process.cpu
        else:
            server += process.cpu
    return Cpu(server, mongod)


class Meter:
    """The CPU of a server over a short window: its processes are looked for once, which takes longer than reading them.

    Args:
        pid: of the server.
        mongod: of its database, if it did not start that itself.
    """

    def __init__(self, pid: int, mongod: int | None = None) -> None:
        found = tree(pid)
        self.mongods = {number for number, process in found.items() if process.name == "mongod"}
        self.servers = found.keys() - self.mongods
        if mongod is not None:
            self.mongods = {mongod}

    def read(self) -> Cpu:
        """CPU seconds so far of the processes that there were when it was made.

        Raises:
            OSError: one of them has ended.
        """
        return Cpu(sum(map(clock_of, self.servers)), sum(map(clock_of, self.mongods)))


def clock_of(pid: int) -> float:
    """CPU seconds of a process and its threads, also those that have ended.

    Python has no clock_getcpuclockid(3); a clock is made of a process id as glibc makes it (MAKE_PROCESS_CPUCLOCK in
    the kernel's posix-timers.h).

    Raises:
        OSError: there is no such process.
    """
    return time.clock_gettime(~pid << 3 | 2)


def resident_bytes(pid: int) -> int:
    """Memory of the tree under a process that lies in RAM, each page counted where it is mapped; without mongod."""
    pids = [number for number, process in tree(pid).items() if process.name != "mongod"]
    texts = [Path(f"/proc/{number}/smaps_rollup").read_text() for number in pids]
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("Rss:")) * 1024


def allow_files(count: int) -> int:
    """Let this process and those it starts open so many files, or as many as may be; return how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= count:
        return count
    allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def pin(pid: int, core: int) -> None:
    """Keep a server on one core and let its mongod use all; one core alone is left as it is.

    An affinity belongs to a thread and is inherited by those it starts, so every thread of today
    is told.
    """
    cores = os.sched_getaffinity(0)
    if len(cores) < 2:
        return
    for number, process in tree(pid).items():
        allowed = cores if process.name == "mongod" else {core}
        with contextlib.suppress(OSError):  # it may end meanwhile
            for thread in Path(f"/proc/{number}/task").iterdir():
                os.sched_setaffinity(int(thread.name), allowed)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def settings_of(environment: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, but of the gateway's settings the given ones only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATCHGATE_")}
    return {**kept, **environment}


@contextlib.contextmanager
def serve(
    command: Sequence[str], port: int, environment: Mapping[str, str], folder: Path | None = None
) -> Iterator[int]:
    """A running server that listens on `port`; yields its process id.

    Of the gateway's settings it sees those in `environment` only. Raises `RuntimeError` with the last lines of its
    output when it ends too early or never listens.
    """
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=settings_of(environment), cwd=folder)
        try:
            deadline = time.monotonic() + START_LIMIT
            while not listens(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{command} does not listen:\n{log.read()[-2000:]}")
                time.sleep(POLL)
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(STOP_LIMIT)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
