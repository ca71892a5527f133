"""The preamble's parser: what an encoder writes is read, and everything else is refused in one known way."""

import contextlib
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.transports.peers import Peer
from gateway.transports.proxy_protocol import (
    HEAD_BYTES,
    BadPreambleError,
    check_signature,
    read_preamble,
    rest_length,
)
from tests.transports.preambles import (
    LOCAL,
    SIGNATURE,
    SSL,
    UNIX,
    UNKNOWN,
    over_tls,
    preamble,
    preamble_of,
    vector,
)


def read(data: bytes) -> Peer | None:
    """Read a preamble as the port does; all of it must be its own."""
    head = data[:HEAD_BYTES]
    check_signature(head)
    length = rest_length(head)
    assert len(data) == HEAD_BYTES + length
    return read_preamble(head, data[HEAD_BYTES:])


def refusal(data: bytes) -> str:
    """Why a preamble is refused."""
    with pytest.raises(BadPreambleError) as refused:
        read(data)
    return str(refused.value)


# What is read.


@pytest.mark.parametrize(
    ("address", "read_as"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_the_client_is_the_source_address(address: str, read_as: str) -> None:
    """IPv4, IPv6, and IPv4 in IPv6, which counts as IPv4; there is always somebody between."""
    assert Peer(read_as, is_secure=False, is_direct=False) == read(preamble_of(address))


def test_a_client_of_a_unix_socket_has_no_address() -> None:
    """It is somebody all the same, and not the proxy."""
    paths = b"/run/a".ljust(108, b"\0") + b"/run/b".ljust(108, b"\0")

    assert Peer("", is_secure=False, is_direct=False) == read(preamble(0x21, UNIX, paths))
    assert Peer("", is_secure=True, is_direct=False) == read(preamble(0x21, UNIX, paths + over_tls()))


@pytest.mark.parametrize(
    "data",
    [
        preamble(LOCAL, UNKNOWN),
        preamble(LOCAL, 0x11, b"\x7f\0\0\1" * 3),
        preamble(LOCAL, 0x99, b"whatever"),
        preamble(0x21, UNKNOWN),
        preamble(0x21, UNKNOWN, b"whatever" + over_tls()),
    ],
    ids=["local", "local with addresses", "local of any family", "unknown", "unknown with a rest"],
)
def test_a_proxy_may_speak_for_itself(data: bytes) -> None:
    """A health check, or a client of whom it knows nothing: what follows is skipped."""
    assert read(data) is None


@pytest.mark.parametrize(
    ("vectors", "is_secure"),
    [
        ([over_tls()], True),
        ([over_tls(is_secure=False)], False),
        ([vector(0x02, b"gateway.example"), vector(0x04, b"\0" * 300), over_tls(), vector(0xEA, b"aws")], True),
        ([vector(0x02, over_tls())], False),
        ([vector(SSL, b"\x06\0\0\0\0")], False),
        ([vector(SSL, b"")], False),
        ([vector(SSL, b"\x01")], True),
    ],
)
def test_one_vector_tells_of_tls(vectors: list[bytes], *, is_secure: bool) -> None:
    """Its lowest bit; the others are skipped, whatever is inside them."""
    assert Peer("203.0.113.9", is_secure=is_secure, is_direct=False) == read(preamble_of("203.0.113.9", *vectors))


# What is refused.


@pytest.mark.parametrize(
    ("start", "why"),
    [
        (b"PROXY TCP4 203.0", "PROXY protocol of version 1; the proxy must send version 2"),
        (b"PROXY UNKNOWN\r\n", "PROXY protocol of version 1; the proxy must send version 2"),
        (b"P", "PROXY protocol of version 1; the proxy must send version 2"),
        (b"POST / HTTP/1.1\r", "no PROXY protocol preamble"),
        (b"G", "no PROXY protocol preamble"),
        (b"\x16\x03\x01", "no PROXY protocol preamble"),
        (b"\r\n\r\n\0\r\nQUIT\r", "no PROXY protocol preamble"),
    ],
)
def test_anything_else_is_told_from_its_first_bytes(start: bytes, why: str) -> None:
    """No more than these are awaited; the text protocol of version 1 gets a sentence of its own."""
    with pytest.raises(BadPreambleError) as refused:
        check_signature(start)

    assert why == str(refused.value)


@pytest.mark.parametrize("length", range(len(SIGNATURE) + 1))
def test_half_a_signature_may_become_one(length: int) -> None:
    """Bytes may come one by one."""
    check_signature(SIGNATURE[:length])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (preamble(0x11, 0x11, b"\0" * 12), "version"),
        (preamble(0x31, 0x11, b"\0" * 12), "version"),
        (preamble(0x22, 0x11, b"\0" * 12), "unknown command"),
        (preamble(0x21, 0x12, b"\0" * 12), "family"),
        (preamble(0x21, 0x10, b"\0" * 12), "family"),
        (preamble(0x21, 0x41, b"\0" * 12), "family"),
        (preamble(0x21, 0x11, b"\0" * 11), "addresses cut short"),
        (preamble(0x21, 0x21, b"\0" * 35), "addresses cut short"),
        (preamble(0x21, UNIX, b"\0" * 215), "addresses cut short"),
        (preamble_of("203.0.113.9", b"\x20"), "vectors cut short"),
        (preamble_of("203.0.113.9", b"\x20\0\x05\x01"), "vectors cut short"),
        (preamble_of("203.0.113.9", over_tls(), b"\x04\xff\xff"), "vectors cut short"),
        (preamble(0x21, 0x11, b"\0" * 4097), "too long"),
    ],
)
def test_a_preamble_that_is_not_in_order_is_refused(data: bytes, why: str) -> None:
    """Another version, command or family, and whatever is cut short or too long."""
    assert why in refusal(data)


