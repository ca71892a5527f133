"""What tests start ends, or the test fails and says where it stood."""

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.ending import STACKS, Hung, ended, ending, first_lines, is_alive, output_of

DEAF = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = len(sys.argv) == 1 and subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child and child.pid, flush=True)
def here_it_stands():
    time.sleep(600)
here_it_stands()
"""
SOON_S = 20.0


def started(program: str, errors: Path, *words: str) -> "subprocess.Popen[str]":
    """A program that writes its stacks when it is aborted."""
    with errors.open("w") as file:
        return subprocess.Popen(
            [sys.executable, "-c", program, *words],
            env={**os.environ, **STACKS},
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )


def test_what_does_not_end_is_killed_with_its_children_and_its_stacks_are_shown(tmp_path: Path) -> None:
    """The error names the function that it stood in."""
    process = started(DEAF, tmp_path / "errors")
    lines = first_lines(process, 1, SOON_S)
    assert lines is not None
    process.terminate()

    with pytest.raises(Hung, match=r"did not end within 0\.1 s[\s\S]*in here_it_stands"):
        ended(process, tmp_path / "errors", 0.1)

    assert process.returncode is not None
    assert not is_alive(int(lines[0]))
    with ending(process):
        pass


def test_a_block_ends_its_process(tmp_path: Path) -> None:
    """By SIGTERM; its pipes are closed."""
    process = started("import time; time.sleep(600)", tmp_path / "errors")

    with ending(process):
        pass

    assert -15 == process.returncode
    assert process.stdout is not None
    assert process.stdout.closed


def test_lines_that_do_not_come_are_not_waited_for_though_somebody_holds_the_pipe(tmp_path: Path) -> None:
    """Neither from a silent process nor from one whose child outlives it."""
    program = "import subprocess, sys; print('one', flush=True); subprocess.Popen(['sleep', '5'])"
    process = started(program, tmp_path / "errors")
    began = time.monotonic()

    with ending(process):
        process.wait(SOON_S)
        assert first_lines(process, 2, 0.1) is None

    assert time.monotonic() - began < 5


def test_an_output_that_ends_early_is_what_it_is(tmp_path: Path) -> None:
    """One line of two."""
    process = started("print('one')", tmp_path / "errors")

    with ending(process):
        assert ["one"] == first_lines(process, 2, SOON_S)
        process.wait(SOON_S)


async def test_an_output_that_is_awaited_has_its_bound() -> None:
    """The process is gone afterwards."""
    sleeper = await asyncio.create_subprocess_exec(sys.executable, "-c", "import time; time.sleep(600)", stdout=-1)

    with pytest.raises(Hung, match=r"did not end within 0\.2 s"):
        await output_of(sleeper, 0.2)

    assert -9 == await asyncio.wait_for(sleeper.wait(), SOON_S)
