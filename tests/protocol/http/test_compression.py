"""Compressed bodies: every chain comes back, nothing grows past its bound, and an answer is squeezed as asked."""

import functools
import gzip
import itertools
import tracemalloc
import zlib
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.protocol.http.compression import choose_encoding, deflate, inflate
from tests.counting import lines_run
from tests.protocol.http.refusals import outcome, refused

MEBIBYTE = 1 << 20
TOO_LARGE = (413, "network.http.request_too_large", ())
CORRUPT = (400, "network.http.unexpected_error")
CODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}
CHAINS = [chain for length in range(4) for chain in itertools.product(CODERS, repeat=length)]


def squeezed(body: bytes, chain: Iterable[str]) -> bytes:
    """A body under a chain of encodings, in the order in which a header lists them."""
    for name in chain:
        body = CODERS[name](body)
    return body


@pytest.fixture(scope="module")
def bomb() -> bytes:
    """A gibibyte of zeros, under one layer of gzip."""
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    piece = bytes(MEBIBYTE)
    return b"".join([*(machine.compress(piece) for _ in range(1024)), machine.flush()])


@given(chain=st.sampled_from(CHAINS), body=st.binary())
def test_every_chain_is_undone_from_the_last_to_the_first(chain: tuple[str, ...], body: bytes) -> None:
    """Up to three layers; identity is none."""
    assert body == inflate(squeezed(body, chain), ", ".join(chain), MEBIBYTE)


def test_the_order_of_a_chain_matters() -> None:
    """What was done last is undone first."""
    body = squeezed(b"text", ["gzip", "deflate"])

    assert b"text" == inflate(body, "gzip, deflate", MEBIBYTE)
    assert CORRUPT == refused(lambda: inflate(body, "deflate, gzip", MEBIBYTE))[:2]


@pytest.mark.parametrize("header", [None, "", " ", "identity", "Identity , ,", ",,,", "identity," * 10], ids=repr)
def test_what_is_not_compressed_stays_as_it_is(header: str | None) -> None:
    """Nothing said, nothing but commas, or identity as often as you like; the bound is that of inflated bodies."""
    assert b"text" == inflate(b"text", header, 0)


@pytest.mark.parametrize("header", ["GZIP", " gzip ", "gzip,", ", ,gzip", "identity,X-Gzip,identity", "gzip\t"])
def test_letter_case_spaces_and_empty_items_do_not_matter(header: str) -> None:
    """A list as HTTP writes lists (RFC 9110 §5.6.1)."""
    assert b"text" == inflate(gzip.compress(b"text"), header, MEBIBYTE)


def test_four_layers_are_too_many() -> None:
    """They are counted before the first is looked at; identity does not count."""
    refusal = (400, "network.http.too_many_encodings", ())

    assert refusal == refused(lambda: inflate(b"", "gzip, gzip, deflate, gzip", MEBIBYTE))
    assert refusal == refused(lambda: inflate(b"", "br, br, br, br", MEBIBYTE))
    assert b"x" == inflate(squeezed(b"x", ["gzip"] * 3), "identity, gzip, identity, gzip, gzip", MEBIBYTE)


@pytest.mark.parametrize(
    ("header", "shown"),
    [("br", "br"), ("gzip, Zstd", "zstd"), ("compress, gzip", "compress"), ("gzip;q=1", "gzip;q=1")],
)
def test_an_unknown_encoding_is_refused_by_its_name(header: str, shown: str) -> None:
    """Before anything is undone."""
    assert (400, "network.http.unsupported_compression", (shown,)) == refused(lambda: inflate(b"", header, MEBIBYTE))


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_what_is_cut_short_or_followed_by_garbage_is_refused(name: str) -> None:
    """At every byte; nothing is taken for the whole that is not."""
    body = CODERS[name](b"some text that is squeezed")

    for length in range(len(body)):
        assert CORRUPT == refused(lambda length=length: inflate(body[:length], name, MEBIBYTE))[:2]  # type: ignore[misc]
    for garbage in (b"x", b"\0", body[:5], b"garbage" * 1000):
        assert CORRUPT == refused(lambda garbage=garbage: inflate(body + garbage, name, MEBIBYTE))[:2]  # type: ignore[misc]


@given(body=st.binary(), name=st.sampled_from(["gzip", "deflate", "gzip, deflate"]))
def test_any_bytes_are_undone_or_refused(body: bytes, name: str) -> None:
    """Nothing else ever comes out."""
    value = outcome(lambda: inflate(body, name, 1000))

    if isinstance(value, ApiError):
        assert (value.status, value.id) in (CORRUPT, TOO_LARGE[:2])


@given(body=st.binary(min_size=1), position=st.integers(0, 1000), name=st.sampled_from(["gzip", "deflate"]))
def test_a_flipped_byte_is_noticed(body: bytes, position: int, name: str) -> None:
    """The checksum says so; a byte of gzip's head that says nothing of the content may be any."""
    sent = bytearray(CODERS[name](body))
    sent[position % len(sent)] ^= 0xFF

    value = outcome(lambda: inflate(bytes(sent), name, MEBIBYTE))

    if isinstance(value, ApiError):
        assert CORRUPT == (value.status, value.id)
    else:
        assert (body, "gzip", True) == (value, name, position % len(sent) < 10)


def test_raw_deflate_is_not_deflate() -> None:
    """The name means zlib's form (RFC 9110 §8.4.1.2)."""
    machine = zlib.compressobj(wbits=-15)

    assert CORRUPT == refused(lambda: inflate(machine.compress(b"x") + machine.flush(), "deflate", MEBIBYTE))[:2]


