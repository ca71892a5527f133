"""A request head whose headers are those of an earlier one on its connection: what they mean is known by then.

Rules of the file: pure. A client that keeps its connection sends the same headers over and over, byte for byte, so
the second time only the request line is read, and only in the one form that the parser and `read_head` take; whatever
else stands there is left to them. Nothing is remembered beyond a connection: headers hold secrets, and nobody shall
be taken for another.
"""

import re
from collections.abc import Mapping

from gateway.protocol.http.heads import MAX_TARGET_BYTES
from gateway.protocol.http.requests import METHODS, HttpRequest

__all__ = ["Repeats"]

_MOST_BYTES = 4096
"""Headers that are remembered: many connections may be kept, and those of browsers have about 1 KiB."""

_LINE = re.compile(rf'({"|".join(sorted(METHODS))}) (/[!"$->@-~]*)(?:\?([!"$-~]*))? HTTP/1\.1\r\n')

# With these a head is more than its words: what comes behind it is read in another way, or somebody waits.
_OTHERWISE = frozenset({"expect", "transfer-encoding", "upgrade"})


class Repeats:
    """The headers that were read last on one connection.

    Attributes:
        body_bytes: how long the body is that they announce.
    """

    __slots__ = ("_fields", "_lines", "body_bytes")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing."""
        self._lines = b""
        self._fields: Mapping[str, str] = {}
        self.body_bytes = 0

    def learn(self, head: bytes, http: HttpRequest) -> None:
        """Remember the headers of a head of HTTP/1.1 behind which the connection goes on.

        Args:
            head: as sent, with the empty line at its end.
            http: as it was read, and taken.
        """
        fields = http.headers
        start = head.find(b"\n") + 1
        if len(head) - start > _MOST_BYTES or not _OTHERWISE.isdisjoint(fields):
            return
        length = fields.get("content-length")
        self._lines = head[start:]
        self._fields = fields
        self.body_bytes = 0 if length is None else int(length)

    def recall(self, head: bytes) -> HttpRequest | None:
        """Read a head with the same headers; None if it is another one, or the parser has to look at it."""
        lines = self._lines
        if not lines or not head.endswith(lines):
            return None
        end = len(head) - len(lines)
        if end > MAX_TARGET_BYTES:
            return None
        found = _LINE.fullmatch(head[:end].decode("latin-1"))
        if found is None:
            return None
        method, path, query = found.groups("")
        return HttpRequest(method, path, query, self._fields)
