"""The peers answer what the gateway answers; the bare loops store what it stores."""

import asyncio
import sys
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.contests import NOW
from tests.benchmarks.generator import Measure
from tests.benchmarks.processes import free_port, serve

TIMES = ("--seconds=0.2", "--warmup=0.1", "--connections=3")


async def run(module: str, port: int, pid: int, *words: str) -> Measure:
    """A generator in a process of its own, for a moment; nothing may be wrong."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", f"--url=ws://127.0.0.1:{port}/", f"--pid={pid}"]
    process = await asyncio.create_subprocess_exec(*command, *TIMES, *words, stdout=-1)
    out, _ = await process.communicate()
    measure = msgspec.json.decode(out, type=Measure)

    assert (0, 0) == (process.returncode, measure.errors)
    return measure


@pytest.mark.parametrize("peer", ["picows", "websockets"])
@pytest.mark.parametrize("words", [(), ("--depth=4",), ("--fresh",)], ids=["lasting", "ahead", "fresh"])
async def test_an_echo_answers(peer: str, words: tuple[str, ...]) -> None:
    """On connections that stay, ahead of answers, and on fresh ones."""
    port = free_port()
    with serve([sys.executable, "-m", f"tests.benchmarks.peer_{peer}", f"--port={port}"], port, {}) as pid:
        measure = await run("load", port, pid, f"--template={NOW.options['template']}", *words)

    assert measure.requests > 0


async def test_bare_loops_insert(tmp_path: Path) -> None:
    """Groups of connections times depth, or one by one; the database's share is counted."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.peer_mongod", f"--port={port}", f"--data-dir={tmp_path}"]
    with serve(command, port, {}) as pid:
        grouped = await run("insert_load", port, pid, "--mode=grouped", "--depth=4")
        single = await run("insert_load", port, pid, "--mode=single")

    assert (0, True, True) == (grouped.requests % 12, grouped.requests > 0, single.requests > 0)
    assert grouped.mongod_us > 0
    assert grouped.generator_cores == 0
