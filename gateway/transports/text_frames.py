"""By hand: the frame that nearly every message is, a whole text in one masked frame of a client (RFC 6455 §5.2).

And the one by which nearly every connection is kept alive, a ping (§5.5.2). Rules of the file: pure, and it decides
nothing about a connection. What is not such a frame, down to a length that is not spelled in the shortest way, is left
where it is for the library, which alone says what is wrong with it.
"""

try:
    from websockets.speedups import apply_mask
except ImportError:  # pragma: no cover - as the library does where it was not compiled
    from websockets.utils import apply_mask

__all__ = ["LONGEST_HEAD", "extent", "is_ping", "is_text", "take_pings", "take_texts", "text_frame"]

_TEXT = 0x81
"""The first byte: the last frame of a message, no reserved bit, a text."""

_PING, _PONG = 0x89, 0x8A
"""Likewise; a control frame is never in parts, and its length always in the second byte (§5.5)."""

_MASKED = 0x80
_SHORT, _LONG = 126, 127
"""Lengths that stand for one in the next two or eight bytes."""

_LONG_FROM = 0x1_0000
_KEY_BYTES = 4
_SHORT_HEAD = 4
LONGEST_HEAD = 10
"""Bytes of a head that tell its length, the key not counted."""


def is_text(data: bytes, at: int) -> bool:
    """Tell whether a frame that may be one for `take_texts` begins at a place inside the data."""
    return data[at] == _TEXT


def take_texts(data: bytes, at: int, most: int, texts: list[bytes]) -> int:
    """Take the texts that stand one behind the other, as long as each is whole and of the one shape.

    Args:
        data: what was received.
        at: where a frame begins, with no message in progress.
        most: longest payload, in bytes.
        texts: the payloads are added to it, unmasked; nobody has looked at their encoding.

    Returns:
        Where the first begins that was not taken.
    """
    end = len(data)
    while end - at >= 2 + _KEY_BYTES and data[at] == _TEXT:
        length = data[at + 1] - _MASKED
        start = at + 2 + _KEY_BYTES
        if length == _SHORT and end - at >= _SHORT_HEAD:
            length = data[at + 2] << 8 | data[at + 3]
            start = at + _SHORT_HEAD + _KEY_BYTES
            if length < _SHORT:
                break
        elif not 0 <= length < _SHORT:
            break
        stop = start + length
        if stop > end or length > most:
            break
        texts.append(apply_mask(data[start:stop], data[start - _KEY_BYTES : start]))
        at = stop
    return at


def is_ping(data: bytes, at: int) -> bool:
    """Tell whether a frame that may be one for `take_pings` begins at a place inside the data."""
    return data[at] == _PING


def take_pings(data: bytes, at: int, most: int, pongs: list[bytes]) -> int:
    """Take the pings that stand one behind the other, as long as each is whole and as it should be.

    Args:
        data: what was received.
        at: where a frame begins, with no message in progress.
        most: longest payload, in bytes.
        pongs: the frames that answer them are added to it (RFC 6455 §5.5.3).

    Returns:
        Where the first begins that was not taken.
    """
    end = len(data)
    while end - at >= 2 + _KEY_BYTES and data[at] == _PING:
        length = data[at + 1] - _MASKED
        start = at + 2 + _KEY_BYTES
        stop = start + length
        if not 0 <= length < _SHORT or stop > end or length > most:
            break
        pongs.append(b"%c%c%b" % (_PONG, length, apply_mask(data[start:stop], data[start - _KEY_BYTES : start])))
        at = stop
    return at


def extent(data: bytes, at: int) -> int:
    """How many bytes the frame of any shape takes that begins at a place, its head included.

    Returns:
        0 if so little of its head is there that it does not tell.
    """
    there = len(data) - at
    if there < 2:  # noqa: PLR2004 - the two that every head has
        return 0
    length, head = data[at + 1] & ~_MASKED, 2
    if length >= _SHORT:
        head = _SHORT_HEAD if length == _SHORT else LONGEST_HEAD
        if there < head:
            return 0
        length = int.from_bytes(data[at + 2 : at + head], "big")
    return head + (_KEY_BYTES if data[at + 1] & _MASKED else 0) + length


def text_frame(message: bytes) -> bytes:
    """The frame of a server with a whole text in it."""
    length = len(message)
    if length < _SHORT:
        return b"%c%c%b" % (_TEXT, length, message)
    if length < _LONG_FROM:
        return (_TEXT << 24 | _SHORT << 16 | length).to_bytes(_SHORT_HEAD, "big") + message
    return bytes((_TEXT, _LONG)) + length.to_bytes(8, "big") + message
