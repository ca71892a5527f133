"""What is known of tokens and their users without a look at the database.

Rules of the file: pure; whether what is remembered may be used is asked of whoever follows the changes. Whoever looks
something up and wants it remembered says when it began: what was told meanwhile is held against it, so that a reading
that was under way during a revocation cannot bring the token back. Never in here: tokens, and what counts once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from msgspec import Struct

from gateway.actions import Connection, Context, Principal, Session
from gateway.security.bounded import Bounded

__all__ = ["KnownUser", "LookUp", "Recalled", "TokenCache", "Trust"]

Value = TypeVar("Value")

_MOST_UNKNOWN = 10_000
_MOST_PORTRAITS = 10_000
_LARGEST_PORTRAIT = 2048
"""Bytes: 20 MB for all of them."""
_MOST_NEWS = 10_000
"""Told while look-ups are under way; beyond it none of them is remembered."""


class Trust(Protocol):
    """Whoever follows the changes."""

    @property
    def trusted_until(self) -> float:
        """What is remembered may be used as long as the clock, in seconds, has not passed it."""

    def is_settled(self) -> bool:
        """Tell whether what is read now may be remembered."""


class KnownUser(Struct):
    """A user, as far as rights go.

    Attributes:
        profile_ids: of the stored user.
        principal: made of them.
        version: of the rights that went into it.
    """

    profile_ids: tuple[str, ...]
    principal: Principal
    version: int


class Recalled(Struct, frozen=True):
    """A token that was recognised from what is remembered: what it stands for, and how long that holds.

    Attributes:
        context: of the requests with it: the connection, the user, what the token stands for.
        expires_at: when it ends, milliseconds since the epoch, or `NEVER`.
        version: of the rights that went into the principal.
        epoch: of the cache.
    """

    context: Context
    expires_at: int
    version: int
    epoch: int


class LookUp:
    """A look at the database that is under way; made by `TokenCache.look_up`."""

    __slots__ = ("_cache", "_stamp")

    def __init__(self, cache: "TokenCache", stamp: int) -> None:
        self._cache = cache
        self._stamp = stamp

    def is_overtaken(self, *, mark: str = "", key_id: str = "", kuid: str = "") -> bool:
        """Tell whether something was told since it began: of the token, of the key with that `_id`, of the user."""
        news = self._cache.news
        latest = max(news.get(f"token:{mark}", 0), news.get(f"key:{key_id}", 0), news.get(f"user:{kuid}", 0))
        return max(latest, self._cache.cleared_at) > self._stamp

    def keep_session(self, session: Session) -> None:
        """Remember a session, unless it was overtaken."""
        if not self.is_overtaken(mark=session.fingerprint, key_id=session.key_id):
            self._cache.put_session(session)

    def keep_user(self, kuid: str, user: KnownUser) -> None:
        """Remember a user, unless overtaken."""
        if not self.is_overtaken(kuid=kuid):
            self._cache.put_user(kuid, user)

    def keep_portrait(self, kuid: str, portrait: bytes) -> None:
        """Remember what a user looks like, unless overtaken, or too large."""
        if len(portrait) <= _LARGEST_PORTRAIT and not self.is_overtaken(kuid=kuid):
            self._cache.put_portrait(kuid, portrait)

    def keep_birth(self, kuid: str, created_at: int) -> None:
        """Remember when a user was made, unless overtaken."""
        if not self.is_overtaken(kuid=kuid):
            self._cache.put_birth(kuid, created_at)

    def keep_unknown(self, mark: str) -> None:
        """Forget a token and remember for a moment that there is none, unless overtaken.

        Once: to forget is news, which would overtake each of many such readings and let it be remembered nowhere.
        """
        if not self._cache.is_unknown(mark) and not self.is_overtaken(mark=mark):
            self._cache.forget_token(mark)
            self._cache.put_unknown(mark)


class TokenCache:
    """Sessions by fingerprint, users by id, and what these look like to themselves.

    Args:
        most: sessions that are kept, and users; 0 for none.
        trust: tells how long all that is remembered is still so, and whether what is read now may be remembered.
        clock: the one of `trust`.
        unknown_s: how long it is remembered that there is no such token.

    Attributes:
        hits, misses: requests that were, or were not, recognised from what is remembered; whoever asks counts.
        news: what was told while look-ups are under way → when, as a number that grows.
        cleared_at: when everything was forgotten, likewise.
        epoch: grows whenever a session or a user goes, for whatever reason.
    """

    def __init__(
        self,
        most: int,
        *,
        trust: Trust,
        clock: Callable[[], float],
        unknown_s: float,
    ) -> None:
        self._trust = trust
        self._clock = clock
        self._unknown_s = unknown_s
        self._sessions: Bounded[Session] = Bounded(most, self._session_gone)
        self._users: Bounded[KnownUser] = Bounded(most, self._user_gone)
        self._births: Bounded[int] = Bounded(most)
        self._portraits: Bounded[bytes] = Bounded(min(most, _MOST_PORTRAITS))
        self._unknown: Bounded[float] = Bounded(min(most, _MOST_UNKNOWN))
        self._marks: dict[str, tuple[str, ...]] = {}
        self._under_way = 0
        self._time = 0
        self.news: dict[str, int] = {}
        self.cleared_at = 0
        self.epoch = 0
        self.hits = self.misses = 0

    @property
    def sizes(self) -> dict[str, int]:
        """How much is remembered: `tokens`, `users`, `unknown`."""
        return {"tokens": len(self._sessions), "users": len(self._users), "unknown": len(self._unknown)}

    def recalled(self, connection: Connection, session: Session, principal: Principal, version: int) -> Recalled:
        """Note that a token was recognised from what is remembered.

        Args:
            connection: on which it was used.
            session: as `session` has just returned it.
            principal: its user, as `user` has, or the anonymous one.
            version: of the rights of this moment.
        """
        return Recalled(Context(connection, principal, session), session.expires_at, version, self.epoch)

    def still_holds(self, recalled: Recalled, version: int) -> bool:
        """Tell whether the token would be recognised again from what is remembered.

        Asked with nearly every request, so it is flat. Nothing is marked as used here: it was when the token was
        recognised, and whenever a mark is taken away, something goes, so that the epoch is another one.

        Args:
            recalled: as `recalled` returned it.
            version: of the rights of this moment.
        """
        return (
            recalled.epoch == self.epoch and recalled.version == version and self._clock() <= self._trust.trusted_until
        )

    def session(self, mark: str) -> Session | None:
        """What a fingerprint stands for, None if not known; whether it has expired is for the caller to look at."""
        return self._trusted(self._sessions, mark)

    def user(self, kuid: str) -> KnownUser | None:
        """A user, None if not known."""
        return self._trusted(self._users, kuid)

    def portrait(self, kuid: str) -> bytes | None:
        """What a user looks like, None if not known."""
        return self._trusted(self._portraits, kuid)

    def birth(self, kuid: str) -> int | None:
        """When a user was made, milliseconds since the epoch; None if not known."""
        return self._trusted(self._births, kuid)

    def is_unknown(self, mark: str) -> bool:
        """Tell whether a moment ago there was no such token.

        A token leaves the gateway after its record was stored, so what was asked for in vain was ended, and does not
        come back; should somebody put its record back by hand, it is seen after that moment.
        """
        until = self._unknown.get(mark)
        return until is not None and self._clock() < until

    @contextmanager
    def look_up(self) -> Iterator[LookUp]:
        """Look something up in the database; inside, news is kept for whoever asks `is_overtaken`."""
        self._under_way += 1
        try:
            yield LookUp(self, self._time)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self.news.clear()

    def put_session(self, session: Session) -> None:
        """Remember a session that was just read."""
        if self._may_keep():
            self._sessions.put(session.fingerprint, session)
            if session.key_id and session.fingerprint in self._sessions.entries:
                # Several, where a key was deleted and made again under its `_id` and the news is still on its way.
                self._marks[session.key_id] = (*self._marks.get(session.key_id, ()), session.fingerprint)

    def put_user(self, kuid: str, user: KnownUser) -> None:
        """Remember a user that was just read."""
        if self._may_keep():
            self._users.put(kuid, user)

    def put_portrait(self, kuid: str, portrait: bytes) -> None:
        """Remember what a user looks like, as was just read."""
        if self._may_keep():
            self._portraits.put(kuid, portrait)

    def put_birth(self, kuid: str, created_at: int) -> None:
        """Remember when a user was made that was just read."""
        if self._may_keep():
            self._births.put(kuid, created_at)

    def put_unknown(self, mark: str) -> None:
        """Remember that there is no such token."""
        self._unknown.put(mark, self._clock() + self._unknown_s)

    def forget_token(self, mark: str) -> None:
        """Forget a token, and that there was none."""
        self._tell(f"token:{mark}")
        self._sessions.pop(mark)
        self._unknown.pop(mark)

    def forget_key(self, key_id: str) -> None:
        """Forget the API key with an `_id`."""
        self._tell(f"key:{key_id}")
        for mark in self._marks.get(key_id, ()):
            self._sessions.pop(mark)

    def forget_user(self, kuid: str) -> None:
        """Forget a user; the tokens stay, and lead nowhere if there is no such user any more."""
        self._tell(f"user:{kuid}")
        self._users.pop(kuid)
        self._portraits.pop(kuid)
        self._births.pop(kuid)

    def forget_users(self) -> None:
        """Forget every user, those that are being looked up included."""
        self._users.clear()
        self._portraits.clear()
        self._overtake_all()

    def clear(self) -> None:
        """Forget everything, look-ups that are under way included."""
        self._sessions.clear()
        self._users.clear()
        self._portraits.clear()
        self._births.clear()
        self._unknown.clear()
        self._overtake_all()

    def _trusted(self, remembered: Bounded[Value], name: str) -> Value | None:
        value = remembered.get(name)
        return value if value is not None and self._is_trusted() else None

    def _is_trusted(self) -> bool:
        return self._clock() <= self._trust.trusted_until

    def _may_keep(self) -> bool:
        return self._is_trusted() and self._trust.is_settled()

    def _tell(self, what: str) -> None:
        if not self._under_way:
            return
        self._time += 1
        self.news[what] = self._time
        if len(self.news) > _MOST_NEWS:
            self._overtake_all()

    def _overtake_all(self) -> None:
        self._time += 1
        self.cleared_at = self._time
        self.news.clear()

    def _session_gone(self, session: Session) -> None:
        self.epoch += 1
        left = tuple(mark for mark in self._marks.pop(session.key_id, ()) if mark != session.fingerprint)
        if left:
            self._marks[session.key_id] = left

    def _user_gone(self, _: KnownUser) -> None:
        self.epoch += 1
