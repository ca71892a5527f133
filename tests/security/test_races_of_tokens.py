"""Tokens and keys against what ends them: none outlives what it rests on, and each counts as often as it may.

A request is stopped around its one write, overtaken by requests that take the ground from under it, and let go.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import pytest_asyncio

from tests.security.meetings import dangling, overtaken, stopping
from tests.security.nodes import Node, Outcome, Pair, cheap_passwords, open_house, two_nodes

pytestmark = pytest.mark.asyncio(loop_scope="module")

OK: Outcome = (200, None)
INVALID: Outcome = (401, "security.token.invalid")
NO_USER: Outcome = (404, "security.user.not_found")
WRONG: Outcome = (401, "plugin.strategy.missing_user")

CONTENDERS = 4


@pytest.fixture(scope="module", autouse=True)
def passwords_cost_nothing() -> Iterator[None]:
    """For every node of this module."""
    with cheap_passwords():
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair(mongod: str) -> AsyncIterator[Pair]:
    """Two nodes over the module's database."""
    async with two_nodes(open_house(mongod)) as nodes:
        yield nodes


class Person:
    """A user of a test's own, with a password and a token.

    Attributes:
        kuid: id, and user name.
        token: of a login.
    """

    def __init__(self, where: Node) -> None:
        self.kuid = uuid.uuid4().hex
        self.token = ""
        self._where = where

    async def register(self, password: str = "old") -> None:
        """Make the user."""
        body = {"content": {"profileIds": ["default"]}, "credentials": {"local": self._local(password)}}
        await self._where.succeed("security:createUser", _id=self.kuid, body=body)

    async def delete(self) -> None:
        """Delete the user."""
        await self._where.succeed("security:deleteUser", _id=self.kuid)

    async def register_again(self) -> None:
        """Delete the user and make another of the same id."""
        await self.delete()
        await self.register("new")

    async def revoke(self) -> None:
        """End every token of the user."""
        await self._where.succeed("security:revokeTokens", _id=self.kuid)

    async def change_password(self) -> None:
        """Give the user another password, and end every token."""
        body = {"password": "new"}
        await self._where.succeed("security:updateCredentials", strategy="local", _id=self.kuid, body=body)
        await self.revoke()

    async def login(self, where: Node) -> Outcome:
        """Log in with the first password."""
        answer = await where.ask("auth:login", strategy="local", body=self._local("old"))
        self.token = (answer["result"] or {}).get("jwt", "")
        return answer["status"], (answer["error"] or {}).get("id")

    async def create_token(self, where: Node) -> Outcome:
        """Make a token from the token."""
        return await where.outcome("auth:createToken", self.token)

    async def refresh_token(self, where: Node) -> Outcome:
        """Put a new token in the place of the token."""
        return await where.outcome("auth:refreshToken", self.token)

    async def create_key(self, where: Node) -> Outcome:
        """Make an API key."""
        return await where.outcome("security:createApiKey", userId=self.kuid, body={"description": ""})

    async def left(self) -> list[str]:
        """Ids of the tokens and keys of that user id."""
        collections = (self._where.rooms.collections.tokens, self._where.rooms.collections.keys)
        return [one["_id"] for collection in collections for one in await collection.find({"userId": self.kuid})]

    def _local(self, password: str) -> dict[str, str]:
        return {"username": self.kuid, "password": password}


@pytest_asyncio.fixture(loop_scope="module")
async def person(pair: Pair) -> Person:
    """Registered through the second node, logged in through the first."""
    made = Person(pair.right)
    await made.register()
    assert OK == await made.login(pair.left)
    return made


Slow = Callable[[Person, Node], Coroutine[Any, Any, Outcome]]
Fast = Callable[[Person], Coroutine[Any, Any, None]]


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
@pytest.mark.parametrize(
    ("slow", "fast", "outcome"),
    [
        pytest.param(Person.login, Person.delete, WRONG, id="login, user deleted"),
        pytest.param(Person.login, Person.register_again, WRONG, id="login, user made anew"),
        pytest.param(Person.login, Person.change_password, WRONG, id="login, password changed and tokens revoked"),
        pytest.param(Person.create_token, Person.delete, INVALID, id="createToken, user deleted"),
        pytest.param(Person.create_token, Person.register_again, INVALID, id="createToken, user made anew"),
        pytest.param(Person.create_token, Person.revoke, INVALID, id="createToken, tokens revoked"),
        pytest.param(Person.refresh_token, Person.delete, INVALID, id="refreshToken, user deleted"),
        pytest.param(Person.refresh_token, Person.register_again, INVALID, id="refreshToken, user made anew"),
        pytest.param(Person.refresh_token, Person.revoke, INVALID, id="refreshToken, tokens revoked"),
    ],
)
async def test_no_token_outlives_what_it_rests_on(
    pair: Pair, person: Person, slow: Slow, fast: Fast, outcome: Outcome, *, after: bool
) -> None:
    """A token whose maker lost the right to it on the way is refused, and it is nowhere."""

    async def overtake() -> Outcome:
        await fast(person)
        return OK

    door = (pair.left.rooms.collections.tokens, "insert_one")

    assert (outcome, OK) == await overtaken(slow(person, pair.left), overtake, door, after=after)
    assert [] == await person.left()
    assert [] == await dangling(pair.left)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the second look"])
