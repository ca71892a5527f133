"""From the start of a process to its first answer: `latchgate serve` on a MongoDB that runs and has a database."""

import contextlib
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.contests import NOW, ROOT
from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.load import HANDSHAKE, text_frame
from tests.benchmarks.processes import free_port, settings_of
from tests.benchmarks.scale import fill
from tests.benchmarks.stage import OPEN
from tests.mongod import start_mongod, stop_mongod

__all__ = ["measure_starts"]

LIMIT = 60.0
POLL = 0.002
USERS = 100
REQUEST = HANDSHAKE % b"localhost" + text_frame(NOW.options["template"].encode())


def answers(port: int) -> bool:
    """Whether `server:now` is answered over WebSocket."""
    received = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as stream:
        stream.sendall(REQUEST)
        while b'"status":200' not in received and (piece := stream.recv(65_536)):
            received += piece
    return b'"status":200' in received


def first_answer(uri: str) -> float:
    """Seconds from the start of a gateway to its first answer.

    Raises:
        RuntimeError: it ended instead, or gave none in time.
    """
    port = free_port()
    command = [sys.executable, "-m", "gateway", "serve", "--host=127.0.0.1", f"--port={port}", f"--mongodb-uri={uri}"]
    begin = time.perf_counter()
    with subprocess.Popen(command, stdout=-3, stderr=-3, cwd=ROOT, env=settings_of(OPEN)) as process:
        try:
            while not answers(port):
                if process.poll() is not None or time.perf_counter() > begin + LIMIT:
                    raise RuntimeError("the gateway gave no answer")
                time.sleep(POLL)
            return time.perf_counter() - begin
        finally:
            process.terminate()


def measure_starts(count: int) -> dict[str, Figure]:
    """The figure `start`, in seconds, over so many starts; that before them, which makes the database, is left out."""
    with tempfile.TemporaryDirectory() as folder:
        mongod, uri = start_mongod(Path(folder))
        try:
            first_answer(uri)
            fill(uri, USERS)
            rounds = [first_answer(uri) for _ in range(count)]
        finally:
            stop_mongod(mongod)
    print(f"  start to first answer: {', '.join(f'{each:.2f}' for each in rounds)} s", flush=True)
    found = figure(rounds)
    return {} if found is None else {"start": found}
