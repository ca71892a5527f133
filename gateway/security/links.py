"""Which connection has used which token, so that it can be told when the token ends.

Rules of the file: pure; the time is handed in, and what is told too. A connection is linked to every token that was
used on it, the last sixteen (deviation 25), and told once for each (frames.md §6). What is kept for a connection goes
with it. Of its latest token it keeps a digest, so that the next request with the same costs no SHA-256; never a token.
"""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field, structs

from gateway.actions import Connection, Session
from gateway.security.expiries import Expiries
from gateway.security.lifetimes import NEVER
from gateway.security.seats import Seats

__all__ = ["REVOKED", "Ending", "Line", "Links"]

REVOKED = 4401
"""Close code: the token ended (4000 to 4999 are for applications, RFC 6455 §7.4.2)."""

_MOST_TOKENS = 16


class Ending(Struct, frozen=True):
    """How the end of a token is told.

    Attributes:
        expired: makes the message that it has ended, for one token.
        expires_soon: makes the message that it will end at a time, milliseconds since the epoch.
        warning_ms: how long before that; 0 for not at all.
        closes: the connection is closed as well.
    """

    expired: Callable[[], bytes]
    expires_soon: Callable[[int], bytes]
    warning_ms: int = 0
    closes: bool = False


class Line(Struct):
    """A connection, as far as tokens go.

    Attributes:
        marks: fingerprints of its tokens, the latest last.
        digest: of the text of the token that came last; None if that is not linked.
        mark: its fingerprint.
        recalled: whatever whoever recognises tokens wants to find again with it.
    """

    marks: list[str] = field(default_factory=list)
    digest: object = None
    mark: str = ""
    recalled: Any = None


class _Linked(Struct):
    """A token in use; `connections` by their ids."""

    session: Session
    connections: dict[str, Connection] = field(default_factory=dict)
    is_warned: bool = False


