"""The peers answer what the gateway answers; the bare loops store what it stores."""

import asyncio
import json
import sys
from pathlib import Path

import msgspec
import pytest
from pymongo import MongoClient
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.benchmarks.contests import CHECK_TOKEN, CREATE, CURRENT_USER, NOW, Entrant
from tests.benchmarks.generator import Measure
from tests.benchmarks.insert_load import uri_at
from tests.benchmarks.processes import free_port, serve
from tests.benchmarks.stage import start

TIMES = ("--seconds=0.2", "--warmup=0.1", "--connections=3")


async def run(module: str, port: int, pid: int, *words: str) -> Measure:
    """A generator in a process of its own, for a moment; nothing may be wrong."""
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", f"--url=ws://127.0.0.1:{port}/", f"--pid={pid}"]
    process = await asyncio.create_subprocess_exec(*command, *TIMES, *words, stdout=-1)
    out, _ = await process.communicate()
    measure = msgspec.json.decode(out, type=Measure)

    assert (0, 0) == (process.returncode, measure.errors)
    return measure


@pytest.mark.parametrize("peer", ["picows", "websockets", "canned"])
@pytest.mark.parametrize("words", [(), ("--depth=4",), ("--fresh",)], ids=["lasting", "ahead", "fresh"])
async def test_an_echo_answers(peer: str, words: tuple[str, ...]) -> None:
    """On connections that stay, ahead of answers, and on fresh ones."""
    port = free_port()
    with serve([sys.executable, "-m", f"tests.benchmarks.peer_{peer}", f"--port={port}"], port, {}) as pid:
        measure = await run("load", port, pid, f"--template={NOW.options['template']}", *words)

    assert measure.requests > 0


async def test_bare_loops_insert(tmp_path: Path) -> None:
    """Groups of connections times depth, or one by one, beside the keys that were there; mongod's share is counted."""
    port = free_port()
    command = [sys.executable, "-m", "tests.benchmarks.peer_mongod", f"--port={port}", f"--data-dir={tmp_path}"]
    with serve([*command, "--keys=1500"], port, {}) as pid:
        client = MongoClient[dict[str, object]](uri_at(f"tcp://127.0.0.1:{port}/"))
        held = client["bare"]["api-keys"].count_documents({})
        client.close()
        grouped = await run("insert_load", port, pid, "--mode=grouped", "--depth=4")
        single = await run("insert_load", port, pid, "--mode=single")

    assert 1500 == held
    assert (0, True, True) == (grouped.requests % 12, grouped.requests > 0, single.requests > 0)
    assert grouped.mongod_us > 0
    assert grouped.generator_cores == 0


async def test_canned_answers_come_over_http() -> None:
    """On fresh connections, and to requests that are sent ahead."""
    port = free_port()
    with serve([sys.executable, "-m", "tests.benchmarks.peer_canned", f"--port={port}"], port, {}) as pid:
        for words in (("--fresh",), ("--depth=4",)):
            assert (await run("http_load", port, pid, "--request=GET /_now", *words)).requests > 0


async def test_fastapi_does_what_the_gateway_does() -> None:
    """Keys are minted, and a token is looked up each time; a forged one is no good."""
    entrant = Entrant("fastapi", "FastAPI", CHECK_TOKEN, "peer_fastapi", mints=True)
    with start(entrant) as running:
        for work in (CREATE, CHECK_TOKEN, CURRENT_USER):
            template = running._replace(entrant=entrant._replace(work=work)).options["template"]
            assert (await run("load", running.port, running.pid, f"--template={template}")).mongod_us > 0
        with connect(f"ws://127.0.0.1:{running.port}/") as socket:
            socket.send(json.dumps({"action": "checkToken", "body": {"token": f"{running.token}x"}}))
            with pytest.raises(ConnectionClosedError):
                socket.recv(timeout=30)
