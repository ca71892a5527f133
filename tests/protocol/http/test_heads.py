"""Request heads: what two servers might read differently is refused, and so is what is too much."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.protocol.http.heads import (
    MAX_HEADERS,
    MAX_TARGET_BYTES,
    bad_request,
    expects_continue,
    read_head,
    wants_websocket,
)
from gateway.protocol.http.requests import HttpRequest
from tests.protocol.http.refusals import outcome, refusal

HOST = (b"host", b"example.org")
Lines = Iterable[tuple[bytes, bytes]]


def head(*headers: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/", version: str = "1.1") -> HttpRequest:
    """Read a head that names a host."""
    return read_head(method, target, version, [HOST, *headers])


def status_of(
    *headers: tuple[bytes, bytes], method: str = "GET", target: bytes = b"/", version: str = "1.1", host: bool = True
) -> int:
    """The status of a head that is refused; its error is always the same one."""
    lines = [*([HOST] if host else []), *headers]
    error = refusal(lambda: read_head(method, target, version, lines))
    assert "network.http.unexpected_error" == error.id
    return error.status


def test_a_head_gives_its_parts() -> None:
    """Method and target as sent, headers by name."""
    request = head((b"x-a", b"1"), (b"cookie", b"a=b"), method="POST", target=b"/a%20b?c=d?e&f", version="1.0")

    assert ("POST", "/a%20b", "c=d?e&f", b"") == (request.method, request.path, request.query, request.body)
    assert {"host": "example.org", "x-a": "1", "cookie": "a=b"} == request.headers


@pytest.mark.parametrize(
    ("name", "joined"), [(b"cookie", "1; 2; 3"), (b"x-a", "1, 2, 3"), (b"accept-encoding", "1, 2, 3")]
)
def test_a_header_that_may_be_there_twice_is_joined(name: bytes, joined: str) -> None:
    """With commas (RFC 9110 §5.3), cookies with semicolons (RFC 9113 §8.2.3)."""
    assert joined == head((name, b"1"), (b"b", b"x"), (name, b"2"), (name, b"3")).headers[name.decode()]


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "content-length",
        "content-type",
        "expect",
        "host",
        "origin",
        "transfer-encoding",
        "x-kuzzle-request-id",
        "x-kuzzle-volatile",
    ],
)
@pytest.mark.parametrize("second", [b"1", b"2", b""])
def test_w19_a_header_that_means_one_thing_is_there_once(name: str, second: bytes) -> None:
    """The same value twice is refused as well: which of two servers would look at which?"""
    assert 400 == status_of((name.encode(), b"1"), (name.encode(), second), host=False)


@pytest.mark.parametrize("byte", range(0x80, 0x100, 17))
def test_a_header_keeps_its_bytes(byte: int) -> None:
    """Latin 1 gives each of them back."""
    assert bytes([byte]) == head((b"x-a", bytes([byte]))).headers["x-a"].encode("latin-1")


@pytest.mark.parametrize("target", [b"/", b"/*", b"//a/b", b'/{"a":[1]}?<b>|^`\\', b"/?", b"/??", b"/a:80", b"/@b"])
def test_a_target_is_a_path(target: bytes) -> None:
    """Whatever printable stands in it."""
    request = head(target=target)

    assert target.decode() == request.path + ("?" + request.query if b"?" in target else "")


@pytest.mark.parametrize(
    "target",
    [
        b"",
        b"*",
        b"?a=b",
        b"_now",
        b"http://example.org/_now",
        b"HTTP://example.org/",
        b"example.org:80",
        b"/a#b",
        b"/a?b#c",
        b"/\x7f",
        b"/\x00",
        b"/a b",
        b"/a\tb",
        b"/a\r\nX: y",
        b"/\xc3\xa9",
        b"/?\xff",
        b"\\a",
    ],
    ids=repr,
)
@pytest.mark.parametrize("method", ["GET", "POST", "CONNECT"])
def test_w19_any_other_form_of_a_target_is_refused(method: str, target: bytes) -> None:
    """Absolute, authority and asterisk form; a fragment; and what is no printable ASCII."""
    assert 400 == status_of(method=method, target=target)


def test_a_preflight_may_ask_about_everything() -> None:
    """`OPTIONS *` (RFC 9112 §3.2.4)."""
    assert "*" == head(method="OPTIONS", target=b"*").path
    assert 400 == status_of(method="OPTIONS", target=b"**")
    assert 400 == status_of(method="OPTIONS", target=b"http://a/")


def test_w04_the_longest_target_is_eight_kibibytes() -> None:
    """One byte more is 414, whatever it looks like."""
    assert MAX_TARGET_BYTES == 1 + len(head(target=b"/" + b"a" * (MAX_TARGET_BYTES - 1)).path[1:])
    assert 414 == status_of(target=b"/" + b"a" * MAX_TARGET_BYTES)
    assert 414 == status_of(target=b"\xff" * 1_000_000)


@pytest.mark.parametrize("version", ["0.9", "2.0", "1.2", "1", "", "1.1 "])
def test_w19_another_version_is_refused(version: str) -> None:
    """A parser lets 0.9 and 2.0 through, whose messages end in another way."""
    assert 505 == status_of(version=version)


def test_w04_there_are_a_hundred_headers_at_most() -> None:
    """The rest is not even looked at."""
    lines = [(b"x-%d" % number, b"") for number in range(MAX_HEADERS - 1)]
    looked_at = 0

    def endless() -> Lines:
        nonlocal looked_at
        while True:
            looked_at += 1
            yield b"x", b"y"

    assert MAX_HEADERS == len(head(*lines).headers)
    assert 431 == status_of(*lines, (b"x", b"y"))
    assert 431 == status_of(*[(b"x", b"y")] * MAX_HEADERS)
    assert 431 == refusal(lambda: read_head("GET", b"/", "1.1", endless())).status
    assert MAX_HEADERS + 1 == looked_at


@pytest.mark.parametrize(
    "host", [b"", b"a", b"example.org", b"example.org:7512", b"127.0.0.1:1", b"[::1]:80", b"xn--a.b", b"a_b~c%20"]
)
def test_a_host_is_one(host: bytes) -> None:
    """Also an empty one, where the URL has none (RFC 9112 §3.2)."""
    assert host.decode() == read_head("GET", b"/", "1.1", [(b"host", host)]).headers["host"]


@pytest.mark.parametrize(
    "host",
    [
        b"a b",
        b"a/b",
        b"a@b",
        b"user:pass@b",
        b"a,\tb",
        b"<a>",
        b'"',
        b"a\\b",
        b"a?b",
        b"a#b",
        b"\xe9",
        b"a\r\nb",
        b"a\n",
    ],
)
def test_w19_what_is_no_host_is_refused(host: bytes) -> None:
    """Nobody shall be led elsewhere by it."""
    assert 400 == status_of((b"host", host), host=False)


def test_w19_a_host_must_be_named() -> None:
    """HTTP/1.0 had none."""
    assert 400 == status_of(host=False)
    assert {} == read_head("GET", b"/", "1.0", []).headers


def test_a_body_in_chunks_is_announced_once() -> None:
    """The name is compared without letter case."""
    for coding in (b"chunked", b"Chunked"):
        assert coding.decode() == head((b"transfer-encoding", coding), method="POST").headers["transfer-encoding"]


@pytest.mark.parametrize("length", [b"0", b"5", b""])
def test_w19_two_lengths_are_refused(length: bytes) -> None:
    """In either order."""
    lines = [(b"transfer-encoding", b"chunked"), (b"content-length", length)]

    assert 400 == status_of(*lines, method="POST")
    assert 400 == status_of(*reversed(lines), method="POST")


@pytest.mark.parametrize(
    "coding",
    [b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked", b"chunked;a=b", b"", b"\x0bchunked"],
)
def test_w19_another_transfer_coding_is_not_implemented(coding: bytes) -> None:
    """501 (RFC 9112 §6.1)."""
    assert 501 == status_of((b"transfer-encoding", coding), method="POST")


def test_w19_http_1_0_has_no_transfer_coding() -> None:
    """A proxy of that time would not see it (RFC 9112 §6.1)."""
    assert 400 == status_of((b"transfer-encoding", b"chunked"), version="1.0", method="POST")


@pytest.mark.parametrize(
    "body", [(b"content-length", b"5"), (b"content-length", b"00"), (b"transfer-encoding", b"chunked")]
)
@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b""])
def test_w19_an_upgrade_has_no_body(body: tuple[bytes, bytes], protocol: bytes) -> None:
    """What would be body to one is the other protocol to the other."""
    assert 400 == status_of(body, (b"upgrade", protocol))
    assert "0" == head((b"content-length", b"0"), (b"upgrade", protocol)).headers["content-length"]


def test_only_a_word_before_the_body_can_be_expected() -> None:
    """Anything else is 417 (RFC 9110 §10.1.1)."""
    assert expects_continue(head((b"expect", b"100-Continue")).headers)
    assert not expects_continue(head().headers)
    for word in (b"200-ok", b"", b"100-continue, x"):
        assert 417 == status_of((b"expect", word))


@pytest.mark.parametrize(
    ("upgrade", "expected"),
    [
        (None, False),
        ("", False),
        ("h2c", False),
        ("websocket", True),
        ("WebSocket", True),
        ("h2c, websocket", True),
        (" websocket ,h2c", True),
        ("websockets", False),
        ("websocket/13", False),
        ("web socket", False),
    ],
)
def test_websocket_is_asked_for_by_name(upgrade: str | None, expected: bool) -> None:  # noqa: FBT001 - a row
    """In any letter case, among others; all else of the handshake is looked at by the handshake."""
    assert expected is wants_websocket({} if upgrade is None else {"upgrade": upgrade, "connection": "x"})


def test_a_bad_request_says_why() -> None:
    """With the status that HTTP has for it."""
    error = bad_request("a reason", 431)

    assert (431, "network.http.unexpected_error", ("a reason",)) == (error.status, error.id, error.props)
    assert (400, True) == (bad_request("a reason").status, "a reason" in error.message)


@given(
    method=st.sampled_from(["GET", "OPTIONS", "POST"]),
    target=st.binary(max_size=20),
    version=st.sampled_from(["1.0", "1.1", "2.0"]),
    headers=st.lists(
        st.tuples(
            st.sampled_from([b"host", b"content-length", b"transfer-encoding", b"upgrade", b"expect", b"cookie", b"x"]),
            st.sampled_from([b"", b"0", b"5", b"chunked", b"100-continue", b"websocket"]) | st.binary(max_size=5),
        ),
        max_size=8,
    ),
)
def test_any_head_is_read_or_refused(
    method: str, target: bytes, version: str, headers: list[tuple[bytes, bytes]]
) -> None:
    """What is read has one length, one host, and a path."""
    request = outcome(lambda: read_head(method, target, version, headers))

    if isinstance(request, ApiError):
        assert request.status in (400, 414, 417, 431, 501, 505)
        return
    assert isinstance(request, HttpRequest)
    assert not {"content-length", "transfer-encoding"} <= request.headers.keys()
    assert sum(name == b"host" for name, _ in headers) <= 1
    assert request.path.startswith("/") or request.path == "*"
