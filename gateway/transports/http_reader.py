"""Bytes → HTTP requests: httptools with the limits and the manners that it lacks (RFC 9112). Sans-I/O.

Rules of the file: the only one that knows the library; knows no socket and no clock. A request head is gathered whole
and then parsed, so that the parser never reads into the next message, nor into the frames behind a head that asks for
WebSocket; only behind a body in chunks can it do so, and then that message is lost and the connection ends.
"""

from collections.abc import Sequence
from typing import NamedTuple

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from msgspec import structs

from gateway.protocol.errors import api_error
from gateway.protocol.http.heads import bad_request, expects_continue, read_head, wants_websocket
from gateway.protocol.http.repeats import Repeats
from gateway.protocol.http.requests import METHODS, BodyRules, HttpRequest, check_head
from gateway.transports.http_message import Message

__all__ = ["Handshake", "HttpReader"]

_END_OF_HEAD = b"\r\n\r\n"
_LENGTH_DIGITS = 20
_CR, _A, _Z = b"\rAZ"
_HANDSHAKE_HEADER_BYTES = 8192
"""Longest header of a handshake, so that whoever reads lists in it takes no time worth mentioning."""

_FRAMING_BYTES = 1_048_576
"""What the chunks of one body may add to it: sizes, extensions, trailers."""


class Handshake(NamedTuple):
    """A request that asks for WebSocket.

    Attributes:
        http: its head.
        lines: its headers, as they were sent, names in lower case.
        version: of HTTP.
        rest: all that came behind it, untouched.
    """

    http: HttpRequest
    lines: Sequence[tuple[bytes, bytes]]
    version: str
    rest: bytes


