"""The bytes of one transport: when to read, what waits to be written, and whether the other side takes it.

Rules of the file: knows no protocol and decides nothing about the connection; it measures, and its owner acts.
"""

import asyncio
import contextlib

from gateway.transports.peers import Peer
from gateway.transports.traffic import Limits

__all__ = ["Flow"]

_WRITE_BUFFER_BYTES = 65_536
"""What may wait in the transport before the client counts as stalled: its owner then reads no more."""


class Flow:
    """The two directions of one transport.

    Args:
        transport: connected.
        limits: of a connection.

    Attributes:
        is_reading: bytes of the client are taken.
        is_stalled: more waits for the client than its transport should hold.
    """

    __slots__ = ("_limits", "_since", "_taken", "_transport", "_written", "is_reading", "is_stalled")

    def __init__(self, transport: asyncio.Transport, limits: Limits) -> None:
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        self._transport = transport
        self._limits = limits
        self._written = self._taken = 0
        self._since = 0.0
        self.is_reading = True
        self.is_stalled = False

    @property
    def is_over(self) -> bool:
        """Nothing can be written any more."""
        return self._transport.is_closing()

    def is_overfull(self) -> bool:
        """Tell whether more waits than may wait."""
        return self._transport.get_write_buffer_size() > self._limits.max_unsent_bytes

    @property
    def peer(self) -> Peer:
        """The other end of the transport."""
        name = self._transport.get_extra_info("peername")
        address = str(name[0]) if isinstance(name, tuple) else ""
        return Peer(address, self._transport.get_extra_info("sslcontext") is not None, is_direct=True)

    @property
    def can_half_close(self) -> bool:
        """One direction may end before the other; in TLS both do."""
        return self._transport.can_write_eof()

    def read(self, *, wanted: bool) -> None:
        """Read, or leave what comes to the kernel, which makes the client wait."""
        if wanted is self.is_reading or self._transport.is_closing():
            return
        self.is_reading = wanted
        if wanted:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def write(self, output: bytes, *, is_last: bool) -> None:
        """Send, unless the transport is closing.

        After the last half-close, so that what is sent arrives even if the client is still sending.
        """
        if self._transport.is_closing():
            return
        self._written += len(output)
        self._transport.write(output)
        if is_last and self._transport.can_write_eof():
            with contextlib.suppress(OSError):  # gone, and the loop has not seen it yet
                self._transport.write_eof()
        elif is_last:
            self._transport.close()

    def stall(self, now: float) -> None:
        """Note that the transport holds more than it should."""
        self.is_stalled = True
        self._since = now

    def is_stuck(self, now: float) -> bool:
        """Tell whether a stalled client took nothing at all for `stall_timeout`; one that is merely slow goes on."""
        taken = self._written - self._transport.get_write_buffer_size()
        if taken > self._taken:
            self._taken = taken
            self._since = now
        return now - self._since > self._limits.stall_timeout

    def hand_on(self, protocol: asyncio.Protocol) -> None:
        """Let another one hear what the transport has to tell."""
        self._transport.set_protocol(protocol)

    def close(self) -> None:
        """End both directions behind what waits to be written."""
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection, and what waits."""
        self._transport.abort()
