"""Bytes ⇄ frames: `websockets` with the limits and the manners that it lacks (RFC 6455). Sans-I/O.

Rules of the file: the only one that knows the library; knows no socket and no clock. A whole text in one frame and a
ping are taken by hand (`text_frames`), everything else by the library. That is sound because both stand at the same
place of the stream: the library is given every byte of a frame from its first on, no byte of any other, and nothing is
taken by hand but between its messages and while the connection is open. It is made when it is first needed.
"""

import logging
from typing import cast

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHeader, InvalidOrigin
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.http.heads import bad_request
from gateway.security.origins import Origins
from gateway.transports.http_reader import Handshake
from gateway.transports.text_frames import LONGEST_HEAD, extent, is_ping, is_text, take_pings, take_texts, text_frame
from gateway.transports.traffic import Limits

__all__ = ["CloseCode", "Frame", "Frames", "Opcode", "Opening"]

_SWITCHING = 101
_UPGRADE_REQUIRED = 426
_ANSWERED = Frame(Opcode.PING, b"")
"""Stands for pings that have their pongs: for whoever counts what was heard."""

# At DEBUG the library logs whole frames, tokens included; whatever the gateway's level, that must not be.
_library_log = logging.getLogger("latchgate.websockets")
_library_log.setLevel(logging.WARNING)


class Opening(ServerProtocol):
    """The handshake: the library's, with the manners that it lacks.

    Args:
        origins: whose pages may call.
    """

    def __init__(self, origins: Origins) -> None:
        super().__init__(logger=_library_log)
        self._origins = origins

    def read(self, handshake: Handshake) -> ApiError | None:
        """Take a request head that was parsed; return why its client cannot be let in, None if it can."""
        headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in handshake.lines)
        http = handshake.http
        return self.judge(Request(http.path, headers, http.method, f"HTTP/{handshake.version}"))

    def judge(self, request: Request) -> ApiError | None:
        """As `read`, of a head as the library has it."""
        self._answer = self.accept(request)
        if self._answer.status_code == _SWITCHING:
            return None
        self.parser.close()  # it and the opening hold each other
        return _refusal(self.handshake_exc, self._answer.status_code)

    def welcome(self) -> None:
        """Let the client in whose head was read."""
        self.send_response(self._answer)

    def process_origin(self, headers: Headers) -> Origin | None:
        """Refuse the pages of strangers; a device names none (RFC 6455 §10.2)."""
        origin = super().process_origin(headers)
        if origin is not None and not self._origins.admit(origin):
            raise InvalidOrigin(origin)
        return origin

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        """Echo the first of what the client offers: browsers' SDKs send `null` and insist (frames.md §1)."""
        offered = headers.get_all("Sec-WebSocket-Protocol")
        first = offered[0].split(",", 1)[0].strip() if offered else ""
        return Subprotocol(first) if first else None


def _refusal(error: Exception | None, status: int) -> ApiError:
    """Say in the API's words what the library found; of what the client sent only the origin is repeated."""
    if isinstance(error, InvalidOrigin):
        refusal = api_error("api.process.unauthorized_origin", error.value or "")
        refusal.status = status  # 403 (deviation 10): there is no request yet that could be refused
        return refusal
    name = error.name if isinstance(error, InvalidHeader) else ""
    if name == "Sec-WebSocket-Version":
        status = _UPGRADE_REQUIRED  # with the version that is spoken (RFC 6455 §4.2.2)
    what = f"the header {name}" if name else "the request line"
    return bad_request(f"{what} is not that of a WebSocket handshake", status)


