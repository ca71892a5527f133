"""What strangers may know of this server: is it ready, and the page that a browser shows.

Rules of the file: no rights are asked, so nothing here tells more than `welcome.py` may show, and a crowd of strangers
costs the database no more than one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from gateway.protocol.errors import ApiError
from gateway.security.users import Users
from gateway.system.welcome import CONTENT_SECURITY_POLICY, State, render

__all__ = ["Site"]

_REMEMBERED_MS = 1000
_PATIENCE_S = 1.0

T = TypeVar("T")


class _Remembered(Generic[T]):
    """What is asked at most once a second; those who want to know at once share one question.

    Args:
        ask: the question.
        now: milliseconds since the epoch.
        lasts: tells of an answer whether it may be remembered.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[T]], now: Callable[[], int], lasts: Callable[[T], bool] = lambda _: True
    ) -> None:
        self._ask = ask
        self._now = now
        self._lasts = lasts
        self._known: tuple[int, T] | None = None
        self._asking = asyncio.Lock()

    async def get(self) -> T:
        async with self._asking:
            if self._known is None or not 0 <= self._now() - self._known[0] < _REMEMBERED_MS:
                answer = await self._ask()
                if not self._lasts(answer):
                    return answer
                self._known = self._now(), answer  # an answer may take longer than it is remembered
            return self._known[1]


class Site:
    """See `gateway.transports.http_desk.Site`.

    Args:
        users: of whom one may be an administrator.
        database_answers: tells whether the database does.
        now: milliseconds since the epoch.
    """

    def __init__(self, users: Users, database_answers: Callable[[], Awaitable[bool]], now: Callable[[], int]) -> None:
        self._users = users
        self._database_answers = database_answers
        self._readiness = _Remembered(self._ask, now)
        self._administrator = _Remembered(
            self._administrator_exists, now, lasts=bool
        )  # who makes one looks again at once

    async def is_ready(self) -> bool:
        """Whether the database answered within the last second."""
        return await self._readiness.get()

    async def _ask(self) -> bool:
        """Ask the database, but not for as long as a request would wait: probes are impatient."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._database_answers()
        except TimeoutError:
            return False

    async def page(self, host: str, *, is_ready: bool, is_secure: bool) -> tuple[str, str]:
        """The page, and its Content-Security-Policy."""
        state = State(
            is_ready=is_ready,
            has_administrator=await self._administrator.get() if is_ready else None,
            host=host,
            is_secure=is_secure,
        )
        return render(state), CONTENT_SECURITY_POLICY

    async def _administrator_exists(self) -> bool | None:
        try:
            return await self._users.administrator_exists()
        except ApiError:
            return None
