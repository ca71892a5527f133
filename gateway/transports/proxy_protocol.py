"""The binary preamble of the PROXY protocol, version 2: who is behind a proxy that only passes bytes on.

Rules of the file: pure, bytes in, a `Peer` out. Source: the HAProxy project's `proxy-protocol.txt`, §2.2. Of the
vectors behind the addresses only the one that tells of the client's TLS is read; what is cut short is refused.
"""

import struct
from ipaddress import ip_address

from gateway.transports.peers import Peer, unmapped

__all__ = ["HEAD_BYTES", "BadPreambleError", "check_signature", "read_preamble", "rest_length"]

HEAD_BYTES = 16
"""Signature, version and command, family, and the length of the rest."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_VERSION_1 = b"PROXY "
_LONGEST_REST = 4096  # 216 bytes of addresses, and vectors: a certificate's name, an authority, a unique id

_LOCAL, _PROXY = 0x20, 0x21  # with the version in the upper half
_UNSPECIFIED, _TCP4, _TCP6, _UNIX = 0x00, 0x11, 0x21, 0x31
_BLOCK_BYTES = {_TCP4: 12, _TCP6: 36, _UNIX: 216}
_ADDRESS_BYTES = {_TCP4: 4, _TCP6: 16, _UNIX: 0}

_VECTOR_HEAD_BYTES = 3
_TYPE_SSL = 0x20
_CLIENT_SSL = 0x01


class BadPreambleError(Exception):
    """A connection does not begin as it must; the text is for the log and holds nothing of what was sent."""


def check_signature(start: bytes) -> None:
    """Refuse the first bytes of a connection as soon as they cannot be those of a preamble.

    Raises:
        BadPreambleError: they are something else.
    """
    if start[: len(_SIGNATURE)] == _SIGNATURE[: len(start)]:
        return
    if start[: len(_VERSION_1)] == _VERSION_1[: len(start)]:
        raise BadPreambleError("PROXY protocol of version 1; the proxy must send version 2")
    raise BadPreambleError("no PROXY protocol preamble")


def rest_length(head: bytes) -> int:
    """Tell how many bytes of the preamble follow its head of `HEAD_BYTES`.

    Raises:
        BadPreambleError: the signature is not there, or there is too much to follow.
    """
    check_signature(head)
    length = int.from_bytes(head[14:16], "big")
    if length > _LONGEST_REST:
        raise BadPreambleError("PROXY protocol preamble too long")
    return length


def read_preamble(head: bytes, rest: bytes) -> Peer | None:
    """Read a whole preamble.

    Args:
        head: its first `HEAD_BYTES`, which `rest_length` has looked at.
        rest: as many bytes as it says.

    Returns:
        The client, without address where it came to the proxy over a unix socket; None where the proxy speaks for
        itself, as for a health check, or does not know.

    Raises:
        BadPreambleError: for another version, an unknown command or family, addresses or vectors cut short.
    """
    command, family = head[12], head[13]
    if command == _LOCAL:
        return None
    if command != _PROXY:
        raise BadPreambleError("PROXY protocol of another version, or with an unknown command")
    if family == _UNSPECIFIED:
        return None
    if family not in _BLOCK_BYTES:
        raise BadPreambleError("PROXY protocol with a family of addresses that no stream has")
    if len(rest) < _BLOCK_BYTES[family]:
        raise BadPreambleError("PROXY protocol with addresses cut short")
    source = rest[: _ADDRESS_BYTES[family]]
    address = str(unmapped(ip_address(source))) if source else ""
    return Peer(address, _is_secure(rest[_BLOCK_BYTES[family] :]), is_direct=False)


def _is_secure(vectors: bytes) -> bool:
    """Tell whether one of the vectors says that the client came over TLS; all of them must be whole."""
    is_secure = False
    while vectors:
        if len(vectors) < _VECTOR_HEAD_BYTES:
            raise BadPreambleError("PROXY protocol with vectors cut short")
        kind, length = struct.unpack_from(">BH", vectors)
        value = vectors[_VECTOR_HEAD_BYTES : _VECTOR_HEAD_BYTES + length]
        if len(value) < length:
            raise BadPreambleError("PROXY protocol with vectors cut short")
        if kind == _TYPE_SSL and value:
            is_secure = bool(value[0] & _CLIENT_SSL)
        vectors = vectors[_VECTOR_HEAD_BYTES + length :]
    return is_secure
