"""Whatever ends or changes a token, a key or a user is told here, by the service that did it or by the change stream.

Rules of the file: what this process has done counts at once, before its answer leaves. What comes through the stream
may be late, so it takes nothing for granted but that something changed: what was remembered is forgotten, and a token
in use is looked up again before anybody is told that it has ended.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from gateway.actions import ANONYMOUS_ID, Session
from gateway.protocol.errors import ApiError
from gateway.security.links import Links
from gateway.security.records import Document
from gateway.security.token_cache import TokenCache
from gateway.storage.changes import Change
from gateway.storage.mongo import Collection

__all__ = ["Revocations"]

_log = logging.getLogger("latchgate.security")

_RETRY_S = 1.0
_LONGEST_SLEEP_S = 1.0
"""The system's clock may be set while we sleep."""
_CHUNK = 1000
_GONE = "delete"


class Revocations:
    """Keeps the cache and the links true.

    Args:
        tokens: collection of login tokens.
        keys: collection of API keys.
        users: collection of users.
        cache: what is remembered.
        links: what is in use.
        earlier: set whenever `links` has something to tell earlier than before.
        rights_changed: told of a change to roles and profiles.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        tokens: Collection,
        keys: Collection,
        users: Collection,
        *,
        cache: TokenCache,
        links: Links,
        earlier: asyncio.Event,
        rights_changed: Callable[[], None],
        now: Callable[[], int],
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self._users = users
        self.cache = cache
        self.links = links
        self._earlier = earlier
        self._rights_changed = rights_changed
        self._now = now
        self._doubtful: set[str] = set()
        self._doubts = asyncio.Event()

    # What this process has done.

    def token_ended(self, mark: str) -> None:
        """A token or key with this fingerprint counts no more."""
        self.cache.forget_token(mark)
        self.links.end(mark)

    def token_changed(self, mark: str) -> None:
        """A token is to be read anew; there may have been none before."""
        self.cache.forget_token(mark)

    def user_changed(self, kuid: str) -> None:
        """A user has other profiles."""
        self.cache.forget_user(kuid)

    def user_ended(self, kuid: str) -> None:
        """A user was deleted, and with them everything that is theirs."""
        self.cache.forget_user(kuid)
        for mark in self.links.marks_of_user(kuid):
            self.token_ended(mark)

    def ids_ended(self, ids: Iterable[str]) -> None:
        """Tokens or keys with these `_id` were deleted."""
        for one in ids:
            self.cache.forget_token(one)
            self.cache.forget_key(one)

    # What the change stream tells.

    def changed(self, change: Change) -> None:
        """Take in what the change stream tells."""
        collection, one = change.collection, change.id
        if collection in ("roles", "profiles"):
            self._rights_changed()
        elif not isinstance(one, str):
            self.lost()
        elif collection == "tokens":
            self._token_told(one, is_gone=change.operation == _GONE)
        elif collection == "api-keys":
            self.cache.forget_key(one)
            self._doubt(self.links.marks_of_key(one))
        else:
            self.cache.forget_user(one)
            if change.operation == _GONE:
                self._doubt(self.links.marks_of_user(one))

    def lost(self) -> None:
        """Anything may have changed."""
        self.cache.clear()
        self._rights_changed()
        self._doubt(self.links.marks())

    # What goes on beside the requests.

    async def follow(self) -> None:
        """Look again at what is doubtful, and tell of what expires; never returns."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._settle_doubts())
            group.create_task(self._tell_expiries())

    async def settle(self) -> None:
        """Look up every token in use of which something was told.

        Raises:
            ApiError: the database does not answer; what is doubtful stays so.
        """
        while self._doubtful:
            chunk = list(self._doubtful)[:_CHUNK]
            sessions = {mark: session for mark in chunk if (session := self.links.session(mark)) is not None}
            self._doubtful.difference_update(chunk)
            try:
                records = await self._read(list(sessions), list({one.kuid for one in sessions.values()}))
            except BaseException:
                self._doubtful.update(chunk)
                raise
            for mark in sessions:
                self._judge(mark, records.get(mark))

    def _token_told(self, mark: str, *, is_gone: bool) -> None:
        self.cache.forget_token(mark)
        if is_gone:  # a fingerprint never comes back
            self.links.end(mark)
        elif self.links.session(mark) is not None:
            self._doubt([mark])

    def _doubt(self, marks: Sequence[str]) -> None:
        if marks:
            self._doubtful.update(marks)
            self._doubts.set()

    async def _read(self, marks: list[str], kuids: list[str]) -> dict[str, Document]:
        """The records of those tokens that are there and whose user is."""
        tokens = await self._tokens.find({"_id": {"$in": marks}})
        keys = await self._keys.find({"fingerprint": {"$in": marks}})
        users = {user["_id"] for user in await self._users.find({"_id": {"$in": kuids}}, fields=("_id",))}
        records = {token["_id"]: token for token in tokens} | {key["fingerprint"]: key for key in keys}
        return {mark: record for mark, record in records.items() if record["userId"] in users | {ANONYMOUS_ID}}

    def _judge(self, mark: str, record: Document | None) -> None:
        session = self.links.session(mark)
        if session is None:
            return
        if record is None:
            self.token_ended(mark)
        elif "successor" in record:
            after = record["successor"]
            self.links.move(mark, Session(session.kuid, after["fingerprint"], after["expiresAt"], is_api_key=False))
        elif record["expiresAt"] != session.expires_at:
            self.links.extend(mark, record["expiresAt"])

    async def _settle_doubts(self) -> None:
        while True:
            await self._doubts.wait()
            self._doubts.clear()
            try:
                await self.settle()
            except ApiError:
                await self._later()
            except Exception:  # noqa: BLE001 - one odd document must not hide all later endings
                _log.exception("tokens in use could not be looked up")
                await self._later()

    async def _later(self) -> None:
        await asyncio.sleep(_RETRY_S)
        self._doubts.set()

    async def _tell_expiries(self) -> None:
        while True:
            self._earlier.clear()
            try:
                self.links.tell_due(self._now())
            except Exception:  # noqa: BLE001 - one odd connection must not hide all later endings
                _log.exception("the end of a token could not be told")
            earliest = self.links.earliest
            pause = None if earliest is None else min(max(earliest - self._now(), 0) / 1000, _LONGEST_SLEEP_S)
            try:
                async with asyncio.timeout(pause):
                    await self._earlier.wait()
            except TimeoutError:
                continue
