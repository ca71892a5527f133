"""What a proxy sends before the client's bytes: PROXY protocol v2, encoded by hand (proxy-protocol.txt §2.2)."""

from ipaddress import ip_address

__all__ = ["LOCAL", "SIGNATURE", "SSL", "UNIX", "UNKNOWN", "over_tls", "preamble", "preamble_of", "vector"]

SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")

LOCAL, PROXY = 0x20, 0x21
UNKNOWN, TCP4, TCP6, UNIX = 0x00, 0x11, 0x21, 0x31
SSL = 0x20


def preamble(command: int, family: int, rest: bytes = b"", *, declared: int | None = None) -> bytes:
    """The signature, command and family, and what follows; `declared` is the length that it claims, if not its own."""
    length = len(rest) if declared is None else declared
    return SIGNATURE + bytes((command, family)) + length.to_bytes(2, "big") + rest


def preamble_of(address: str, *vectors: bytes, port: int = 50_000) -> bytes:
    """What a proxy says of a client at an address, which came to the proxy at an address of the same kind."""
    source = ip_address(address)
    proxy = ip_address("192.0.2.1" if source.version == 4 else "2001:db8::1")
    ports = port.to_bytes(2, "big") + (443).to_bytes(2, "big")
    return preamble(
        PROXY, TCP4 if source.version == 4 else TCP6, source.packed + proxy.packed + ports + b"".join(vectors)
    )


def vector(kind: int, value: bytes) -> bytes:
    """A type-length-value vector."""
    return bytes((kind,)) + len(value).to_bytes(2, "big") + value


def over_tls(*, is_secure: bool = True) -> bytes:
    """The vector that tells of the client's TLS, with its version inside, and that no certificate was shown."""
    return vector(SSL, bytes((is_secure,)) + (1).to_bytes(4, "big") + vector(0x21, b"TLSv1.3"))
