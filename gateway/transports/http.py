"""HTTP/1.1 over a transport, and the door of every connection (RFC 9112).

Rules of the file: knows sockets and no syntax. Every connection begins here; a request head that asks for WebSocket
hands it on, with all that came behind. Requests of one connection run one after the other, so that pipelined answers
keep their order. No connection has a timer or a task of its own; the listener looks at all of them in turns.
"""

import asyncio
from collections.abc import Callable
from typing import cast

from gateway.protocol.errors import ApiError, Disconnect
from gateway.protocol.http.heads import bad_request
from gateway.protocol.http.requests import HttpRequest
from gateway.protocol.http.responses import CONTINUE
from gateway.transports.flow import Flow
from gateway.transports.http_desk import Desk
from gateway.transports.http_reader import Handshake, HttpReader
from gateway.transports.peers import UNTOLD, Peer
from gateway.transports.traffic import Traffic
from gateway.transports.websocket import WebSocketConnection

__all__ = ["HttpConnection", "NewWebSocket"]

NewWebSocket = Callable[[Peer | None], WebSocketConnection]
"""Makes the protocol that a connection is handed on to."""

_READ_AHEAD_BYTES = 65_536
"""What may wait behind a request in hand before the client is read no more."""

_OUTPUT_BYTES = 65_536
"""Answers to one read that are gathered before the transport must tell whether the client takes them."""

_FIRST_REQUEST_S = 1.0
"""How long a connection that came in just before its process retires may take to ask."""


