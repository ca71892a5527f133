"""HTTP as bytes: requests written by hand, answers read by hand, and what no server should take (RFC 9112)."""

import asyncio
import json
import zlib
from typing import Any, NamedTuple

from tests.transports.doubles import Notebook
from tests.transports.wire import Wire

__all__ = ["MALFORMED", "SMUGGLED", "Answer", "answers_in", "ask_http", "http", "read_answer", "results", "written"]

_PATIENCE_S = 10.0


class Answer(NamedTuple):
    """One HTTP response.

    Attributes:
        status: of its first line.
        headers: names in lower case; there are no two of one name.
        body: as it came.
    """

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def plain(self) -> bytes:
        """The body, inflated."""
        encoding = self.headers["content-encoding"]
        return self.body if encoding == "identity" else zlib.decompress(self.body, 47)

    @property
    def envelope(self) -> dict[str, Any]:
        """The object in the body, held against what holds for all of them (http.md §4)."""
        assert "application/json" == self.headers["content-type"], self
        envelope: dict[str, Any] = json.loads(self.plain)
        assert self.status == envelope["status"]
        assert self.headers["x-kuzzle-request-id"] == envelope["requestId"]
        assert self.headers["x-kuzzle-node"] == envelope["node"]
        assert "room" not in envelope
        if envelope["error"] is not None:
            assert self.status == envelope["error"]["status"]
            assert envelope["error"]["message"]
        return envelope

    @property
    def error_id(self) -> str | None:
        """Which error it is."""
        error_id: str | None = self.envelope["error"]["id"]
        return error_id


