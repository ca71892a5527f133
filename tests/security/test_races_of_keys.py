"""Keys are made by one process while another deletes their owner, and perhaps makes them again at once.

Between its steps the maker is held up for random times. What is there when all have been answered is compared with
the answers.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.storage.mongo import Beside, Document, Look
from tests.security.nodes import Answer, Node, Outcome, open_house, outcome_of, two_nodes

OK: Outcome = (200, None)
NO_USER: Outcome = (404, "security.user.not_found")

MAKERS, KEYS_EACH, ROUNDS = 8, 4, 6
LONGEST_S = 0.02


async def make_owner(where: Node) -> None:
    """Store the user whose keys are made."""
    await where.succeed("security:createUser", _id="owner", body={"content": {"profileIds": ["default"]}})


async def make_keys(where: Node, names: Iterator[int]) -> list[Answer]:
    """Make keys one after the other."""
    return [
        await where.ask("security:createApiKey", userId="owner", _id=f"k{next(names)}", body={"description": ""})
        for _ in range(KEYS_EACH)
    ]


def hold_up(where: Node) -> None:
    """Let time pass between the first look at an owner, the write, and the second look."""
    insert, place = where.rooms.key_inserts.insert, where.rooms.users.place

    async def insert_late(*args: Any) -> Look | None:
        await asyncio.sleep(random.uniform(0, LONGEST_S))
        return await insert(*args)

    def place_for_late_reading(kuid: str) -> Beside:
        def read(keys: list[str]) -> dict[str, Document]:
            time.sleep(random.uniform(0, LONGEST_S))  # in a thread of the driver
            return place(kuid).read(keys)

        return Beside(read, kuid)

    where.rooms.key_inserts.insert = insert_late  # type: ignore[assignment,method-assign]  # the point of it
    where.rooms.users.place = place_for_late_reading


async def marks(where: Node) -> set[str]:
    """The fingerprints of all keys that are stored."""
    return {key["fingerprint"] for key in await where.rooms.collections.keys.find({})}


@pytest.mark.parametrize("made_again", [False, True], ids=["gone", "made again"])
@pytest.mark.parametrize("follows", [True, False], ids=["remembering owners", "remembering nothing"])
async def test_a_deletion_and_a_creation_cannot_miss_each_other(
    mongod: str, *, follows: bool, made_again: bool
) -> None:
    """Of an owner who is gone no key is left; whoever was refused has none; what is there was said to be."""
    outcomes: Counter[Outcome] = Counter()
    async with two_nodes(open_house(mongod)) as (maker, deleter):
        if follows:
            await maker.follow()
        hold_up(maker)
        await make_owner(deleter)
        names = itertools.count()
        for _ in range(ROUNDS):
            makers = [asyncio.create_task(make_keys(maker, names)) for _ in range(MAKERS)]
            await asyncio.sleep(random.uniform(0, 3 * LONGEST_S))
            await deleter.succeed("security:deleteUser", _id="owner")
            if made_again:
                await make_owner(deleter)
            answers = [answer for answers in await asyncio.gather(*makers) for answer in answers]

            outcomes += Counter(map(outcome_of, answers))
            said = {answer["result"]["_source"]["fingerprint"] for answer in answers if outcome_of(answer) == OK}
            assert await marks(maker) <= (said if made_again else set())
            if made_again:
                await deleter.succeed("security:deleteUser", _id="owner")
            await make_owner(deleter)
            (after,) = (await make_keys(maker, names))[:1]
            assert OK == outcome_of(after)
            assert after["result"]["_source"]["fingerprint"] in await marks(maker)
            await maker.rooms.collections.keys.delete_many({})

    assert {OK, NO_USER} >= set(outcomes)
    assert outcomes[OK]
    assert made_again or outcomes[NO_USER]
