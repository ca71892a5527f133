"""On how many connections an API key, and a user, may be at a time; checklist W15.

Rules of the file: pure. A connection on which several tokens of one user are used takes one seat of the user. Who a
connection belongs to is known once it uses a token, so the refusal is the answer to that request, not to the
handshake. Only what is limited is counted.
"""

from collections import Counter
from collections.abc import Iterator

from gateway.actions import ANONYMOUS_ID, Session
from gateway.protocol.errors import ApiError, TooManyRequestsError, api_error

__all__ = ["Seats"]

_Owner = tuple[str, str]
"""What it is and which: `("API key", _id)`, `("user", kuid)`."""


class Seats:
    """The connections of this process, by whose token is used on them.

    Args:
        most_of_key: how many one API key may be used on, 0 for no limit.
        most_of_user: how many the tokens of one user may be used on, likewise; strangers are not users.
    """

    def __init__(self, most_of_key: int = 0, most_of_user: int = 0) -> None:
        self._most_of_key = most_of_key
        self._most_of_user = most_of_user
        self._taken: dict[_Owner, Counter[str]] = {}

    def check(self, session: Session, connection_id: str) -> None:
        """Refuse a connection for which there is no seat; one that has its seat is let pass.

        Raises:
            TooManyRequestsError: `api.process.too_many_requests`.
        """
        for owner, most in self._limits(session):
            taken = self._taken.get(owner, ())
            if len(taken) >= most and connection_id not in taken:
                raise _full(owner[0], most)

    def take(self, session: Session, connection_id: str) -> None:
        """Note that a token is used on a connection; once until it is given back."""
        for owner, _ in self._limits(session):
            self._taken.setdefault(owner, Counter())[connection_id] += 1

    def give_back(self, session: Session, connection_id: str) -> None:
        """Note that it is not any more."""
        for owner, _ in self._limits(session):
            taken = self._taken[owner]
            taken[connection_id] -= 1
            if not taken[connection_id]:
                del taken[connection_id]
            if not taken:
                del self._taken[owner]

    def _limits(self, session: Session) -> Iterator[tuple[_Owner, int]]:
        if self._most_of_key and session.key_id:
            yield ("API key", session.key_id), self._most_of_key
        if self._most_of_user and session.kuid != ANONYMOUS_ID:
            yield ("user", session.kuid), self._most_of_user


def _full(what: str, most: int) -> ApiError:
    usual = api_error("api.process.too_many_requests")  # whose sentence speaks of requests
    message = f"This {what} is in use on {most} connections, which is as many as are allowed at a time."
    return TooManyRequestsError(message, status=usual.status, id=usual.id, code=usual.code)
