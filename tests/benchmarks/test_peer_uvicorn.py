"""uvicorn is measured at the gateway's very bytes: the peer repeats what it was answered."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.benchmarks.peer_uvicorn import ask
from tests.benchmarks.processes import free_port, serve


class Model(BaseHTTPRequestHandler):
    """Answers the body that it was sent, with headers of its own."""

    def do_GET(self) -> None:
        """Answer without a body of the request."""
        self.answer(b"{}")

    def do_POST(self) -> None:
        """Answer the body."""
        self.answer(self.rfile.read(int(self.headers["Content-Length"])))

    def answer(self, body: bytes) -> None:
        """Write the response."""
        self.send_response_only(200)
        for name, value in {"X-Own": "a, b", "Date": "never", "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def model() -> Iterator[int]:
    """The port of the model."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(("request_line", "body"), [("GET /x", ""), ("POST /x", '{"a":1}')])
def test_the_answer_is_repeated(request_line: str, body: str) -> None:
    """Status, headers and body are those of the model, the date is the peer's own; a second request is as good."""
    with model() as like:
        port = free_port()
        options = {"port": port, "like": like, "request": request_line, "body": body}
        words = [f"--{name}={value}" for name, value in options.items()]
        expected = ask(like, request_line, body)
        with serve([sys.executable, "-m", "tests.benchmarks.peer_uvicorn", *words], port, {}):
            found = [ask(port, request_line, body) for _ in range(2)]

    assert (200, [(b"x-own", b"a, b"), (b"content-length", str(len(body) or 2).encode())]) == expected[:2]
    assert [expected] * 2 == found
