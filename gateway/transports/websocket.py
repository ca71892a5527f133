"""WebSocket: an `asyncio.Protocol` around the Sans-I/O `ServerProtocol` (RFC 6455).

Rules of the file: the only one that knows the library. All frames of one read are handled and their answers leave
in one write. No connection has a timer or a task of its own; the listener looks at all of them in turns. What the
library leaves to its user is done here: fragments, UTF-8, time limits, backpressure.
"""

import asyncio
import logging
from collections import deque
from typing import cast

from websockets.datastructures import Headers
from websockets.exceptions import InvalidState, PayloadTooBig
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from gateway.protocol.codec import PONG, is_ping
from gateway.protocol.errors import Disconnect
from gateway.security.first_admin import is_this_machine
from gateway.transports.traffic import Limits, Traffic

__all__ = ["WebSocketConnection"]

_WRITE_BUFFER_BYTES = 65_536
"""What may wait in the transport before reading pauses."""

# At DEBUG the library logs whole frames, tokens included; whatever the gateway's level, that must not be.
_library_log = logging.getLogger("latchgate.websockets")
_library_log.setLevel(logging.WARNING)


class _Protocol(ServerProtocol):
    """The library's state machine with the limits and the manners that it lacks."""

    def __init__(self, limits: Limits) -> None:
        origins = None if limits.origins is None else [None, *map(Origin, limits.origins)]
        super().__init__(origins=origins, max_size=limits.max_message_bytes, logger=_library_log)
        self._max_fragments = limits.max_fragments
        self._fragments = 0

    def recv_frame(self, frame: Frame) -> None:
        """Count fragments; let a close frame stand between the fragments of a message (RFC 6455 §5.4)."""
        opcode = frame.opcode
        if opcode is Opcode.CLOSE:
            self.current_size = None
        elif opcode is Opcode.CONT:
            self._fragments += 1
            if self._fragments >= self._max_fragments:
                raise PayloadTooBig(None, None)
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._fragments = 0
        super().recv_frame(frame)

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        """Echo the first of what the client offers: browsers' SDKs send `null` and insist (frames.md §1)."""
        offered = headers.get_all("Sec-WebSocket-Protocol")
        first = offered[0].split(",", 1)[0].strip() if offered else ""
        return Subprotocol(first) if first else None


