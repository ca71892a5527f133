"""What is remembered of tokens: it costs no reading, and no reading that is late brings back what ended."""

import asyncio
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.security.api_keys import ApiKeysController
from gateway.security.tokens import fingerprint
from gateway.storage.changes import Change
from tests.security.meetings import overtaken
from tests.security.nodes import Node, Outcome
from tests.security.revocation.conftest import Commands
from tests.security.revocation.people import ENDINGS, EXPIRED, INVALID, OK, WHO, User, used
from tests.storage.conftest import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("kind", ["login", "key"])
async def test_a_request_with_a_known_token_asks_the_database_nothing(
    nodes: list[Node], user: User, commands: Commands, kind: str
) -> None:
    """Neither for the token nor for its user; a hundred requests, and a token check."""
    where, token = nodes[1], user.token(kind)
    await used([where], token)
    commands.names.clear()

    for _ in range(100):
        assert OK == await where.outcome(WHO, token)
    assert (await where.succeed("auth:checkToken", body={"token": token}))["valid"]

    assert [] == commands.names


async def test_a_dead_token_asks_the_database_once_in_a_while(
    nodes: list[Node], user: User, commands: Commands
) -> None:
    """Whoever hammers with it costs a reading per second; a forged one costs none at all."""
    await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
    commands.names.clear()

    forged = user.key[:-1] + ("A" if user.key[-1] != "A" else "Q")
    assert {INVALID} == {await nodes[0].outcome(WHO, token) for _ in range(50) for token in (user.key, forged)}

    assert 1 <= len(commands.names) <= 2


@pytest.mark.parametrize("after", [False, True], ids=["before the reading", "after the reading"])
@pytest.mark.parametrize("door", ["tokens", "keys", "users"])
@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_k12_a_reading_that_a_revocation_overtakes_brings_nothing_back(
    nodes: list[Node], user: User, door: str, *, after: bool, elsewhere: bool
) -> None:
    """The request that stood still is refused, and so is the next: here at once, elsewhere once it was heard of."""
    kind = "login" if door == "tokens" else "key"
    token, where = user.token(kind), nodes[1]
    mark = fingerprint(token)
    heard: list[str] = []
    where.rooms.upkeep.cache.clear()

    async def revoke() -> Outcome:
        end = ENDINGS["logout" if kind == "login" else "key deleted"][1]
        with hearing(where, heard):
            await end(nodes[0] if elsewhere else where, user)
            await until(lambda: mark in heard or user.key_id in heard)
        return OK

    slow = where.outcome(WHO, token)
    outcomes = await overtaken(slow, revoke, (getattr(where.rooms.collections, door), "get"), after=after)

    assert (INVALID, OK) == outcomes
    assert where.rooms.upkeep.cache.session(mark) is None
    assert INVALID == await where.outcome(WHO, token)


