"""Two at once: whatever overtakes whatever, each request has one outcome and nothing refers to what is not there.

Every pair is tried in each order: one request stopped where its transaction begins and overtaken by the whole of the
other, and one stopped before its commit while the other begins; then both let loose over sockets on two gateways.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio

from gateway import Config, Gateway
from tests.client import Client, connected
from tests.security.meetings import dangling, entangled, overtaken
from tests.security.nodes import Node, Outcome, Pair, cheap_passwords, open_house, outcome_of, two_nodes
from tests.security.races import ADMIN_EXISTS, NO_TRANSACTION, OK, RACES, USER_EXISTS, USER_U, Race, Step, filled

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUNDS = 6


@pytest.fixture(scope="module")
def config(mongod: str) -> Iterator[Config]:
    """One database for the whole table; the names of a round are its own."""
    with cheap_passwords():
        yield open_house(mongod)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(config: Config) -> AsyncIterator[Pair]:
    """Two nodes over the table's database."""
    async with two_nodes(config) as nodes:
        yield nodes


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sockets(config: Config, pair: Pair) -> AsyncIterator[list[Client]]:
    """Four connections, in turns to one and to the other of two gateways over the table's database."""
    async with AsyncExitStack() as stack:
        gateways = [await stack.enter_async_context(Gateway(config)) for _ in range(2)]
        yield [await stack.enter_async_context(connected(gateways[n % 2].port)) for n in range(4)]


@pytest.fixture
def numbers() -> Iterator[str]:
    """Names that no other round uses."""
    return (uuid.uuid4().hex for _ in iter(int, 1))


async def begun(pair: Pair, race: Race, number: str, slow: str) -> tuple[Step, Step]:
    """Do what is given; return the two requests, the slow one first."""
    for step in race.given:
        name, arguments = filled(step, number)
        await pair.right.succeed(name, **arguments)
    left, right = filled(race.left, number), filled(race.right, number)
    return (left, right) if slow == "left" else (right, left)


@pytest.mark.parametrize("slow", ["left", "right"])
@pytest.mark.parametrize("race", RACES.values(), ids=list(RACES))
async def test_whoever_is_overtaken_sees_what_the_other_did(
    pair: Pair, numbers: Iterator[str], race: Race, slow: str
) -> None:
    """A request that waits where its transaction begins is answered as if it had come after the other."""
    late, early = await begun(pair, race, next(numbers), slow)

    outcomes = await overtaken(
        pair.left.outcome(late[0], **late[1]),
        lambda: pair.right.outcome(early[0], **early[1]),
        (pair.left.database, "transaction"),
    )

    assert (race.right_first if slow == "left" else race.left_first[::-1]) == outcomes
    assert [] == await dangling(pair.left)


@pytest.mark.parametrize("slow", ["left", "right"])
@pytest.mark.parametrize("race", RACES.values(), ids=list(RACES))
async def test_whoever_comes_before_a_commit_waits_for_it(
    pair: Pair, numbers: Iterator[str], race: Race, slow: str
) -> None:
    """A request that begins while the other has done all but commit is answered as if it had come after it."""
    early, late = await begun(pair, race, next(numbers), slow)

    outcomes = await entangled(
        (pair.left, pair.left.outcome(early[0], **early[1])), (pair.right, pair.right.outcome(late[0], **late[1]))
    )

    assert (race.left_first if slow == "left" else race.right_first[::-1]) == outcomes
    assert [] == await dangling(pair.left)


@pytest.mark.parametrize("race", (RACES | NO_TRANSACTION).values(), ids=list(RACES | NO_TRANSACTION))
async def test_two_at_once_come_one_after_the_other(
    pair: Pair, sockets: list[Client], numbers: Iterator[str], race: Race
) -> None:
    """Through two gateways at the same moment, the two outcomes are those of one order or of the other."""

    async def run(left: Client, right: Client) -> tuple[Outcome, Outcome]:
        number = next(numbers)
        for step in race.given:
            name, arguments = filled(step, number)
            await left.succeed(name, **arguments)
        asks = (
            socket.ask(name, **arguments)
            for socket, (name, arguments) in ((left, filled(race.left, number)), (right, filled(race.right, number)))
        )
        first, second = await asyncio.gather(*asks)
        return outcome_of(first), outcome_of(second)

    for _ in range(ROUNDS // 2):
        for outcomes in await asyncio.gather(run(sockets[0], sockets[1]), run(sockets[3], sockets[2])):
            assert outcomes in (race.left_first, race.right_first)
    assert [] == await dangling(pair.left)


async def test_four_who_make_one_user_have_one_winner(sockets: list[Client], numbers: Iterator[str]) -> None:
    """However many try."""
    for number in [next(numbers) for _ in range(ROUNDS)]:
        name, arguments = filled(USER_U, number)

        outcomes = [outcome_of(answer) for answer in await asyncio.gather(*(s.ask(name, **arguments) for s in sockets))]

        assert [OK, USER_EXISTS, USER_EXISTS, USER_EXISTS] == sorted(outcomes, key=str)


@pytest.mark.parametrize("meeting", ["overtaken", "entangled", "at once"])
@pytest.mark.parametrize("reset", [False, True], ids=["", "reset"])
async def test_of_two_first_administrators_one_is_made(mongod: str, meeting: str, *, reset: bool) -> None:
    """The loser is told so, and nothing of it remains."""
    async with two_nodes(open_house(mongod)) as (left, right):
        other = {
            "content": {"profileIds": ["default"]},
            "credentials": {"local": {"username": "o", "password": "pass"}},
        }
        await left.succeed("security:createUser", _id="other", body=other)  # also makes every collection

        def make(where: Node, name: str) -> Coroutine[Any, Any, Outcome]:
            body = {"credentials": {"local": {"username": f"u-{name}", "password": "pass"}}}
            return where.outcome("security:createFirstAdmin", _id=name, reset=reset, body=body)

        outcomes: Sequence[Outcome]
        if meeting == "overtaken":
            outcomes = await overtaken(make(left, "a"), lambda: make(right, "b"), (left.database, "transaction"))
        elif meeting == "entangled":
            outcomes = await entangled((left, make(left, "a")), (right, make(right, "b")))
        else:
            outcomes = await asyncio.gather(make(left, "a"), make(right, "b"))

        assert [OK, ADMIN_EXISTS] == sorted(outcomes, key=str)
        users = await left.rooms.collections.users.find({})
        assert [["admin"], ["default"]] == [one["content"]["profileIds"] for one in users]
        credentials = await left.rooms.collections.credentials.find({})
        assert {one["_id"] for one in users} == {one["kuid"] for one in credentials}
        assert [] == await dangling(left)
