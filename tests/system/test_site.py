"""What strangers may know of a server, and that they cannot make the database tell it to each of them."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from gateway.protocol.errors import api_error
from gateway.security.users import Users
from gateway.system.site import Site
from gateway.system.welcome import CONTENT_SECURITY_POLICY


class House:
    """A database and a clock under control, and a site over them.

    Attributes:
        answers: whether the database does.
        has_administrator: what it says; an exception is raised.
        asked, looked_up: how often.
        door: what its answers wait for.
        now: the time in milliseconds.
    """

    def __init__(self) -> None:
        self.answers = True
        self.has_administrator: bool | Exception = True
        self.asked = self.looked_up = 0
        self.door = asyncio.Event()
        self.door.set()
        self.now = 1_000_000
        self.site = Site(cast("Users", self), self._ping, lambda: self.now)

    async def _ping(self) -> bool:
        self.asked += 1
        await self.door.wait()
        return self.answers

    async def administrator_exists(self, transaction: Any = None) -> bool:
        """Stand in for the keeper of users."""
        self.looked_up += 1
        if isinstance(self.has_administrator, Exception):
            raise self.has_administrator
        return self.has_administrator

    async def page(self, *, is_ready: bool = True) -> str:
        """What is shown."""
        html, policy = await self.site.page("localhost:7512", is_ready=is_ready, is_secure=False)
        assert CONTENT_SECURITY_POLICY == policy
        return html


async def until(condition: Callable[[], object]) -> None:
    """Wait a few turns of the loop."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the state is looked at from outside
            await asyncio.sleep(0)


async def test_those_who_ask_at_once_share_one_question() -> None:
    """Though the answer takes longer than it is remembered: they do not ask one after the other."""
    house = House()
    house.door.clear()
    asking = [asyncio.create_task(house.site.is_ready()) for _ in range(100)]
    await until(lambda: house.asked)

    house.now += 900_000
    house.door.set()

    assert [True] * 100 == await asyncio.gather(*asking)
    assert 1 == house.asked


async def test_an_answer_is_remembered_for_a_second() -> None:
    """Not longer, and not where the clock was set back."""
    house = House()
    assert await house.site.is_ready()
    house.answers = False

    house.now += 999
    assert await house.site.is_ready()
    house.now += 1
    assert not await house.site.is_ready()
    house.answers = True
    house.now -= 5000
    assert await house.site.is_ready()
    assert 3 == house.asked


async def test_a_database_that_does_not_answer_is_not_waited_for() -> None:
    """Probes are impatient: after a second it is not ready."""
    house = House()
    house.door.clear()

    async with asyncio.timeout(5):
        assert not await house.site.is_ready()


async def test_a_crowd_that_looks_at_the_page_costs_one_look() -> None:
    """Within a second, once there is an administrator."""
    house = House()

    pages = {await house.page() for _ in range(50)}

    assert (1, 1) == (len(pages), house.looked_up)
    assert "exists" in pages.pop()


async def test_a_new_administrator_is_seen_at_once() -> None:
    """Who has just made the first one looks again."""
    house = House()
    house.has_administrator = False
    assert "none yet" in await house.page()

    house.has_administrator = True

    assert "none yet" not in await house.page()


async def test_what_cannot_be_told_is_not_asked_or_not_shown() -> None:
    """A gateway that is not ready does not ask; one whose database fails in between says so."""
    house = House()
    assert "not known" in await house.page(is_ready=False)
    assert 0 == house.looked_up

    house.has_administrator = api_error("services.storage.not_connected")
    assert "not known" in await house.page()