def test_the_longest_preamble_is_read() -> None:
    """4,096 bytes behind the head."""
    assert read(preamble(0x21, 0x11, b"\xcb\x00\x71\x09" + b"\0" * 8 + vector(0x04, b"\0" * 4081))) is not None


def test_a_length_is_refused_before_anything_of_it_is_read() -> None:
    """The head alone decides."""
    with pytest.raises(BadPreambleError, match="too long"):
        rest_length(preamble(0x21, 0x11, declared=65_535))


# Whatever comes.

vectors = st.lists(st.builds(vector, st.integers(0, 255).filter(lambda kind: kind != SSL), st.binary(max_size=40)))


@given(
    address=st.ip_addresses(),
    before=vectors,
    is_secure=st.none() | st.booleans(),
    behind=vectors,
    port=st.integers(0, 65_535),
)
def test_what_an_encoder_writes_is_read(
    address: IPv4Address | IPv6Address, before: list[bytes], *, is_secure: bool | None, behind: list[bytes], port: int
) -> None:
    """Address and TLS come through, among any other vectors."""
    told = [] if is_secure is None else [over_tls(is_secure=is_secure)]
    shown = getattr(address, "ipv4_mapped", None) or address

    peer = read(preamble_of(str(address), *before, *told, *behind, port=port))

    assert Peer(str(shown), is_secure=bool(is_secure), is_direct=False) == peer


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_no_bytes_do_anything_but_be_read_or_refused(middle: bytes, rest: bytes) -> None:
    """Whatever stands behind the signature."""
    head = SIGNATURE + middle
    with contextlib.suppress(BadPreambleError):
        assert 0 <= rest_length(head) <= 4096
        read_preamble(head, rest)


@given(st.binary(max_size=HEAD_BYTES).filter(lambda start: not start.startswith(SIGNATURE)))
def test_no_bytes_pass_for_a_signature(start: bytes) -> None:
    """Only a part of it, or all of it."""
    with contextlib.suppress(BadPreambleError):
        check_signature(start)
        assert SIGNATURE.startswith(start)


@given(st.data(), st.lists(vectors | st.just([over_tls()]), max_size=2))
def test_a_preamble_cut_anywhere_is_never_read_as_another(data: st.DataObject, parts: list[list[bytes]]) -> None:
    """A head without all of its rest is refused, or tells the same client."""
    whole = preamble_of("203.0.113.9", *(each for part in parts for each in part))
    cut = data.draw(st.integers(0, len(whole) - HEAD_BYTES))

    with contextlib.suppress(BadPreambleError):
        peer = read_preamble(whole[:HEAD_BYTES], whole[HEAD_BYTES : HEAD_BYTES + cut])
        assert peer is not None
        assert "203.0.113.9" == peer.address
