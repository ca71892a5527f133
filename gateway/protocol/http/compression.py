"""Compressed bodies, in and out (http.md §1, §4; RFC 9110 §8.4).

Rules of the file: pure. What is inflated is bounded while it is inflated: a few bytes can stand for a gigabyte.
"""

import re
import zlib

from gateway.protocol.errors import ApiError, api_error

__all__ = ["choose_encoding", "deflate", "inflate"]

_MAX_LAYERS = 3
_GZIP_WBITS = 31
_ZLIB_WBITS = 15
_WBITS = {"gzip": _GZIP_WBITS, "x-gzip": _GZIP_WBITS, "deflate": _ZLIB_WBITS}

# Members that hold nothing cost time all the same, so they are counted; tools that write in blocks put 64 KiB into
# each. A member hands back what stands behind it, so it is fed in pieces.
_MOST_MEMBERS = 1000
_PIECE_BYTES = 1024

# Answers are small and made once: the fastest level loses a few percent of their size.
_LEVEL = 1

_WEIGHT = re.compile(r"q=([01](?:\.[0-9]{0,3})?)", re.IGNORECASE)  # RFC 9110 §12.4.2


def inflate(body: bytes, content_encoding: str | None, most_bytes: int) -> bytes:
    """Undo the encodings of a body, the last first.

    Args:
        body: as sent.
        content_encoding: the header; None for none.
        most_bytes: of each layer, inflated.

    Raises:
        BadRequestError: `network.http.too_many_encodings`, `unsupported_compression`, or `unexpected_error` for what
            is not compressed as it says.
        SizeLimitError: `network.http.request_too_large`.
    """
    if content_encoding is None:
        return body
    names = [name.strip().lower() for name in content_encoding.split(",")]
    layers = [name for name in names if name not in ("identity", "")]
    if len(layers) > _MAX_LAYERS:
        raise api_error("network.http.too_many_encodings")
    for name in layers:
        if name not in _WBITS:
            raise api_error("network.http.unsupported_compression", name)
    for name in reversed(layers):
        body = _inflated(body, _WBITS[name], most_bytes)
    return body


def choose_encoding(accept_encoding: str | None) -> str:
    """Choose how to compress an answer: `gzip`, `deflate` or `identity`.

    An encoding without a weight counts as 0, as in the original, and the highest wins, gzip in a tie; a weight that
    is written as 0, or badly, refuses it. Who asks for nothing gets nothing: some clients cannot inflate.
    """
    best, highest = "identity", -1.0
    for item in (accept_encoding or "").split(","):
        name, _, parameter = item.partition(";")
        name = name.strip().lower()
        if name not in ("gzip", "deflate"):
            continue
        weight = _weight(parameter.strip())
        if weight >= 0 and (weight > highest or (weight == highest and name == "gzip")):
            best, highest = name, weight
    return best


def deflate(body: bytes, encoding: str) -> bytes:
    """Compress an answer with `gzip` or `deflate`; `identity` leaves it as it is."""
    return body if encoding == "identity" else zlib.compress(body, _LEVEL, _WBITS[encoding])


def _weight(parameter: str) -> float:
    if not parameter:
        return 0.0
    found = _WEIGHT.fullmatch(parameter)
    weight = float(found[1]) if found else 0.0
    return weight if 0 < weight <= 1 else -1.0


def _inflated(body: bytes, wbits: int, most_bytes: int) -> bytes:
    """Undo one layer; gzip may come in several members (RFC 1952 §2.2)."""
    inflated = bytearray()
    start = 0
    for _ in range(_MOST_MEMBERS if wbits == _GZIP_WBITS else 1):
        start = _inflate_member(body, start, wbits, inflated, most_bytes)
        if start == len(body):
            return bytes(inflated)
    raise _corrupt()


def _inflate_member(body: bytes, start: int, wbits: int, inflated: bytearray, most_bytes: int) -> int:
    """Inflate what begins at `start`, behind what is inflated already; return where it ends."""
    machine = zlib.decompressobj(wbits)
    while not machine.eof:
        piece = body[start : start + _PIECE_BYTES]
        if not piece:
            raise _corrupt()
        try:
            inflated += machine.decompress(piece, most_bytes - len(inflated) + 1)
        except zlib.error:
            raise _corrupt() from None
        if len(inflated) > most_bytes:
            raise api_error("network.http.request_too_large")
        start += len(piece) - len(machine.unused_data)
    return start


def _corrupt() -> ApiError:
    return api_error("network.http.unexpected_error", "it is not compressed as its content-encoding says")
