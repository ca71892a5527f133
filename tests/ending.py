"""Waiting for processes that tests have started: never for ever, and what stands still says where.

Rules of the file: whoever waits for such a process does it here. One that hangs is aborted, with all that it has
started: Python then writes the stacks of its threads to standard error if its environment held `STACKS` (faulthandler).
What is left after that is killed, and the test fails with what was said.
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import time
from asyncio.subprocess import Process
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.benchmarks.processes import tree

__all__ = ["STACKS", "STOP_S", "Hung", "ended", "ending", "first_lines", "hung", "is_alive", "output_of"]

STACKS: Mapping[str, str] = {"PYTHONFAULTHANDLER": "1"}
"""For the environment of a Python program: `SIGABRT` makes it write its stacks, and end."""

STOP_S = 30.0
_ABORT_S = 5.0
_POLL_S = 0.01
_LONGEST_COMPLAINT = 20_000


class Hung(Exception):  # noqa: N818 - named for what happened
    """A process did not do in time what it had to."""


def ended(process: subprocess.Popen[Any], errors: Path | None = None, limit: float = STOP_S) -> int:
    """Wait until a process has ended; give its status.

    Args:
        process: it.
        errors: the file that holds its standard error.
        limit: seconds.

    Raises:
        Hung: it had not ended by then, and is gone now, with whatever it had started.
    """
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        raise hung(process, errors, f"did not end within {limit:g} s") from None


def hung(process: subprocess.Popen[Any], errors: Path | None, what: str) -> Hung:
    """End a process that hangs, and all under it; return the error that says what it did not do, and its stacks."""
    family = tree(process.pid)
    _send(signal.SIGABRT, (pid for pid, each in family.items() if each.name != "mongod"))
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_ABORT_S)
    _send(signal.SIGKILL, family)
    process.wait(_ABORT_S)
    deadline = time.monotonic() + _ABORT_S
    while any(map(is_alive, family)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    said = errors.read_text(errors="replace")[-_LONGEST_COMPLAINT:] if errors is not None else ""
    names = ", ".join(f"{each.name} {pid}" for pid, each in family.items())
    return Hung(f"{process.args!r} {what} (processes: {names})\n{said}")


def is_alive(pid: int) -> bool:
    """A process has not ended; a zombie has."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _send(number: signal.Signals, family: Iterable[int]) -> None:
    for pid in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


@contextlib.contextmanager
def ending(process: subprocess.Popen[Any], errors: Path | None = None) -> Iterator[None]:
    """End a process by SIGTERM when the block ends, if it has not ended before.

    Raises:
        Hung: see `ended`.
    """
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            ended(process, errors)
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()


def first_lines(process: subprocess.Popen[Any], count: int, limit: float) -> list[str] | None:
    """Read the first lines of a process's output; fewer if it ended before, None if they do not come in time.

    What it has started may hold the other end of the pipe, so its death alone does not end the reading.
    """
    assert process.stdout is not None
    descriptor, data, deadline = process.stdout.fileno(), b"", time.monotonic() + limit
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    while data.count(b"\n") < count:
        if not waiting.poll(max(deadline - time.monotonic(), 0) * 1000):
            return None
        more = os.read(descriptor, 4096)
        if not more:
            break
        data += more
    return data.decode().splitlines()[:count]


async def output_of(process: Process, limit: float) -> tuple[bytes, bytes]:
    """Wait until a process has ended; give what it wrote to its pipes, standard output and standard error.

    Raises:
        Hung: it had not ended after `limit` seconds, and is killed.
    """
    try:
        return await asyncio.wait_for(process.communicate(), limit)
    except TimeoutError:
        process.kill()
        raise Hung(f"process {process.pid} did not end within {limit:g} s") from None