class _Library(ServerProtocol):
    """The library's state machine behind the handshake, with the limit that it lacks."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(state=State.OPEN, max_size=limits.max_message_bytes, logger=_library_log)
        self._max_fragments = limits.max_fragments
        self._fragments = 0

    @property
    def is_between_messages(self) -> bool:
        """A whole message may come now."""
        return self._state is State.OPEN and self.current_size is None

    def recv_frame(self, frame: Frame) -> None:
        """Count fragments; let a close frame stand between the fragments of a message (RFC 6455 §5.4)."""
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            self.current_size = None
        elif opcode is Opcode.CONT:
            self._fragments += 1
            if self._fragments >= self._max_fragments:
                self.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
                return
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._fragments = 0
        super().recv_frame(frame)


class Frames:
    """The two directions of one connection.

    Args:
        limits: of a connection.

    Attributes:
        is_open: messages may be sent; not before the handshake, and no more once a close frame has been.
        is_over: nothing that comes is looked at any more, and nothing is sent.
    """

    __slots__ = ("_head", "_library", "_limits", "_owed", "_writes", "is_open", "is_over")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._library: _Library | None = None
        self._writes: list[bytes] = []
        # Of the frame that the library has begun: its head as far as it is there, if that does not tell the length;
        # else how many bytes are still to come.
        self._head = b""
        self._owed = 0
        self.is_open = self.is_over = False

    @property
    def is_closed_by_client(self) -> bool:
        """The client has sent a close frame, and had one from us in return: what it sent before counts."""
        return self._library is not None and self._library.close_rcvd_then_sent is True

    # What comes.

    def begin(self, opening: Opening) -> None:
        """Go on where the handshake ended."""
        self._writes += opening.data_to_send()
        self.is_open = opening.state is State.OPEN
        self.is_over = opening.eof_sent
        opening.parser.close()  # it and the opening hold each other

    def refuse(self, answer: bytes) -> None:
        """End in the place of a handshake, with an answer in HTTP."""
        self._writes += (answer, b"")
        self.is_over = True

    def receive(self, data: bytes) -> list[bytes | Frame]:
        """Take what was received; return what is whole by now, in order: whole texts, and frames of another shape."""
        received: list[bytes | Frame] = []
        at, end = 0, len(data)
        if self._owed or self._head:
            at = self._go_on(data, received)
        while at < end and not self.is_over:
            if self._library is None or self._library.is_between_messages:
                at = take_texts(data, at, self._limits.max_message_bytes, cast("list[bytes]", received))
                if at < end and is_ping(data, at):
                    at, began = take_pings(data, at, self._limits.max_message_bytes, self._writes), at
                    if at > began:
                        received.append(_ANSWERED)
                        continue
            if at < end:
                at = self._hand_over(data, at, received)
        return received

    def receive_eof(self) -> None:
        """Take note that the client will send no more."""
        if self._library is not None:
            self._library.receive_eof()
            self._take_note(self._library)
        elif not self.is_over:  # what the library does between two frames
            self._writes.append(b"")
            self.is_over = True
        self.is_open = False

    # What goes.

    def send_text(self, message: bytes) -> None:
        """Add a whole text, on a connection that is open."""
        self._writes.append(text_frame(message))

    def send_close(self, code: int, reason: str) -> None:
        """Add a close frame, on a connection that is open; the client's is awaited."""
        library = self._needed()
        library.send_close(code, reason)
        self._take_note(library)

    def fail(self, code: CloseCode, reason: str) -> None:
        """Add a close frame if there was none, and the end of the stream (RFC 6455 §7.1.7)."""
        library = self._needed()
        library.fail(code, reason)
        self._take_note(library)

    def data_to_send(self) -> list[bytes]:
        """Take what is to be written; at its end `b""` where nothing will follow."""
        writes, self._writes = self._writes, []
        return writes

    # The library.

    def _go_on(self, data: bytes, received: list[bytes | Frame]) -> int:
        """Give the library what belongs to the frame that it has begun; return where the next one begins."""
        if self._head:
            head = self._head + data[:LONGEST_HEAD]
            length = extent(head, 0)
            if not length:
                self._head = head
                self._feed(data, received)
                return len(data)
            self._owed = length - len(self._head)
            self._head = b""
        piece = data[: self._owed]
        self._owed -= len(piece)
        self._feed(piece, received)
        return len(piece)

    def _hand_over(self, data: bytes, at: int, received: list[bytes | Frame]) -> int:
        """Give the library the frames from a place on, up to the next that may be for us; return where that begins."""
        end, stop = len(data), at
        while stop < end:
            length = extent(data, stop)
            if not length:
                self._head = data[stop:]
                stop = end
            elif stop + length > end:
                self._owed = stop + length - end
                stop = end
            else:
                stop += length
                if stop < end and is_text(data, stop):
                    break
        self._feed(data[at:stop], received)
        return stop

    def _feed(self, data: bytes, received: list[bytes | Frame]) -> None:
        library = self._needed()
        library.receive_data(data)
        received += cast("list[Frame]", library.events_received())
        self._take_note(library)

    def _needed(self) -> _Library:
        if self._library is None:
            self._library = _Library(self._limits)
        return self._library

    def _take_note(self, library: _Library) -> None:
        self._writes += library.data_to_send()
        self.is_open = library.state is State.OPEN
        self.is_over = library.eof_sent