@pytest.mark.parametrize("fast", [Person.delete, Person.register_again], ids=["deleted", "made anew"])
async def test_no_key_outlives_its_owner(pair: Pair, person: Person, fast: Fast, *, after: bool) -> None:
    """A key whose owner went on the way is nowhere, even where another user has the id by now.

    Before the write it is refused; once the owner was seen again it was made, and goes with them. What happens between
    the two is in `test_api_keys_owner.py`.
    """

    async def overtake() -> Outcome:
        await fast(person)
        return OK

    door = (pair.left.rooms.collections.keys, "insert")

    assert (OK if after else NO_USER, OK) == await overtaken(person.create_key(pair.left), overtake, door, after=after)
    assert [] == await person.left()


@pytest.mark.parametrize("after", [False, True], ids=["before it looks", "after it looked"])
@pytest.mark.parametrize("collection", ["tokens", "keys"])
async def test_a_slow_deletion_spares_the_next_user_of_that_id(
    pair: Pair, person: Person, collection: str, *, after: bool
) -> None:
    """What a new user has made stays, though the deletion of the old one is still sweeping."""
    assert OK == await person.create_key(pair.left)
    kept: list[str] = []

    async def overtake() -> Outcome:
        await person.register("new")
        assert OK == await person.create_key(pair.right)
        kept.extend(await person.left())
        return OK

    door = (getattr(pair.left.rooms.collections, collection), "find")
    slow = pair.left.outcome("security:deleteUser", _id=person.kuid)

    assert (OK, OK) == await overtaken(slow, overtake, door, after=after)
    assert 1 == len(kept)
    assert kept == await person.left()


@pytest.mark.parametrize(
    ("arguments", "method", "name"),
    [
        pytest.param({"singleUse": True}, "delete_one", "auth:getCurrentUser", id="single use"),
        pytest.param({}, "update_one", "auth:refreshToken", id="refresh"),
    ],
)
async def test_a_token_is_used_up_once(
    pair: Pair, person: Person, arguments: dict[str, Any], method: str, name: str
) -> None:
    """Of those who are about to use it up on two nodes at one moment, one does."""
    token = (await pair.left.succeed("auth:createToken", person.token, **arguments))["token"]
    barrier = asyncio.Barrier(CONTENDERS)

    with ExitStack() as stack:
        for one in pair:
            stack.enter_context(stopping(one.rooms.collections.tokens, method, barrier.wait))
        outcomes = await asyncio.gather(*(pair[n % 2].outcome(name, token) for n in range(CONTENDERS)))

    assert [OK] + [INVALID] * (CONTENDERS - 1) == sorted(outcomes, key=str)


@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
async def test_a_single_use_token_makes_none_for_somebody_who_goes(pair: Pair, person: Person, *, after: bool) -> None:
    """The new token rests on the user alone, and goes with the user."""
    person.token = (await pair.left.succeed("auth:createToken", person.token, singleUse=True))["token"]

    async def overtake() -> Outcome:
        await person.delete()
        return OK

    door = (pair.left.rooms.collections.tokens, "insert_one")

    assert (NO_USER, OK) == await overtaken(person.create_token(pair.left), overtake, door, after=after)
    assert [] == await person.left()


async def test_a_single_use_token_makes_another(pair: Pair, person: Person) -> None:
    """That it is gone by then does not count against the new one, which rests on the user."""
    token = (await pair.left.succeed("auth:createToken", person.token, singleUse=True))["token"]

    made = (await pair.left.succeed("auth:createToken", token))["token"]

    assert INVALID == await pair.right.outcome("auth:getCurrentUser", token)
    assert OK == await pair.right.outcome("auth:getCurrentUser", made)