class HttpReader:
    """The requests of one connection, in order.

    Args:
        rules: of bodies.
        most_head_bytes: longest request head.

    Attributes:
        head: of the request whose body is still to come, None between requests.
        is_last: the connection ends with the request that was read last.
        must_continue: the client waits for a word before it sends the body; whoever says it resets this.
    """

    __slots__ = (
        "_buffer",
        "_has_skipped",
        "_is_repeat",
        "_message",
        "_most_head_bytes",
        "_parser",
        "_raw_bytes",
        "_repeats",
        "_rules",
        "_searched",
        "head",
        "is_last",
        "must_continue",
    )

    def __init__(self, rules: BodyRules, most_head_bytes: int) -> None:
        self._rules = rules
        self._most_head_bytes = most_head_bytes
        self._message = Message()
        self._parser = HttpRequestParser(self._message)
        self._buffer = bytearray()
        self._searched = self._raw_bytes = 0
        self.head: HttpRequest | None = None
        self._repeats = Repeats()
        self._has_skipped = self._is_repeat = self.is_last = self.must_continue = False

    @property
    def is_idle(self) -> bool:
        """Nothing of a request is here."""
        return self.head is None and not self._buffer

    @property
    def waiting_bytes(self) -> int:
        """How much was received and not taken yet."""
        return len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Add what the client sent."""
        self._buffer += data

    def clear(self) -> None:
        """Forget everything: the connection ends."""
        self._buffer.clear()
        self._message.clear()
        self._repeats.forget()

    def next_request(self) -> HttpRequest | Handshake | None:
        """Take the next request.

        Returns:
            The request, whole; None if it is not all there; or the `Handshake` where it asks for WebSocket.

        Raises:
            ApiError: this is not HTTP as it is taken here; where the next request would begin is not known.
        """
        if self.head is None:
            head = self._take_head() if self._buffer else None
            if head is None:
                return None
            http = self._repeats.recall(head)
            if http is None:
                handshake = self._parse_head(head)
                if handshake is not None:
                    return handshake
            elif not self._repeats.body_bytes:
                return http
            else:
                self._begin_repeat(http)
        if self.head is None:
            return None
        if not self._message.is_complete:
            self._take_body(self.head)
        return self._whole(self.head) if self._message.is_complete else None

    def _begin_repeat(self, http: HttpRequest) -> None:
        """Wait for a body whose length is known: the parser, which has not seen the head, does not see it either."""
        self.head = http
        self._is_repeat = True
        self._raw_bytes = 0

    def _take_head(self) -> bytes | None:
        """Take a request head out of the buffer; None if it is not all there."""
        buffer = self._buffer
        if buffer[0] == _CR and not self._skip_empty_line():
            return None
        end = buffer.find(_END_OF_HEAD, self._searched)
        length = len(buffer) if end < 0 else end + len(_END_OF_HEAD)
        if length > self._most_head_bytes:
            has_line = buffer.find(b"\n", 0, self._most_head_bytes) >= 0
            raise bad_request("the request head is too long", 431 if has_line else 414)
        if not _A <= buffer[0] <= _Z or (end < 0 and _has_bare_lf(buffer, self._searched)):
            raise bad_request("this is no HTTP request")
        if end < 0:
            self._searched = max(0, length - len(_END_OF_HEAD) + 1)
            return None
        self._searched = 0
        self._has_skipped = False
        head = bytes(buffer) if length == len(buffer) else bytes(buffer[:length])
        del buffer[:length]
        return head

    def _skip_empty_line(self) -> bool:
        """Drop one empty line before a request, which some clients send behind a body (RFC 9112 §2.2).

        Returns:
            False if there is nothing else yet. More than one is no request: they would keep a connection busy.
        """
        if self._has_skipped or not b"\r\n".startswith(self._buffer[:2]):
            return True
        if len(self._buffer) > 1:
            del self._buffer[:2]
            self._has_skipped = True
            return bool(self._buffer)
        return False

    def _parse_head(self, head: bytes) -> Handshake | None:
        """Parse a head, and see what can be said of it before the body."""
        is_upgrade = self._feed(head)
        message = self._message
        end = head.find(b"\r\n")
        version = "1.1" if head.endswith(b" HTTP/1.1", 0, end) else "1.0"
        if version == "1.0" and not head.endswith(b" HTTP/1.0", 0, end):
            raise bad_request("the protocol must be HTTP/1.1 or HTTP/1.0", 505)
        if head.count(b" ", 0, end) != 2:  # noqa: PLR2004 - single spaces stand between three parts (RFC 9112 §3)
            raise bad_request("this is no HTTP request")
        http = read_head(self._parser.get_method().decode(), message.target, version, message.headers)
        self.head = http
        if "upgrade" in http.headers and http.method == "GET" and wants_websocket(http.headers):
            return self._handshake(http, version)
        if is_upgrade:  # to something we do not speak: the request is answered as it is (RFC 9110 §7.8)
            self._parser = HttpRequestParser(message)
        # Behind a head with CONNECT the parser sees no body, whatever length it tells (RFC 9110 §9.3.6).
        self.is_last |= http.method == "CONNECT" or not _is_kept_alive(http, version)
        if len(http.headers.get("content-length", "")) > _LENGTH_DIGITS:
            raise bad_request("the header content-length is too long")
        if not message.is_complete:  # else its answer needs no end of the connection, and the desk gives it
            check_head(http, self._rules)
        # What HTTP/1.0 expects is not listened to (RFC 9110 §10.1.1).
        waits = not message.is_complete and not self._buffer and version != "1.0"
        self.must_continue = waits and expects_continue(http.headers)
        self._raw_bytes = 0
        if not self.is_last and version == "1.1":
            self._repeats.learn(head, http)
        return None

    def _handshake(self, http: HttpRequest, version: str) -> Handshake:
        """See what can be said of a head that asks for WebSocket."""
        lines = self._message.headers
        if max(len(value) for _, value in lines) > _HANDSHAKE_HEADER_BYTES:
            raise bad_request("a header of the handshake is too long", 431)
        return Handshake(http, lines, version, bytes(self._buffer))

    def _take_body(self, http: HttpRequest) -> None:
        """Take what belongs to the body out of the buffer."""
        message, buffer = self._message, self._buffer
        sent = http.headers.get("content-length")
        piece = bytes(buffer if sent is None else buffer[: int(sent) - message.size])
        del buffer[: len(piece)]
        self._raw_bytes += len(piece)
        if self._is_repeat:
            message.on_body(piece)
            message.is_complete = message.size == self._repeats.body_bytes
        else:
            self._feed(piece)
        if message.size > self._rules.most_bytes or self._raw_bytes - message.size > _FRAMING_BYTES:
            raise api_error("network.http.request_too_large")

    def _whole(self, http: HttpRequest) -> HttpRequest:
        message = self._message
        self.is_last |= message.is_overrun
        body = b"".join(message.body)
        self.head = None
        self._is_repeat = False
        message.clear()
        return structs.replace(http, body=body) if body else http

    def _feed(self, data: bytes) -> bool:
        """Give bytes to the parser; True if the request asks for another protocol.

        Raises:
            ApiError: this is not HTTP.
        """
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            return True
        except HttpParserError:
            if self._message.is_complete:  # it is what follows that cannot be read
                self._message.is_overrun = True
                return False
            verb = data.split(b" ", 1)[0]
            if not self._message.target and verb.isalpha() and verb.isupper() and verb.decode() not in METHODS:
                raise api_error("network.http.unsupported_verb", verb.decode()) from None
            raise bad_request("this is no HTTP request") from None
        return False


def _has_bare_lf(buffer: bytearray, start: int) -> bool:
    """Tell whether a line from `start` on ends otherwise than in CR LF: it will never be a head."""
    return buffer.count(b"\n", start) != buffer.count(b"\r\n", max(0, start - 1))


def _is_kept_alive(http: HttpRequest, version: str) -> bool:
    """Tell whether the connection outlives a request; the parser forgets it with the message (RFC 9112 §9.3)."""
    sent = http.headers.get("connection", "")
    words = {word.strip().lower() for word in sent.split(",")}
    # No standard knows the other name, but with it the parser takes nothing more: what it closes for is closed here.
    closing = "close" in words or "close" in http.headers.get("proxy-connection", "").lower()
    return not closing and (version == "1.1" or "keep-alive" in words)
