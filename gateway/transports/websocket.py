"""WebSocket: an `asyncio.Protocol` around the Sans-I/O `ServerProtocol` (RFC 6455).

Rules of the file: the only one that knows the library. All frames of one read are handled and their answers leave
in one write. No connection has a timer or a task of its own; the listener looks at all of them in turns. What the
library leaves to its user is done here: fragments, UTF-8, time limits, backpressure.
"""

import asyncio
import logging
from typing import cast

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake, InvalidOrigin
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from gateway.connections import Tally
from gateway.protocol.codec import PONG, is_ping
from gateway.protocol.errors import ApiError
from gateway.protocol.http.cookies import auth_token
from gateway.security.first_admin import is_this_machine
from gateway.security.origins import Origins
from gateway.transports.flow import Flow
from gateway.transports.peers import Peer
from gateway.transports.pipeline import Pipeline
from gateway.transports.traffic import Limits, Traffic

__all__ = ["WebSocketConnection"]

_SWITCHING = 101

# At DEBUG the library logs whole frames, tokens included; whatever the gateway's level, that must not be.
_library_log = logging.getLogger("latchgate.websockets")
_library_log.setLevel(logging.WARNING)


class _Protocol(ServerProtocol):
    """The library's state machine with the limits and the manners that it lacks."""

    def __init__(self, limits: Limits, origins: Origins) -> None:
        super().__init__(max_size=limits.max_message_bytes, logger=_library_log)
        self._origins = origins
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
                self.fail(CloseCode.MESSAGE_TOO_BIG, "too many fragments")
                return
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
            self._fragments = 0
        super().recv_frame(frame)

    def process_request(self, request: Request) -> tuple[str, str | None, str | None]:
        """Take any path, but a path: no proxy's absolute form (RFC 9112 §3.2)."""
        if not request.path.startswith("/"):
            raise InvalidHandshake("the request target is no path")
        return super().process_request(request)

    def process_origin(self, headers: Headers) -> Origin | None:
        """Refuse the pages of strangers, and whoever names two origins; a device names none (RFC 6455 §10.2)."""
        origin = super().process_origin(headers)
        if origin is not None and not self._origins.admit(origin):
            raise InvalidOrigin(origin)
        return origin

    def process_subprotocol(self, headers: Headers) -> Subprotocol | None:
        """Echo the first of what the client offers: browsers' SDKs send `null` and insist (frames.md §1)."""
        offered = headers.get_all("Sec-WebSocket-Protocol")
        first = offered[0].split(",", 1)[0].strip() if offered else ""
        return Subprotocol(first) if first else None

    def send_eof(self) -> None:
        """Say so before hanging up on a request head that cannot be read; the library says nothing."""
        if self.state is State.CONNECTING and not self.writes:
            self.writes.append(self.reject(400, "This is no WebSocket handshake.\n").serialize())
        super().send_eof()