class WebSocketConnection(asyncio.Protocol):
    """One client over WebSocket; see `gateway.actions.Connection`.

    Args:
        traffic: what it shares with the others.
    """

    __slots__ = (
        "__weakref__",
        "_backlog",
        "_deadline_from",
        "_flush_due",
        "_fragments",
        "_handshake_bytes",
        "_heard",
        "_in_flight",
        "_in_read",
        "_is_text",
        "_loop",
        "_reading",
        "_stalled_since",
        "_traffic",
        "_transport",
        "_ws",
        "id",
        "is_local",
    )

    protocol = "websocket"

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self._ws = _Protocol(traffic.limits)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._backlog: deque[bytes] = deque()
        self._in_flight = 0
        self._in_read = False
        self._flush_due = False
        self._reading = True
        self._handshake_bytes = 0
        self._stalled_since: float | None = None
        self._heard = self._deadline_from = self._loop.time()
        self.id = str(self._ws.id)
        self.is_local = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: the handshake is awaited."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._traffic.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Handle every frame of one read, then write every answer at once."""
        self._heard = self._loop.time()
        ws = self._ws
        self._in_read = True
        if ws.state is State.CONNECTING and not self._may_go_on(len(data)):
            return
        ws.receive_data(data)
        for event in ws.events_received():
            if isinstance(event, Frame):
                self._receive(event)
            else:
                self._shake_hands(cast("Request", event))
        self._in_read = False
        self._flush()

    def eof_received(self) -> None:
        """Let the transport close: a client that will send no more is gone."""
        self._ws.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End: what has begun goes on, and its answer goes nowhere."""
        self._ws.receive_eof()
        self._transport = None
        self._backlog.clear()
        self._fragments = None
        self._traffic.connections.discard(self)

    def pause_writing(self) -> None:
        """Ask for no more work from a client that does not take what it asked for."""
        self._stalled_since = self._loop.time()
        self._balance_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        self._stalled_since = None
        self._balance_reading()

    # What the gateway calls.

    def send(self, message: bytes) -> None:
        """Queue one text message; nothing happens on a connection that is gone or closing."""
        if self._ws.state is State.OPEN:
            self._ws.send_text(message)
            self._flush_soon()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's, for `close_timeout` seconds at most."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._begin_closing()

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    def check_time(self, now: float) -> None:
        """Enforce the time limits; `now` is the loop's clock in seconds."""
        limits = self._traffic.limits
        state = self._ws.state
        if state is State.CONNECTING:
            if now - self._deadline_from > limits.handshake_timeout:
                self.abort()
        elif state is not State.OPEN:
            if now - self._deadline_from > limits.close_timeout:
                self.abort()
        elif self._stalled_since is not None:
            if now - self._stalled_since > limits.stall_timeout:
                self._fail(CloseCode.INTERNAL_ERROR, "stalled")
        elif self._fragments is not None and now - self._deadline_from > limits.idle_timeout:
            self._fail(CloseCode.POLICY_VIOLATION, "message not finished in time")
        elif self._reading and now - self._heard > limits.idle_timeout:
            self.abort()

    # The handshake.

    def _may_go_on(self, received: int) -> bool:
        self._handshake_bytes += received
        if self._handshake_bytes <= self._traffic.limits.max_handshake_bytes:
            return True
        self._ws.send_response(self._ws.reject(431, "The request head is too long.\n"))
        self._in_read = False
        self._flush()
        return False

    def _shake_hands(self, request: Request) -> None:
        response = self._ws.accept(request)
        self._ws.send_response(response)
        self._deadline_from = self._heard
        if self._ws.state is State.OPEN and self._transport is not None:
            peer = self._transport.get_extra_info("peername")
            address = peer[0] if isinstance(peer, tuple) else ""
            self.is_local = is_this_machine(address, request.headers.raw_items())

    # Messages.

    def _receive(self, frame: Frame) -> None:
        opcode = frame.opcode
        if opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._is_text = opcode is Opcode.TEXT
            if frame.fin:
                self._deliver(bytes(frame.data))
            else:
                self._fragments = [bytes(frame.data)]
                self._deadline_from = self._heard
        elif opcode is Opcode.CONT and self._fragments is not None:
            self._fragments.append(bytes(frame.data))
            if frame.fin:
                message, self._fragments = b"".join(self._fragments), None
                self._deliver(message)
        elif opcode is Opcode.CLOSE:
            self._begin_closing()

    def _deliver(self, message: bytes) -> None:
        """Take one whole message: check its text, answer a ping, start a request or let it wait its turn."""
        if self._is_text and not message.isascii() and not _is_utf8(message):
            self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
        elif not message:
            return
        elif is_ping(message):
            self.send(PONG)
        elif self._backlog or self._in_flight >= self._traffic.limits.max_in_flight:
            self._backlog.append(message)
            self._balance_reading()
        else:
            self._start(message)

    def _start(self, message: bytes) -> None:
        try:
            answer = self._traffic.run(message, self, self._finished)
        except Disconnect as end:
            self.close(end.code, end.reason)
            return
        if answer is not None:
            self.send(answer)
        else:
            self._in_flight += 1

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        self._in_flight -= 1
        if not task.cancelled():
            error = task.exception()
            if error is None:
                self.send(task.result())
            elif isinstance(error, Disconnect):
                self.close(error.code, error.reason)
        while self._backlog and self._in_flight < self._traffic.limits.max_in_flight:
            self._start(self._backlog.popleft())
        self._balance_reading()

    # Flow.

    def _balance_reading(self) -> None:
        """Read while there is room: for requests, and in the client's own buffer."""
        if self._transport is None or self._transport.is_closing():
            return
        wanted = not self._backlog and self._stalled_since is None
        if self._ws.state is not State.OPEN:
            wanted = True  # the client's close frame must be seen
        if wanted and not self._reading:
            self._heard = self._loop.time()
            self._transport.resume_reading()
        elif self._reading and not wanted:
            self._transport.pause_reading()
        self._reading = wanted

    def _flush_soon(self) -> None:
        """Write at the end of this read or of this turn of the loop, together with what else there is."""
        if not self._in_read and not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        data = self._ws.data_to_send()
        transport = self._transport
        if not data or transport is None or transport.is_closing():
            return
        transport.write(data[0] if len(data) == 1 else b"".join(data))
        if data[-1] == b"":
            self._end_output(transport)
        elif transport.get_write_buffer_size() > self._traffic.limits.max_unsent_bytes:
            self._fail(CloseCode.INTERNAL_ERROR, "too slow")

    def _end_output(self, transport: asyncio.Transport) -> None:
        """The library has said its last: half-close, and let the time limit see to a client that does not follow."""
        if transport.can_write_eof():
            transport.write_eof()
        else:
            transport.close()

    def _fail(self, code: CloseCode, reason: str) -> None:
        try:
            self._ws.fail(code, reason)
        except InvalidState:
            self.abort()
        self._begin_closing()

    def _begin_closing(self) -> None:
        self._deadline_from = self._loop.time()
        self._fragments = None
        self._backlog.clear()
        self._balance_reading()
        self._flush_soon()


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
