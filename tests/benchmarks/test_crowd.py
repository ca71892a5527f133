"""A crowd does what it is told, and notices what goes wrong."""

import sys
from collections.abc import AsyncIterator

import pytest

from tests.benchmarks.contests import NOW
from tests.benchmarks.crowd import Ask, Crowd, Open, Ping
from tests.benchmarks.processes import allow_files, free_port, resident_bytes, serve


@pytest.fixture
async def crowd() -> AsyncIterator[Crowd]:
    """Before a bare echo, with no members yet."""
    port = free_port()
    with serve([sys.executable, "-m", "tests.benchmarks.peer_sansio", f"--port={port}"], port, {}) as pid:
        crowd = Crowd(f"ws://127.0.0.1:{port}/", NOW.options["template"], pid)
        yield crowd
        await crowd.leave()


async def test_members_come_ask_and_stay(crowd: Crowd) -> None:
    """Nobody is lost; the server's memory can be read."""
    first = await crowd.obey(Open(20))
    second = await crowd.obey(Open(15))

    assert (20, 35, 0) == (first.connections, second.connections, second.errors)
    assert resident_bytes(crowd.pid) > 1_000_000


async def test_every_ping_is_answered(crowd: Crowd) -> None:
    """As many as the pace asks for."""
    await crowd.obey(Open(10))

    done = await crowd.obey(Ping(every=0.1, seconds=0.5))

    assert (50, 0) == (done.pongs, done.errors)


async def test_requests_go_round(crowd: Crowd) -> None:
    """All of those that are named take part, and nobody else."""
    await crowd.obey(Open(12))
    before = [member.count for member in crowd.members]

    done = await crowd.obey(Ask(among=9, in_flight=3, seconds=0.2))

    asked = [member.count > count for member, count in zip(crowd.members, before, strict=True)]
    assert [True] * 9 + [False] * 3 == asked
    assert done.measure is not None
    assert (True, 0) == (done.measure.requests > 9, done.errors)


async def test_a_lost_connection_is_an_error(crowd: Crowd) -> None:
    """Memory per connection would be wrong without it."""
    await crowd.obey(Open(3))

    crowd.members[0].connection_lost(None)

    assert 1 == (await crowd.obey(Open(0))).errors


def test_files_are_allowed_as_far_as_may_be() -> None:
    """What the system does not allow is told, and what is allowed already stays."""
    assert 10 == allow_files(10)
    assert allow_files(10**9) < 10**9
