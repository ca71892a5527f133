"""The real command in processes of its own: run, served, stopped.

What is started here sees no setting of the environment but those that a test gives, and the code that is under test.
"""

import logging
import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import gateway
from gateway.storage.mongod_binary import Place, read_place
from tests.ending import STACKS, STOP_S, ended, ending, first_lines, hung

__all__ = ["START_S", "STOP_S", "Served", "complaint", "latchgate", "mongods", "own_logging", "run", "served", "spawn"]

START_S = 60.0


def latchgate(*words: str) -> list[str]:
    """The command with these words."""
    return [sys.executable, "-m", "gateway", *words]


@contextmanager
def spawn(
    words: list[str], errors: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a process whose standard error goes to a file, which later processes append to; the end of the block ends it.

    Raises:
        Hung: it does not end; see `ending`.
    """
    with errors.open("a") as file:
        process = subprocess.Popen(
            words,
            env=_environment(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    with ending(process, errors):
        yield process


def run(words: list[str], text: str = "", environment: Mapping[str, str] | None = None) -> tuple[int, str, str]:
    """Run a process to its end with a text to read; give its status and its two outputs."""
    process = subprocess.Popen(
        words,
        env=_environment(environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        output, errors = process.communicate(text, START_S)
    except subprocess.TimeoutExpired:
        error = hung(process, None, f"did not end within {START_S:g} s")
        error.add_note(process.communicate(timeout=STOP_S)[1])
        raise error from None
    return process.returncode, output, errors


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LATCHGATE_")}
    return {**kept, **STACKS, "PYTHONPATH": str(Path(gateway.__file__).parents[1]), **given}


def complaint(errors: str) -> str:
    """The one line that is not of the log; there must be no other, and no traceback."""
    assert "Traceback" not in errors
    (line,) = [line for line in errors.splitlines() if not re.match(r"\d{4}-\S+Z [A-Z]+ latchgate", line)]
    return line


@contextmanager
def own_logging() -> Iterator[None]:
    """Put the loggers of this process back in the end, whatever a command run in it has set up."""
    loggers = [logging.getLogger(name) for name in ("latchgate", "asyncio")]
    before = [(logger, logger.handlers[:], logger.propagate, logger.level) for logger in loggers]
    try:
        yield
    finally:
        for logger, handlers, propagate, level in before:
            logger.handlers[:], logger.propagate = handlers, propagate
            logger.setLevel(level)


def mongods(data: Path) -> list[int]:
    """Ids of the processes that serve a data folder: zombies have no command line any more."""
    wanted = b"--dbpath\0" + os.fsencode(data / "db") + b"\0"
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if wanted in _command_line(entry)]


def _command_line(entry: Path) -> bytes:
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


@dataclass
class Served:
    """A gateway that runs.

    Attributes:
        process: it.
        data: its data folder.
        errors: the file that holds its standard error.
        welcome: the three lines that it printed.
        port: where it listens.
    """

    process: subprocess.Popen[str]
    data: Path
    errors: Path
    welcome: list[str]
    port: int

    @property
    def place(self) -> Place:
        """Where its mongod is at this moment."""
        place = read_place(self.data)
        assert place is not None
        return place

    @property
    def next_step(self) -> list[str]:
        """The words of the command that it proposes."""
        return shlex.split(self.welcome[2])

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it by a signal; give its status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, for `STOP_S` at most; give its status."""
        return ended(self.process, self.errors)


@contextmanager
def served(data: Path, *words: str, environment: Mapping[str, str] | None = None) -> Iterator[Served]:
    """Run `latchgate serve` on a free port until the block ends, if it has not ended before."""
    errors = data.with_name(f"{data.name}.stderr")
    command = latchgate("serve", "--port", "0", "--data-dir", str(data), *words)
    limits = {"LATCHGATE_LIMITS_LOGINS_PER_SECOND": "0", "LATCHGATE_HTTP_LOGINS_PER_SECOND": "0"}
    with spawn(command, errors, limits | dict(environment or {})) as process:
        welcome = first_lines(process, 3, START_S)
        if welcome is None:
            raise hung(process, errors, f"did not start within {START_S:g} s")
        assert 3 == len(welcome), f"it did not start: {welcome} {errors.read_text()}"
        address = re.split("wss?://", welcome[0])[1].split(",")[0]
        yield Served(process, data, errors, welcome, int(address.rsplit(":", 1)[1]))