@given(parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=8))
def test_gzip_may_come_in_several_members(parts: list[bytes]) -> None:
    """They are read one behind the other (RFC 1952 §2.2), also inside a layer, empty ones included."""
    body = b"".join(map(gzip.compress, parts))

    assert b"".join(parts) == inflate(body, "gzip", MEBIBYTE)
    assert b"".join(parts) == inflate(zlib.compress(body), "gzip,deflate", MEBIBYTE)


def test_deflate_comes_in_one_piece() -> None:
    """What stands behind it is garbage."""
    assert CORRUPT == refused(lambda: inflate(zlib.compress(b"x") * 2, "deflate", MEBIBYTE))[:2]


def test_members_that_hold_nothing_are_counted() -> None:
    """A thousand are inflated, more are refused, and the work for a mebibyte of them is that for a thousand."""
    empty = gzip.compress(b"")

    def steps(members: int) -> int:
        body = empty * members

        run = functools.partial(outcome, lambda: inflate(body, "gzip", MEBIBYTE))
        return lines_run(run, "gateway/protocol/http/compression.py")

    assert b"" == inflate(empty * 1000, "gzip", MEBIBYTE)
    assert CORRUPT == refused(lambda: inflate(empty * 1001, "gzip", MEBIBYTE))[:2]
    assert steps(50_000) < steps(1000) * 1.1
    assert steps(1000) < steps(500) * 2.1


@pytest.mark.parametrize("name", ["gzip", "deflate"])
@pytest.mark.parametrize("size", [1, 1023, 1024, 1025, 100_000])
def test_the_bound_is_exact(name: str, size: int) -> None:
    """As many bytes as allowed are taken, one more is not; several members count together."""
    body = CODERS[name](b"x" * size)

    assert b"x" * size == inflate(body, name, size)
    assert TOO_LARGE == refused(lambda: inflate(body, name, size - 1))
    if name == "gzip":
        assert b"x" * (size + 1) == inflate(body + gzip.compress(b"x"), name, size + 1)
        assert TOO_LARGE == refused(lambda: inflate(body + gzip.compress(b"x"), name, size))


def test_every_layer_is_bounded() -> None:
    """A layer in between may be no larger than the last."""
    inner = gzip.compress(b"", mtime=0)

    assert b"" == inflate(gzip.compress(inner), "gzip, gzip", len(inner))
    assert TOO_LARGE == refused(lambda: inflate(gzip.compress(inner), "gzip, gzip", len(inner) - 1))


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_w10_a_gibibyte_in_a_few_bytes_is_never_there(bomb: bytes, layers: int) -> None:
    """The bound holds while it is inflated: the memory that is used is that of the bound, a few times over."""
    body = squeezed(bomb, ["gzip"] * (layers - 1))
    most = MEBIBYTE

    tracemalloc.start()
    outcome = refused(lambda: inflate(body, ",".join(["gzip"] * layers), most))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert TOO_LARGE == outcome
    assert peak < 4 * most


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "identity"),
        ("", "identity"),
        ("*", "identity"),
        ("br, zstd", "identity"),
        ("identity", "identity"),
        ("gzip", "gzip"),
        ("deflate", "deflate"),
        ("GZip", "gzip"),
        ("gzip, deflate, br", "gzip"),
        ("deflate, gzip", "gzip"),
        ("deflate;q=0.5, gzip", "deflate"),
        ("gzip, deflate;q=0.001", "deflate"),
        ("gzip;q=0.5, deflate;q=0.6", "deflate"),
        ("deflate;q=0.5, gzip;q=0.5", "gzip"),
        ("gzip;q=0.5, deflate;q=0.5", "gzip"),
        ("deflate;q=1.0,gzip;q=1", "gzip"),
        ("gzip ; q=0.8 , deflate ; Q=0.9", "deflate"),
        ("identity;q=1, gzip;q=0.1", "gzip"),
        ("*;q=0, gzip", "gzip"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("deflate;q=0", "identity"),
        ("gzip;q=0, deflate", "deflate"),
        ("deflate, gzip;q=0", "deflate"),
        ("gzip;q=0,gzip;q=0", "identity"),
        ("gzip;q=0, deflate;q=0", "identity"),
        ("gzip;q=0, gzip", "gzip"),
        ("gzip;q=", "identity"),
        ("gzip;q=2", "identity"),
        ("gzip;q=-1", "identity"),
        ("gzip;q=1.5", "identity"),
        ("gzip;q=0.1234", "identity"),
        ("gzip;q=1e3", "identity"),
        ("gzip;q=nan", "identity"),
        ("gzip;q=\u0661", "identity"),
        ("gzip;a=1;q=1", "identity"),
        ("gzip;;q=1", "identity"),
        ("gzip q=1", "identity"),
        ("gzipx, xgzip, x-gzip, deflate64", "identity"),
        (",,;;,q=1,;q=1", "identity"),
        ("gzip," * 10_000, "gzip"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_an_answer_is_squeezed_as_its_reader_prefers(header: str | None, expected: str) -> None:
    """The highest weight wins, none counts as the lowest, gzip wins a tie; a weight of zero, or a bad one, refuses."""
    assert expected == choose_encoding(header)


@given(header=st.text())
def test_any_header_leads_to_one_of_three(header: str) -> None:
    """And what it leads to was named in it."""
    chosen = choose_encoding(header)

    assert chosen == "identity" or (chosen in ("gzip", "deflate") and chosen in header.lower())


@given(body=st.binary())
def test_an_answer_comes_back_from_each_of_the_three(body: bytes) -> None:
    """In the forms that libraries of clients read."""
    assert body == gzip.decompress(deflate(body, "gzip"))
    assert body == zlib.decompress(deflate(body, "deflate"))
    assert body == deflate(body, "identity")
