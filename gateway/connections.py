"""Who is connected to this process.

Rules of the file: pure; it keeps the list, and tells those who keep something for a connection when it is gone.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from msgspec import Struct

from gateway.actions import Connection
from gateway.protocol.errors import api_error

__all__ = ["Connections", "Load", "Member", "Tally"]


class Tally:
    """What went over a connection; no struct, because it is written to with every message, and a slot is quicker.

    Attributes:
        since: when it began, milliseconds since the epoch.
        messages_in, messages_out: whole messages, pings of the application included, those of the transport not.
        bytes_in, bytes_out: of these messages, without what the transport puts around them.
    """

    __slots__ = ("bytes_in", "bytes_out", "messages_in", "messages_out", "since")

    def __init__(self, since: int) -> None:
        self.since = since
        self.messages_in = self.messages_out = 0
        self.bytes_in = self.bytes_out = 0


class Member(Connection, Protocol):
    """A connection as the list sees it.

    Attributes:
        tally: what went over it.
        waiting: requests that it holds back because others are in hand.
    """

    tally: Tally

    @property
    def waiting(self) -> int:
        """See above."""


class Load(Struct, frozen=True):
    """What a process is busy with.

    Attributes:
        in_flight: requests that wait for something.
        waiting: requests that wait for those of their own connection.
        connections: how many, by protocol.
    """

    in_flight: int = 0
    waiting: int = 0
    connections: Mapping[str, int] = {}


class Connections(set[Member]):
    """The WebSocket connections of a process, from the end of the handshake on.

    Args:
        now: milliseconds since the epoch; only whoever lists connections wants to know.
        most: how many there may be, 0 for no limit.
        most_of_address: how many of one client address, likewise.
    """

    def __init__(self, now: Callable[[], int] = int, *, most: int = 0, most_of_address: int = 0) -> None:
        super().__init__()
        self.now = now
        self._most = most
        self._most_of_address = most_of_address
        self._addresses: Counter[str] = Counter()
        self._told: list[Callable[[Connection], None]] = []

    def tell_of_end(self, told: Callable[[Connection], None]) -> None:
        """Call `told` with every connection that is gone."""
        self._told.append(told)

    def check_room(self, address: str) -> None:
        """Refuse one connection too many, before its handshake is answered.

        Raises:
            ServiceUnavailableError: `api.process.overloaded`.
            TooManyRequestsError: `api.process.too_many_requests`: of this address.
        """
        if self._most and len(self) >= self._most:
            raise api_error("api.process.overloaded")
        if self._most_of_address and self._addresses[address] >= self._most_of_address:
            raise api_error("api.process.too_many_requests")

    def add(self, connection: Member) -> None:
        """Take in a connection."""
        super().add(connection)
        if self._most_of_address:
            self._addresses[connection.address] += 1

    def discard(self, connection: object) -> None:
        """Let a connection go, once."""
        if connection not in self:
            return
        super().discard(connection)
        gone = cast("Member", connection)
        if self._most_of_address:
            self._addresses[gone.address] -= 1
            if not self._addresses[gone.address]:
                del self._addresses[gone.address]
        for told in self._told:
            told(gone)

    def find(self, connection_id: str) -> Member | None:
        """The connection of that id."""
        return next((one for one in self if one.id == connection_id), None)