class Links:
    """The tokens in use on the connections of a process.

    Args:
        ending: how an end is told.
        is_here: tells whether a connection is still there; one that is gone is not linked any more.
        digest: of a token's text; whoever does not know its key must not find two that are alike.
        rearm: told that a token ends earlier than all others.
        seats: on how many connections who may be.
    """

    def __init__(
        self,
        ending: Ending,
        is_here: Callable[[Connection], bool],
        *,
        digest: Callable[[str], object],
        rearm: Callable[[], None],
        seats: Seats,
    ) -> None:
        self._ending = ending
        self._is_here = is_here
        self._digest = digest
        self._rearm = rearm
        self._seats = seats
        self._linked: dict[str, _Linked] = {}
        self._of: dict[str, Line] = {}
        self._of_user: dict[str, set[str]] = {}
        self._of_key: dict[str, set[str]] = {}
        self._ends = Expiries()
        self._warnings = Expiries()

    def __len__(self) -> int:
        return len(self._linked)

    @property
    def earliest(self) -> int | None:
        """When something is to be told next, milliseconds since the epoch; None for never."""
        moments = [moment for one in (self._ends, self._warnings) if (moment := one.earliest) is not None]
        return min(moments, default=None)

    def latest(self, connection: Connection, token: str) -> Line | None:
        """The line of a connection, if this token came last and is linked to it; None if that may be otherwise."""
        line = self._of.get(connection.id)
        # Python's hash is one of the characters as they lie in memory, where wide ones may look like a token's.
        return line if line is not None and token.isascii() and line.digest == self._digest(token) else None

    def link(self, connection: Connection, session: Session, token: str = "") -> None:
        """Note that a token was used on a connection; with its text it is recognised by `latest`.

        Raises:
            TooManyRequestsError: `api.process.too_many_requests`: on one connection too many; it is not linked.
        """
        if session.is_single_use or session.is_superseded:  # it ends now, and nobody is to be told
            return
        if connection.protocol == "websocket" and self._is_here(connection):
            self._seats.check(session, connection.id)
            line = self._link(connection, session)
            if token:
                line.mark, line.digest, line.recalled = session.fingerprint, self._digest(token), None

    def unlink(self, connection: Connection, mark: str) -> None:
        """Forget that a token was used on a connection."""
        linked = self._linked.get(mark)
        if linked is None or linked.connections.pop(connection.id, None) is None:
            return
        self._seats.give_back(linked.session, connection.id)
        line = self._of[connection.id]
        line.marks.remove(mark)
        if line.mark == mark:
            line.digest = None
        if not line.marks:
            del self._of[connection.id]
        if not linked.connections:
            self._drop(linked)

    def leave(self, connection: Connection) -> None:
        """Forget a connection that is gone."""
        for mark in self._marks(connection):
            self.unlink(connection, mark)

    def move(self, mark: str, session: Session) -> None:
        """Link whatever is linked to a token to another one in its place."""
        linked = self._linked.get(mark)
        for connection in list(linked.connections.values()) if linked else ():
            self.unlink(connection, mark)
            self._link(connection, session)

    def end(self, mark: str) -> None:
        """Tell every connection of a token that it has ended."""
        linked = self._linked.get(mark)
        if linked is None:
            return
        message = self._ending.expired()
        for connection in list(linked.connections.values()):
            self.unlink(connection, mark)
            connection.send(message)
            if self._ending.closes:
                connection.close(REVOKED, "the token has ended")

    def extend(self, mark: str, expires_at: int) -> None:
        """Take note that a token ends at another time than before."""
        linked = self._linked.get(mark)
        if linked is not None and linked.session.expires_at != expires_at:
            linked.session = structs.replace(linked.session, expires_at=expires_at)
            self._ends.discard(mark)
            self._warnings.discard(mark)
            self._schedule(linked)

    def tell_due(self, now: int) -> None:
        """Tell of the tokens whose end has come, and of those whose end is near."""
        for mark in self._warnings.take_due(now):
            linked = self._linked[mark]
            linked.is_warned = True
            if linked.session.expires_at > now:
                self._warn(linked, linked.connections.values())
        for mark in self._ends.take_due(now):
            self.end(mark)

    def marks(self) -> list[str]:
        """The fingerprints of all tokens in use."""
        return list(self._linked)

    def marks_of_key(self, key_id: str) -> list[str]:
        """The fingerprints in use of the API keys that have or had an `_id`."""
        return list(self._of_key.get(key_id, ()))

    def marks_of_user(self, kuid: str) -> list[str]:
        """The fingerprints of a user's tokens in use."""
        return list(self._of_user.get(kuid, ()))

    def session(self, mark: str) -> Session | None:
        """What a token in use stands for."""
        linked = self._linked.get(mark)
        return None if linked is None else linked.session

    def sessions_of(self, connection: Connection) -> list[Session]:
        """The tokens that were used on a connection, the latest last."""
        return [self._linked[mark].session for mark in self._marks(connection)]

    def _marks(self, connection: Connection) -> tuple[str, ...]:
        line = self._of.get(connection.id)
        return () if line is None else tuple(line.marks)

    def _link(self, connection: Connection, session: Session) -> Line:
        mark = session.fingerprint
        line = self._of.get(connection.id)
        if line is None:
            line = self._of[connection.id] = Line()
        line.digest = None
        marks = line.marks
        if mark in marks:
            marks.remove(mark)
            marks.append(mark)
            return line
        marks.append(mark)
        linked = self._linked.get(mark)
        if linked is None:
            linked = self._take(session)
        linked.connections[connection.id] = connection
        self._seats.take(linked.session, connection.id)
        if linked.is_warned:
            self._warn(linked, (connection,))
        if len(marks) > _MOST_TOKENS:
            self.unlink(connection, marks[0])
        return line

    def _take(self, session: Session) -> _Linked:
        mark = session.fingerprint
        linked = self._linked[mark] = _Linked(session)
        self._of_user.setdefault(session.kuid, set()).add(mark)
        if session.key_id:
            self._of_key.setdefault(session.key_id, set()).add(mark)
        self._schedule(linked)
        return linked

    def _schedule(self, linked: _Linked) -> None:
        session, before = linked.session, self.earliest
        if session.expires_at == NEVER:
            return
        self._ends.put(session.fingerprint, session.expires_at)
        if self._ending.warning_ms and not linked.is_warned:
            self._warnings.put(session.fingerprint, session.expires_at - self._ending.warning_ms)
        if self.earliest != before:
            self._rearm()

    def _drop(self, linked: _Linked) -> None:
        session = linked.session
        mark = session.fingerprint
        del self._linked[mark]
        self._ends.discard(mark)
        self._warnings.discard(mark)
        _discard(self._of_user, session.kuid, mark)
        if session.key_id:
            _discard(self._of_key, session.key_id, mark)

    def _warn(self, linked: _Linked, connections: Iterable[Connection]) -> None:
        message = self._ending.expires_soon(linked.session.expires_at)
        for connection in list(connections):
            connection.send(message)


def _discard(sets: dict[str, set[str]], name: str, mark: str) -> None:
    marks = sets[name]
    marks.discard(mark)
    if not marks:
        del sets[name]