def http(
    method: str,
    target: str,
    *headers: str,
    version: str = "1.1",
    host: str | None = "x",
    body: bytes | None = None,
) -> bytes:
    """One request; a body brings its length with it."""
    lines = [f"{method} {target} HTTP/{version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    lines += headers
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def answers_in(data: bytes, *, heads_only: bool = False) -> list[Answer]:
    """The responses in some bytes that hold nothing else."""
    answers = []
    while data:
        top, end, data = data.partition(b"\r\n\r\n")
        assert end, f"the last head is cut short: {top!r}"
        status, headers = _read_head(top)
        length = 0 if heads_only or status == 100 else int(headers["content-length"])
        assert length <= len(data), "the last body is cut short"
        answers.append(Answer(status, headers, data[:length]))
        data = data[length:]
    return answers


async def read_answer(wire: Wire, *, has_body: bool = True) -> Answer:
    """The next response; what does not come in ten seconds fails the test."""
    async with asyncio.timeout(_PATIENCE_S):
        status, headers = _read_head((await wire.reader.readuntil(b"\r\n\r\n")).removesuffix(b"\r\n\r\n"))
        length = int(headers.get("content-length", 0)) if has_body else 0
        return Answer(status, headers, await wire.reader.readexactly(length))


async def ask_http(wire: Wire, method: str, target: str, *headers: str, **more: Any) -> Answer:
    """Send one request and read its answer."""
    await wire.send(http(method, target, *headers, **more))
    return await read_answer(wire, has_body=method != "HEAD")


def _read_head(top: bytes) -> tuple[int, dict[str, str]]:
    start, *lines = top.decode("latin-1").split("\r\n")
    version, status, _ = start.split(" ", 2)
    assert "HTTP/1.1" == version
    pairs = [line.split(": ", 1) for line in lines]
    headers = {name.lower(): value for name, value in pairs}
    assert len(pairs) == len(headers), "a header came twice"
    return int(status), headers


def written(notebook: Notebook) -> list[Answer]:
    """The answers written since the last call."""
    data, notebook.writes[:] = b"".join(notebook.writes), []
    return answers_in(data)


def results(answers: list[Answer]) -> list[Any]:
    """What the envelopes say."""
    return [answer.envelope["result"] for answer in answers]


_CL, _TE = "Content-Length: {}".format, "Transfer-Encoding: {}".format
_EMPTY_CHUNKS = b"0\r\n\r\n"


def _post(*headers: str, rest: bytes = _EMPTY_CHUNKS, version: str = "1.1") -> bytes:
    return http("POST", "/", *headers, version=version) + rest


def _chunks(rest: bytes) -> bytes:
    return _post(_TE("chunked"), rest=rest)


SMUGGLED: dict[str, bytes] = {
    # Two ways to say where the body ends (RFC 9112 §6.1, §6.3).
    "CL.TE": _post(_CL(6), _TE("chunked"), rest=b"0\r\n\r\nG"),
    "TE.CL": _post(_TE("chunked"), _CL(4), rest=b"5c\r\nGPOST / HTTP/1.1\r\n\r\n0\r\n\r\n"),
    "CL.0": _post(_CL(0), _TE("chunked")),
    "two lengths": _post(_CL(0), _CL(44), rest=b""),
    "two equal lengths": _post(_CL(2), _CL(2), rest=b"ab"),
    "length list": _post(_CL("2, 2"), rest=b"ab"),
    "length list of two": _post(_CL("0, 44"), rest=b""),
    # Lengths that somebody might read otherwise.
    "negative": _post(_CL(-1), rest=b""),
    "plus": _post(_CL("+2"), rest=b"ab"),
    "huge": _post(_CL(2**64), rest=b""),
    "wraps to 5": _post(_CL(2**64 + 5), rest=b"hello"),
    "hexadecimal": _post(_CL("0x2"), rest=b"ab"),
    "octal": _post(_CL("0o2"), rest=b"ab"),
    "exponent": _post(_CL("2e0"), rest=b"ab"),
    "point": _post(_CL("2.0"), rest=b"ab"),
    "underscore": _post(_CL("1_0"), rest=b"0123456789"),
    "space inside": _post(_CL("1 0"), rest=b"0123456789"),
    "no number": _post(_CL("two"), rest=b"ab"),
    "empty length": _post(_CL(""), rest=b""),
    "arabic digits": _post(_CL("\xb2"), rest=b"ab"),
    "quoted": _post(_CL('"2"'), rest=b"ab"),
    "vertical tab": _post("Content-Length:\x0b2", rest=b"ab"),
    # Transfer codings that hide from one of two servers.
    "xchunked": _post(_TE("xchunked")),
    "chunkedx": _post(_TE("chunkedx")),
    "chunked twice": _post(_TE("chunked, chunked")),
    "chunked in two lines": _post(_TE("chunked"), _TE("chunked")),
    "chunked, identity": _post(_TE("chunked, identity")),
    "identity": _post(_TE("identity"), rest=b""),
    "identity, chunked": _post(_TE("identity, chunked")),
    "identity in another line": _post(_TE("chunked"), _TE("identity")),
    "gzip, chunked": _post(_TE("gzip, chunked")),
    "chunked, gzip": _post(_TE("chunked, gzip"), rest=b""),
    "quoted coding": _post(_TE('"chunked"')),
    "empty coding": _post(_TE(""), rest=b""),
    "comma": _post(_TE(",chunked")),
    "parameter": _post(_TE("chunked;a=b")),
    "coding with vertical tab": _post("Transfer-Encoding:\x0bchunked"),
    "coding in HTTP/1.0": _post(_TE("chunked"), version="1.0"),
    "coding behind a length": _post(_CL(4), _TE("x"), rest=b"0\r\n\r"),
    # Header lines that somebody might read otherwise (RFC 9112 §5.1, §5.2).
    "space before colon": _post("Content-Length : 44", rest=b""),
    "tab before colon": _post("Transfer-Encoding\t: chunked"),
    "space before name": _post(" Transfer-Encoding: chunked"),
    "folded": _post("X-A: b", " Transfer-Encoding: chunked"),
    "folded with a tab": _post("Transfer-Encoding:", "\tchunked"),
    "folded length": _post("Content-Length:", " 44", rest=b""),
    "no colon": _post("Transfer-Encoding chunked"),
    "no name": _post(": chunked"),
    "NUL in the name": _post("Transfer-Encoding\x00: chunked"),
    "NUL in the value": _post("Transfer-Encoding: chunked\x00"),
    "latin-1 in the name": _post("Transfer-Encoding\xa0: chunked"),
    "bare CR": _post("X-A: b\rTransfer-Encoding: chunked"),
    "bare CR as an end": _post("X-A: b\r", rest=b""),
    "bare LF": _post("X-A: b\nTransfer-Encoding: chunked"),
    "bare LF as the end": _post("X-A: b\n", rest=b""),
    "two CR": _post("X-A: b\r\r", rest=b""),
    "delete character": _post("X-A: \x7f", rest=b""),
    # Chunks (RFC 9112 §7.1).
    "chunk size negative": _chunks(b"-1\r\n\r\n0\r\n\r\n"),
    "chunk size with plus": _chunks(b"+2\r\nab\r\n0\r\n\r\n"),
    "chunk size with 0x": _chunks(b"0x2\r\nab\r\n0\r\n\r\n"),
    "chunk size huge": _chunks(b"10000000000000000\r\nab\r\n0\r\n\r\n"),
    "chunk size wraps": _chunks(b"10000000000000002\r\nab\r\n0\r\n\r\n"),
    "chunk size missing": _chunks(b"\r\nab\r\n0\r\n\r\n"),
    "chunk size no number": _chunks(b"zz\r\nab\r\n0\r\n\r\n"),
    "chunk size with space before": _chunks(b" 2\r\nab\r\n0\r\n\r\n"),
    "chunk size with underscore": _chunks(b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n"),
    "chunk longer than it says": _chunks(b"2\r\nabc\r\n0\r\n\r\n"),
    "chunk without end": _chunks(b"2\r\nab0\r\n\r\n"),
    "chunk line ends in LF": _chunks(b"2\nab\r\n0\r\n\r\n"),
    "chunk ends in LF": _chunks(b"2\r\nab\n0\r\n\r\n"),
    "chunk line ends in CR": _chunks(b"2\rab\r\n0\r\n\r\n"),
    "last chunk ends in LF": _chunks(b"0\n\r\n"),
    "extension with LF": _chunks(b"2;a\nb\r\nab\r\n0\r\n\r\n"),
    "extension with CR": _chunks(b"2;a\rb\r\nab\r\n0\r\n\r\n"),
    "extension with NUL": _chunks(b"2;a\x00\r\nab\r\n0\r\n\r\n"),
    "trailer folded": _chunks(b"0\r\nX: a\r\n b\r\n\r\n"),
    "trailer without colon": _chunks(b"0\r\nX\r\n\r\n"),
    "trailer with LF": _chunks(b"0\r\nX: a\nY: b\r\n\r\n"),
    # Targets and hosts.
    "absolute form": http("GET", "http://x/"),
    "absolute form of another host": http("GET", "http://y/now", host="x"),
    "authority form": http("GET", "x:80"),
    "no slash": http("GET", "now"),
    "asterisk": http("GET", "*"),
    "two hosts": http("GET", "/", "Host: y"),
    "host with a path": http("GET", "/", host="x/y"),
    "host with a user": http("GET", "/", host="a@x"),
    "host with a space": http("GET", "/", host="x y"),
    "host list": http("GET", "/", host="x, y y"),
    "no host": http("GET", "/", host=None),
    "two authorizations": http("GET", "/", "Authorization: Bearer a", "Authorization: Bearer b"),
    "upgrade with a length": http("GET", "/", "Upgrade: websocket", "Connection: Upgrade", _CL(44)),
}
"""Requests that two servers behind each other could read differently (W19), all of them to be refused."""

MALFORMED: dict[str, bytes] = {
    "lower case": http("get", "/"),
    "mixed case": http("Get", "/"),
    "no method": b" / HTTP/1.1\r\nHost: x\r\n\r\n",
    "no target": b"GET HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": b"GET /\r\nHost: x\r\n\r\n",
    "HTTP/0.9": http("GET", "/", version="0.9"),
    "HTTP/1.2": http("GET", "/", version="1.2"),
    "HTTP/2.0": http("GET", "/", version="2.0"),
    "HTTP/1": http("GET", "/", version="1"),
    "HTTP/1.10": http("GET", "/", version="1.10"),
    "preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "RTSP": b"OPTIONS / RTSP/1.0\r\nHost: x\r\n\r\n",
    "lower-case version": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "word behind the version": b"GET / HTTP/1.1 x\r\nHost: x\r\n\r\n",
    "two spaces": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab": b"GET\t/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the target": http("GET", "/a b"),
    "fragment": http("GET", "/\x00#a"),
    "NUL in the target": http("GET", "/\x00"),
    "latin-1 in the target": http("GET", "/\xe9"),
    "CR in the target": http("GET", "/\r"),
    "line feeds alone": b"GET / HTTP/1.1\nHost: x\n\n",
    "line feed behind the head": b"GET / HTTP/1.1\r\nHost: x\r\n\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "JSON": b'{"controller":"server","action":"now"}\r\n\r\n',
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "PROXY": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n\r\n",
    "an HTTP answer": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}
"""What is no request of HTTP/1.1 or HTTP/1.0."""