class HttpConnection(asyncio.Protocol):
    """One client, until it turns out to speak WebSocket; see `gateway.transports.traffic.Stoppable`.

    Args:
        traffic: what it shares with the others.
        desk: answers requests.
        new_websocket: for a connection that asks for it.
        peer: who the client is, as a proxy's preamble told; None asks the transport.
    """

    __slots__ = (
        "__weakref__",
        "_desk",
        "_flow",
        "_has_asked",
        "_is_busy",
        "_is_half_closed",
        "_is_in_read",
        "_is_last",
        "_is_over",
        "_loop",
        "_new_websocket",
        "_output",
        "_peer",
        "_reader",
        "_since",
        "_traffic",
        "_unwritten",
    )

    def __init__(self, traffic: Traffic, desk: Desk, new_websocket: NewWebSocket, peer: Peer | None = None) -> None:
        self._traffic = traffic
        self._desk = desk
        self._new_websocket = new_websocket
        self._peer = peer or UNTOLD
        self._loop = asyncio.get_running_loop()
        self._flow: Flow | None = None
        self._reader = HttpReader(desk.rules, traffic.limits.max_handshake_bytes)
        self._output: list[bytes] = []
        self._unwritten = 0
        self._has_asked = self._is_busy = self._is_in_read = False
        self._is_half_closed = self._is_last = self._is_over = False
        self._since = self._loop.time()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin: a request head is awaited."""
        self._flow = Flow(cast("asyncio.Transport", transport), self._traffic.limits)
        if self._peer is UNTOLD:
            self._peer = self._flow.peer
        self._traffic.expect(self, self._since)

    def data_received(self, data: bytes) -> None:
        """Take every request of one read; what can be answered at once leaves in one write."""
        if self._is_over:
            return
        if self._reader.is_idle and not self._is_busy:
            self._since = self._loop.time()
        self._reader.receive(data)
        self._go_on()

    def eof_received(self) -> bool:
        """Answer what was asked before the client said its last word; half a request is none."""
        self._is_half_closed = True
        if self._flow is None or self._is_over:
            return False
        return (self._is_busy or self._flow.is_stalled) and self._flow.can_half_close

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the loop's signature
        """End: what has begun goes on, and its answer goes nowhere."""
        self._forget()

    def pause_writing(self) -> None:
        """Begin nothing more for a client that does not take its answers."""
        if self._flow is not None:
            self._flow.stall(self._loop.time())

    def resume_writing(self) -> None:
        """Go on with what the client asked for."""
        if self._flow is not None:
            self._flow.is_stalled = False
            self._since = self._loop.time()  # only now can the client have heard what it is to go on from
            self._go_on()

    # What the listener calls.

    def check_time(self, now: float) -> None:
        """Enforce the time limits; `now` is the loop's clock in seconds."""
        flow, waited = self._flow, now - self._since
        if flow is None:
            return
        if flow.is_stalled:
            if flow.is_stuck(now):
                flow.abort()
        elif self._is_over:
            if waited > self._traffic.limits.close_timeout:
                flow.abort()
        elif not self._is_busy:
            self._check_wait(waited)

    def close(self, code: int, reason: str) -> None:  # noqa: ARG002 - the codes are WebSocket's
        """End the connection, behind the answer in hand if there is one."""
        self._is_last = True
        if not self._is_busy and not self._is_over:
            self._leave()

    def retire(self, code: int, reason: str) -> None:  # noqa: ARG002 - the codes are WebSocket's
        """End a connection that is kept alive; a new one may ask, since its client could not know better."""
        if self._is_busy or self._is_over or not self._reader.is_idle:
            return
        if self._has_asked or self._loop.time() - self._since > _FIRST_REQUEST_S:
            self._leave()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._flow is not None:
            self._flow.abort()

    # Requests.

    def _check_wait(self, waited: float) -> None:
        """Look at how long a request has been on its way, or has not come."""
        limits, reader = self._traffic.limits, self._reader
        if reader.is_idle:
            most = limits.keep_alive_timeout if self._has_asked else limits.handshake_timeout
            if waited > most or self._traffic.is_draining:
                self._leave()
        elif waited > (limits.handshake_timeout if reader.head is None else limits.request_timeout):
            part = "request head" if reader.head is None else "body"
            self._refuse(bad_request(f"the {part} did not arrive in time", 408))

    def _go_on(self) -> None:
        """Take on what has arrived, as far as it can be taken on."""
        flow = self._flow
        if flow is None or self._is_over:
            return
        self._is_in_read = True
        while not (self._is_busy or self._is_over or flow.is_stalled) and self._take_one():
            pass
        is_held = self._is_busy or flow.is_stalled
        if self._is_half_closed and not is_held:
            self._end()
        self._is_in_read = False
        self._flush()
        if not self._is_over and not self._is_half_closed:
            flow.read(wanted=not is_held or self._reader.waiting_bytes <= _READ_AHEAD_BYTES)

    def _take_one(self) -> bool:
        """Take on one request; False if nothing more is here."""
        try:
            request = self._reader.next_request()
        except ApiError as error:
            self._refuse(error)
            return False
        if isinstance(request, HttpRequest):
            self._begin(request)
            return not self._reader.is_idle
        if request is not None:
            self._hand_on(request)
        elif self._reader.must_continue:
            self._reader.must_continue = False
            self._output.append(CONTINUE)
        return False

    def _begin(self, http: HttpRequest) -> None:
        if not self._has_asked:
            self._traffic.hear(self)
        self._is_busy = self._has_asked = True
        self._is_last |= self._reader.is_last
        try:
            answer = self._desk.begin(http, self._peer, self._announced(http), self._finish_with_this, self._finished)
        except Disconnect:
            self._end()
            return
        if answer is not None:
            self._answered(answer)

    def _finished(self, task: asyncio.Task[bytes]) -> None:
        """Send the answer of a request that had to wait, and go on."""
        if task.cancelled() or task.exception() is not None:  # an exception that nobody looks at is logged as lost
            self._end()
        elif not self._is_over:
            self._answered(task.result())
            self._go_on()

    def _answered(self, answer: bytes) -> None:
        self._is_busy = False
        self._since = self._loop.time()
        self._output.append(answer)
        self._unwritten += len(answer)
        if self._is_last:
            self._end()
        elif self._unwritten > _OUTPUT_BYTES:
            self._flush()

    def _refuse(self, error: ApiError) -> None:
        """Answer what is no request, and end: where the next one would begin is not known."""
        self._output.append(self._desk.refuse(error, self._reader.head))
        self._end()

    def _announced(self, http: HttpRequest) -> str:
        """The header `Connection` of an answer: HTTP/1.1 goes on unless it says not to (RFC 9112 §9.3)."""
        if self._is_last or self._traffic.is_draining or self._traffic.is_leaving:
            self._is_last = True
            return "close"
        asked = http.headers.get("connection")
        return "keep-alive" if asked is not None and asked.lower() == "keep-alive" else ""

    def _finish_with_this(self) -> None:
        self._is_last = True

    # The connection.

    def _leave(self) -> None:
        """End a connection on which nothing was asked that is not answered."""
        self._is_over = True
        self._since = self._loop.time()
        if self._flow is not None:
            self._flow.close()

    def _end(self) -> None:
        """Say the last word, and wait for the client's, for `close_timeout` seconds at most."""
        if self._is_over:
            return
        self._is_over = True
        self._since = self._loop.time()
        self._reader.clear()
        if not self._is_in_read:
            self._flush()
        if self._flow is not None and not self._is_half_closed:
            self._flow.read(wanted=True)  # what still comes is thrown away, the end of it must be seen

    def _flush(self) -> None:
        """Write what was answered, in one piece; the last word once."""
        output, self._output = b"".join(self._output), []
        self._unwritten = 0
        if self._flow is None or self._flow.is_over or not (output or self._is_over):
            return
        self._flow.write(output, is_last=self._is_over)
        if self._is_over and self._is_half_closed:
            self._flow.close()

    def _forget(self) -> None:
        self._is_over = True
        self._flow = None
        self._reader.clear()
        self._traffic.hear(self)
        self._traffic.connections.discard(self)

    def _hand_on(self, handshake: Handshake) -> None:
        """Let the WebSocket side begin with the request head and what came behind it."""
        self._flush()
        if (flow := self._flow) is None:
            return
        flow.read(wanted=True)  # whoever takes over expects so
        self._forget()
        socket = self._new_websocket(self._peer)
        flow.hand_on(socket)
        socket.begin(flow, handshake, self._desk.refuse)
        if self._is_half_closed:
            flow.close()