class WebSocketConnection(asyncio.Protocol):
    """One client over WebSocket; see `gateway.actions.Connection`.

    Args:
        traffic: what it shares with the others.
        peer: who the client is, as a proxy's preamble told; None asks the transport.
    """

    __slots__ = (
        "__weakref__",
        "_deadline_from",
        "_flow",
        "_flush_due",
        "_fragments",
        "_heard",
        "_in_read",
        "_is_retiring",
        "_is_text",
        "_loop",
        "_peer",
        "_pipeline",
        "_traffic",
        "_unwritten",
        "_ws",
        "address",
        "cookie",
        "id",
        "is_local",
        "refused_origin",
        "tally",
    )

    protocol = "websocket"

    def __init__(self, traffic: Traffic, peer: Peer | None = None) -> None:
        self._traffic = traffic
        self._peer = peer
        self._ws = _Protocol(traffic.limits, traffic.origins)
        self._loop = asyncio.get_running_loop()
        self._flow: Flow | None = None
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._pipeline = Pipeline(traffic, self, self._balance_reading)
        self._in_read = self._is_retiring = False
        self._flush_due = False
        self._unwritten = 0
        self._heard = self._deadline_from = self._loop.time()
        self.id = str(self._ws.id)
        self.address = ""
        self.is_local = False
        self.cookie: str | None = None
        self.refused_origin: str | None = None
        self.tally = Tally(traffic.clients.now())

    # What the listener's door and the event loop call.

    def begin(self, transport: asyncio.Transport, head: bytes, rest: bytes) -> None:
        """Take over a transport: answer the request head that came over it, and what came behind that.

        Args:
            transport: whose protocol this is by now.
            head: a whole request head, within the limits of one.
            rest: what was received after it.
        """
        self._flow = Flow(transport, self._traffic.limits)
        self._traffic.connections.add(self)
        self._in_read = True
        self._ws.receive_data(head)
        for request in self._ws.events_received():
            self._shake_hands(cast("Request", request))
        if self._ws.state is State.OPEN:
            self._traffic.clients.add(self)
        self.data_received(rest if self._ws.state is State.OPEN else b"")

    def data_received(self, data: bytes) -> None:
        """Handle every frame of one read, then write every answer at once."""
        ws = self._ws
        self._in_read = True
        if data and not ws.eof_sent:  # else refused, and the client goes on sending
            ws.receive_data(data)
            frames = ws.events_received()
            if frames:  # the idle time counts from whole frames: dripping bytes keep no connection alive
                self._heard = self._loop.time()
            for frame in frames:
                self._receive(cast("Frame", frame))
        self._in_read = False
        self._flush()

    def eof_received(self) -> None:
        """Let the transport close: a client that will send no more is gone."""
        self._ws.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End: what has begun goes on, and its answer goes nowhere."""
        self._ws.receive_eof()
        self._flow = None
        self._pipeline.clear()
        self._fragments = None
        self._traffic.connections.discard(self)
        self._traffic.clients.discard(self)

    def pause_writing(self) -> None:
        """Ask for no more work from a client that does not take what it asked for."""
        if self._flow is not None:
            self._flow.stall(self._loop.time())
            self._pipeline.hold()
            self._balance_reading()

    def resume_writing(self) -> None:
        """Go on with what the client asked for, and with reading."""
        if self._flow is not None:
            self._flow.is_stalled = False
            self._pipeline.release()

    # What the gateway calls.

    @property
    def waiting(self) -> int:
        """Requests that wait their turn."""
        return self._pipeline.waiting

    def send(self, message: bytes) -> None:
        """Queue one text message; nothing happens on a connection that is gone or closing."""
        if self._ws.state is State.OPEN:
            self._ws.send_text(message)
            self.tally.messages_out += 1
            self.tally.bytes_out += len(message)
            self._unwritten += len(message)
            if self._unwritten > self._traffic.limits.max_unsent_bytes:
                self._flush()  # the transport must tell that the client does not take it before there is more
            else:
                self._flush_soon()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's, for `close_timeout` seconds at most."""
        if self._ws.state is State.OPEN:
            self._ws.send_close(code, reason)
            self._begin_closing()

    def retire(self, code: int, reason: str) -> None:
        """Read no more; once every request is answered, close. What is still unread has not been begun."""
        self._is_retiring = True
        if self._pipeline.is_idle:
            self.close(code, reason)
        else:
            self._balance_reading()

    def abort(self) -> None:
        """Drop the connection without a close frame."""
        if self._flow is not None:
            self._flow.abort()

    def check_time(self, now: float) -> None:
        """Enforce the time limits; `now` is the loop's clock in seconds."""
        limits, state, flow = self._traffic.limits, self._ws.state, self._flow
        if flow is None:
            return
        if state is not State.OPEN:
            if now - self._deadline_from > limits.close_timeout:
                flow.abort()
        elif flow.is_stalled:
            if flow.is_stuck(now):
                self._fail(CloseCode.INTERNAL_ERROR, "stalled")
        elif self._fragments is not None and now - self._deadline_from > limits.idle_timeout:
            self._fail(CloseCode.POLICY_VIOLATION, "message not finished in time")
        elif flow.is_reading and now - self._heard > limits.idle_timeout:
            flow.abort()

    # The handshake.

    def _shake_hands(self, request: Request) -> None:
        response = self._ws.accept(request)
        self._heard = self._loop.time()
        if response.status_code == _SWITCHING:
            try:
                self._look_at(request.headers)
            except ApiError as error:
                response = self._ws.reject(error.status, f"{error.message}\n")
        self._ws.send_response(response)

    def _look_at(self, headers: Headers) -> None:
        """Take from the head what holds for every message: who it is, and the cookie (http.md §7)."""
        if self._flow is None:
            return
        sent = list(headers.raw_items())
        peer = self._traffic.client(self._peer or self._flow.peer, sent)
        self._peer = None
        self._traffic.clients.check_room(peer.address)
        self.address = peer.address
        self.is_local = peer.is_direct and is_this_machine(peer.address, sent)
        origin = headers.get("Origin")
        if origin is not None and self._traffic.origins.trust(origin):
            self.cookie = auth_token(headers.get_all("Cookie"))

    # Messages.

    def _receive(self, frame: Frame) -> None:
        opcode, ws = frame.opcode, self._ws
        if opcode is Opcode.CLOSE:
            self._begin_closing()
        elif ws.state is not State.OPEN and not ws.close_rcvd_then_sent:
            return  # it is we who have ended the connection
        elif opcode is Opcode.TEXT or opcode is Opcode.BINARY:
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

    def _deliver(self, message: bytes) -> None:
        """Take one whole message: check its text, answer a ping, hand on a request."""
        self.tally.messages_in += 1
        self.tally.bytes_in += len(message)
        if self._is_text and not message.isascii() and not _is_utf8(message):
            self._fail(CloseCode.INVALID_DATA, "invalid UTF-8")
        elif not message:
            return
        elif is_ping(message):
            self.send(PONG)
        else:
            self._pipeline.take(message)

    # Flow.

    def _balance_reading(self) -> None:
        """Read while there is room: for requests, and in what waits for the client."""
        flow = self._flow
        if flow is None:
            return
        wanted = not (self._pipeline.is_full or flow.is_stalled or self._is_retiring)
        if wanted and not flow.is_reading:
            self._heard = self._loop.time()  # the client could not be heard
        flow.read(wanted=wanted or self._ws.state is not State.OPEN)  # the client's close frame must be seen

    def _flush_soon(self) -> None:
        """Write at the end of this read or of this turn of the loop, together with what else there is."""
        if not self._in_read and not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._unwritten = 0
        data, flow = self._ws.data_to_send(), self._flow
        if not data or flow is None or flow.is_over:
            return
        is_last = data[-1] == b""  # the library's sign for it
        # What already waits is looked at, not what is added: one large answer is no sign of a slow client.
        if not is_last and flow.is_overfull:
            if self._ws.state is State.OPEN:
                self._fail(CloseCode.INTERNAL_ERROR, "too slow")
            return
        flow.write(data[0] if len(data) == 1 else b"".join(data), is_last=is_last)
        if is_last:
            self._forget_input()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._ws.fail(code, reason)
        self._begin_closing()

    def _begin_closing(self) -> None:
        self._forget_input()
        self._balance_reading()
        self._flush_soon()

    def _forget_input(self) -> None:
        self._deadline_from = self._loop.time()
        self._fragments = None
        self._pipeline.clear()


def _is_utf8(message: bytes) -> bool:
    try:
        message.decode()
    except UnicodeDecodeError:
        return False
    return True
