"""WebSocket: an `asyncio.Protocol` around the frames of one connection (RFC 6455).

Rules of the file: all frames of one read are handled and their answers leave in one write. No connection has a timer
or a task of its own; the listener looks at all of them in turns. What a library of frames leaves to its user is done
here: fragments, UTF-8, time limits, backpressure.
"""

import asyncio
import uuid
from collections.abc import Callable, Mapping

from gateway.connections import Tally
from gateway.protocol.codec import PONG, is_ping
from gateway.protocol.errors import ApiError
from gateway.protocol.http.cookies import auth_token
from gateway.protocol.http.requests import HttpRequest
from gateway.security.first_admin import is_this_machine
from gateway.transports.flow import Flow
from gateway.transports.http_reader import Handshake
from gateway.transports.peers import Peer
from gateway.transports.pipeline import Pipeline
from gateway.transports.traffic import Traffic
from gateway.transports.websocket_frames import CloseCode, Frame, Frames, Opcode, Opening

__all__ = ["Refuse", "WebSocketConnection"]

Refuse = Callable[[ApiError, HttpRequest], bytes]
"""From an error and the request head to an answer that announces the end of the connection."""


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
        "_frames",
        "_heard",
        "_in_read",
        "_is_retiring",
        "_is_text",
        "_loop",
        "_peer",
        "_pipeline",
        "_traffic",
        "_unwritten",
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
        self._frames = Frames(traffic.limits)
        self._loop = asyncio.get_running_loop()
        self._flow: Flow | None = None
        self._fragments: list[bytes] | None = None
        self._is_text = True
        self._pipeline = Pipeline(traffic, self, self._balance_reading)
        self._in_read = self._is_retiring = False
        self._flush_due = False
        self._unwritten = 0
        self._heard = self._deadline_from = self._loop.time()
        self.id = str(uuid.uuid4())
        self.address = ""
        self.is_local = False
        self.cookie: str | None = None
        self.refused_origin: str | None = None
        self.tally = Tally(traffic.clients.now())

    # What the listener's door and the event loop call.

    def begin(self, flow: Flow, handshake: Handshake, refuse: Refuse) -> None:
        """Take over a transport: answer the request head that came over it, and what came behind that.

        Args:
            flow: of the transport whose protocol this is by now; it is being read.
            handshake: what was received.
            refuse: writes the answer of HTTP to a request that becomes no WebSocket.
        """
        self._flow = flow
        self._traffic.connections.add(self)
        self._in_read = True
        self._shake_hands(handshake, flow, refuse)
        if self._frames.is_open:
            self._traffic.clients.add(self)
        self.data_received(handshake.rest if self._frames.is_open else b"")

    def data_received(self, data: bytes) -> None:
        """Handle every frame of one read, then write every answer at once."""
        frames = self._frames
        self._in_read = True
        if data and not frames.is_over:  # else refused, and the client goes on sending
            received = frames.receive(data)
            if received:  # the idle time counts from whole frames: dripping bytes keep no connection alive
                self._heard = self._loop.time()
            for each in received:
                if isinstance(each, Frame):
                    self._receive(each)
                elif frames.is_open or frames.is_closed_by_client:
                    self._is_text = True
                    self._deliver(each)
        self._in_read = False
        self._flush()

    def eof_received(self) -> None:
        """Let the transport close: a client that will send no more is gone."""
        self._frames.receive_eof()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End: what has begun goes on, and its answer goes nowhere."""
        self._frames.receive_eof()
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
        if self._frames.is_open:
            self._frames.send_text(message)
            self.tally.messages_out += 1
            self.tally.bytes_out += len(message)
            self._unwritten += len(message)
            if self._unwritten > self._traffic.limits.max_unsent_bytes:
                self._flush()  # the transport must tell that the client does not take it before there is more
            else:
                self._flush_soon()

    def close(self, code: int, reason: str) -> None:
        """Send a close frame and wait for the client's, for `close_timeout` seconds at most."""
        if self._frames.is_open:
            self._frames.send_close(code, reason)
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
        limits, flow = self._traffic.limits, self._flow
        if flow is None:
            return
        if not self._frames.is_open:
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

    def _shake_hands(self, handshake: Handshake, flow: Flow, refuse: Refuse) -> None:
        opening = Opening(self._traffic.origins)
        self._deadline_from = self._heard = self._loop.time()
        try:
            if (error := opening.read(handshake)) is not None:
                raise error
            self._look_at(handshake.http.headers, flow)
        except ApiError as error:
            self._frames.refuse(refuse(error, handshake.http))
        else:
            opening.welcome()
            self._frames.begin(opening)

    def _look_at(self, headers: Mapping[str, str], flow: Flow) -> None:
        """Take from the head what holds for every message: who it is, and the cookie (http.md §7).

        Raises:
            ApiError: there is no room for it.
        """
        peer = self._traffic.client(self._peer or flow.peer, headers.items())
        self._peer = None
        self._traffic.clients.check_room(peer.address)
        self.address = peer.address
        self.is_local = peer.is_direct and is_this_machine(peer.address, headers.items())
        origin = headers.get("origin")
        if origin is not None and "cookie" in headers and self._traffic.origins.trust(origin):
            self.cookie = auth_token((headers["cookie"],))

    # Messages.

    def _receive(self, frame: Frame) -> None:
        opcode, frames = frame.opcode, self._frames
        if opcode is Opcode.CLOSE:
            self._begin_closing()
        elif not frames.is_open and not frames.is_closed_by_client:
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
        flow.read(wanted=wanted or not self._frames.is_open)  # the client's close frame must be seen

    def _flush_soon(self) -> None:
        """Write at the end of this read or of this turn of the loop, together with what else there is."""
        if not self._in_read and not self._flush_due:
            self._flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        self._flush_due = False
        self._unwritten = 0
        data, flow = self._frames.data_to_send(), self._flow
        if not data or flow is None:
            return
        is_last = data[-1] == b""
        # What already waits is looked at, not what is added: one large answer is no sign of a slow client.
        if not is_last and flow.is_overfull():
            if self._frames.is_open:
                self._fail(CloseCode.INTERNAL_ERROR, "too slow")
            return
        flow.write(data[0] if len(data) == 1 else b"".join(data), is_last=is_last)
        if is_last:
            self._forget_input()

    def _fail(self, code: CloseCode, reason: str) -> None:
        self._frames.fail(code, reason)
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
