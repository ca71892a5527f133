"""A server of somebody's own, elsewhere than the gateway: a page, the official SDK, and what the page does with it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

__all__ = ["FOLDER", "served_page"]

FOLDER = Path(__file__).parent

_FILES = {
    "/": (FOLDER / "page.html", "text/html; charset=utf-8"),
    "/journeys.js": (FOLDER / "journeys.js", "text/javascript; charset=utf-8"),
    "/kuzzle.js": (FOLDER / "node_modules/kuzzle-sdk/dist/kuzzle.js", "text/javascript; charset=utf-8"),
}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        file, kind = _FILES.get(self.path, (None, ""))
        if file is None:
            self.send_error(404)
            return
        body = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: what the browser did not get, it says itself."""


@contextmanager
def served_page() -> Iterator[str]:
    """Serve the page on a port of its own until the block ends; give its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