@pytest.mark.parametrize("kind", ["login", "key"])
async def test_k14_what_a_reading_finds_gone_is_forgotten_before_the_news_comes(
    nodes: list[Node], user: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """It cannot revive when what is remembered is trusted again; that there is no such token is remembered."""
    where, token = nodes[1], user.token(kind)
    upkeep, mark = where.rooms.upkeep, fingerprint(token)
    (socket,) = await used([where], token)
    monkeypatch.setattr(upkeep.revocations, "changed", lambda _: None)  # the news is on its way
    await ENDINGS["logout" if kind == "login" else "key deleted"][1](nodes[0], user)
    with monkeypatch.context() as patch:
        patch.setattr(upkeep.cache, "_trust", SimpleNamespace(trusted_until=float("-inf"), is_settled=lambda: True))
        assert INVALID == await where.outcome(WHO, token)
        assert upkeep.cache.is_unknown(mark)

    assert upkeep.cache.session(mark) is None
    assert INVALID == await where.outcome(WHO, token)
    assert INVALID == await where.outcome(WHO, token, over=socket)


async def test_k14_a_reading_that_finds_a_token_gone_overtakes_earlier_ones(
    nodes: list[Node], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever read its record before is refused as well, and does not bring it back."""
    where = nodes[1]
    upkeep = where.rooms.upkeep
    upkeep.cache.clear()
    monkeypatch.setattr(upkeep.revocations, "changed", lambda _: None)

    async def revoke() -> Outcome:
        await ENDINGS["logout"][1](nodes[0], user)
        return await where.outcome(WHO, user.login)

    door = (where.rooms.collections.tokens, "get")
    assert (INVALID, INVALID) == await overtaken(where.outcome(WHO, user.login), revoke, door, after=True)

    assert upkeep.cache.session(fingerprint(user.login)) is None
    assert upkeep.cache.is_unknown(fingerprint(user.login))


async def test_k12_a_key_made_again_under_its_id_does_not_hide_the_old_one(
    nodes: list[Node], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the new one is used somewhere before the end of the old one is heard of there."""
    where, held = nodes[1], list[Change]()
    (socket,) = await used([where], user.key)
    revocations = where.rooms.upkeep.revocations
    with monkeypatch.context() as patch:
        patch.setattr(revocations, "changed", held.append)
        await nodes[0].succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id)
        again = await user.new_key(_id=user.key_id)
        await used([where], again)
        await until(lambda: any(change.id == user.key_id for change in held))
    for change in held:
        revocations.changed(change)

    assert INVALID == await where.outcome(WHO, user.key)
    await until(lambda: EXPIRED == socket.told)
    assert OK == await where.outcome(WHO, again)


async def even_key(where: Node) -> str:
    """A key with an even number of characters: it goes with the length of its owner's id."""
    while True:
        owner = User(where)
        owner.kuid += "x" * secrets.randbelow(3)
        await where.succeed("security:createUser", _id=owner.kuid, body={"content": {"profileIds": ["default"]}})
        token = await owner.new_key()
        if len(token) % 2 == 0:
            return token


async def test_j07_a_text_that_lies_in_memory_like_a_token_is_none(nodes: list[Node]) -> None:
    """Two of its characters in one wide one: Python's hash cannot tell them apart."""
    token = await even_key(nodes[1])
    packed = token.encode().decode("utf-16-le")
    assert hash(token) == hash(packed)

    (socket,) = await used([nodes[1]], token)
    assert INVALID == await nodes[1].outcome(WHO, packed, over=socket)


@contextmanager
def hearing(where: Node, heard: list[str]) -> Iterator[None]:
    """Note what a node's cache is told of."""
    cache: Any = where.rooms.upkeep.cache

    def noting(original: Callable[[str], None]) -> Callable[[str], None]:
        def told(one: str) -> None:
            original(one)
            heard.append(one)

        return told

    cache.forget_token, cache.forget_key = noting(cache.forget_token), noting(cache.forget_key)
    try:
        yield
    finally:
        del cache.forget_token, cache.forget_key  # the methods show again


async def test_k12_a_user_who_changes_while_being_read_has_the_new_rights(nodes: list[Node], user: User) -> None:
    """The old profiles are neither used nor remembered."""
    where = nodes[1]
    where.rooms.upkeep.cache.clear()

    async def change() -> Outcome:
        return await where.outcome("security:updateUser", _id=user.kuid, body={"profileIds": ["anonymous"]})

    door = (where.rooms.collections.users, "get")
    outcomes = await overtaken(where.outcome(WHO, user.key), change, door, after=True)

    assert (OK, OK) == outcomes
    assert ("anonymous",) == (await where.rooms.sessions.recognise(user.key))[1].profile_ids


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
async def test_a_failed_look_up_does_not_hide_a_key_that_is_made_then(
    nodes: list[Node], user: User, monkeypatch: pytest.MonkeyPatch, *, elsewhere: bool
) -> None:
    """Nobody can guess a key; somebody who could would be let in at once here, and within the bound elsewhere."""
    where = nodes[1] if elsewhere else nodes[0]
    keys = next(
        controller._keys
        for controller in nodes[0].rooms.controllers(await nodes[0].rooms.founding.signer())
        if isinstance(controller, ApiKeysController)
    )
    moment, jti = keys._now(), "0" * 32
    monkeypatch.setattr(keys, "_now", lambda: moment)
    monkeypatch.setattr(keys, "_new_jti", lambda: jti)
    token = keys._signer.mint("kapikey-", user.kuid, now=moment, expires_at=-1, jti=jti)
    for _ in range(2):
        assert INVALID == await where.outcome(WHO, token)

    made = await keys.issue(user.kuid, None, "", None, author=user.kuid)

    assert token == made["_source"]["token"]
    if not elsewhere:
        assert OK == await where.outcome(WHO, token)

    async def is_let_in() -> bool:
        return OK == await where.outcome(WHO, token)

    async with asyncio.timeout(2):
        await until(is_let_in)


async def test_p13_requests_that_are_cancelled_leave_nothing_behind(nodes: list[Node], user: User) -> None:
    """In the middle of a look-up, a thousand times: no news is kept, nobody waits, and the token is known then."""
    where, cache = nodes[1], nodes[1].rooms.upkeep.cache
    before = len(asyncio.all_tasks())
    for _ in range(1000):
        cache.clear()
        task = asyncio.create_task(where.outcome(WHO, user.key))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait((task,))
    await until(lambda: len(asyncio.all_tasks()) <= before)

    assert (0, {}) == (cache._under_way, cache.news)
    await used([where], user.key)
    assert cache.session(fingerprint(user.key)) is not None


@pytest.mark.parametrize("kind", ["login", "key"])
async def test_o08_the_end_is_compared_with_the_clock_at_each_use(
    nodes: list[Node], user: User, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is remembered has no time of its own: a clock that steps counts at once, in both directions."""
    where, span = nodes[1], 3_600_000
    token = await user.log_in(expiresIn=span) if kind == "login" else await user.new_key(expiresIn=span)
    await used([where], token)
    session = where.rooms.upkeep.cache.session(fingerprint(token))
    assert session is not None

    for moment, outcome in ((-1, OK), (0, INVALID), (10**9, INVALID), (-1000, OK)):
        monkeypatch.setattr(where.rooms.sessions._recogniser, "_now", partial(int, session.expires_at + moment))
        assert outcome == await where.outcome(WHO, token)


async def test_a_connection_with_two_users_never_mixes_them_up(nodes: list[Node], user: User) -> None:
    """Whatever came before on it, each request is its own token's user."""
    where, other = nodes[0], User(nodes[0])
    await other.register()
    socket = where.connect()
    tokens = {user.login: user.kuid, user.key: user.kuid, other.login: other.kuid, other.key: other.kuid}
    for token, kuid in [*tokens.items(), *tokens.items(), *reversed(tokens.items())]:
        for _ in range(2):
            shown = await where.succeed("auth:getCurrentUser", token, over=socket)
            assert kuid == shown["_id"]
        assert INVALID == await where.outcome(WHO, token + "x", over=socket)
        assert INVALID == await where.outcome(WHO, token[:-1], over=socket)
