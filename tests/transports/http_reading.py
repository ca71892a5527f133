"""An `HttpReader` driven as a connection drives it, up to the end of the connection."""

from typing import Any, NamedTuple

from gateway.protocol.errors import ApiError
from gateway.protocol.http.requests import BodyRules, HttpRequest
from gateway.transports.http_reader import Handshake, HttpReader

__all__ = ["BODY_BYTES", "CHUNKED", "HEAD_BYTES", "NOTHING", "Outcome", "chunked", "cut", "read", "reader_of"]

CHUNKED = "Transfer-Encoding: chunked"
HEAD_BYTES = 32_768
BODY_BYTES = 1000
NOTHING: tuple[int, str | None] = (0, None)


class Outcome(NamedTuple):
    """What came out.

    Attributes:
        requests: in order.
        kept: for each, whether the connection goes on behind it.
        handshake: what was handed on.
        refused: status and error id.
    """

    requests: list[HttpRequest]
    kept: list[bool]
    handshake: Handshake | None
    refused: tuple[int, str | None]

    @property
    def bodies(self) -> list[bytes]:
        """Of the requests."""
        return [request.body for request in self.requests]


def reader_of(**rules: Any) -> HttpReader:
    """A reader with small limits."""
    return HttpReader(BodyRules(**{"most_bytes": BODY_BYTES} | rules), HEAD_BYTES)


def read(*chunks: bytes, reader: HttpReader | None = None) -> Outcome:
    """Read until the bytes or the connection end."""
    reader = reader or reader_of()
    outcome = Outcome([], [], None, NOTHING)
    for chunk in chunks:
        reader.receive(chunk)
        while True:
            try:
                request = reader.next_request()
            except ApiError as error:
                return outcome._replace(refused=(error.status, error.id))
            if isinstance(request, Handshake):
                return outcome._replace(handshake=request)
            if request is None:
                break
            outcome.requests.append(request)
            outcome.kept.append(not reader.is_last)
            if reader.is_last:
                return outcome
    return outcome


def cut(data: bytes, size: int = 1) -> list[bytes]:
    """Some bytes in pieces."""
    return [data[start : start + size] for start in range(0, len(data), size)]


def chunked(*pieces: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + last
