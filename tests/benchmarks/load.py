"""A WebSocket load generator that also measures the CPU of the server: `python -m tests.benchmarks.load`.

Every connection keeps a fixed number of requests in flight. A request is a JSON text in which "$ID"
stands for a fresh requestId; its reply must be a JSON object with status 200 and the requestId of a
request that still waits on the same connection, anything else is an error. What happens before the
window opens is warm-up. The result is one line of JSON; exit status 1 if anything went wrong.
"""

import argparse
import asyncio
import os
import resource
import sys
from time import perf_counter

import msgspec
import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from tests.benchmarks.processes import Cpu, cpu_seconds

__all__ = ["Measure", "main"]

DRAIN_LIMIT = 15.0  # seconds in which the last replies must come
SHOWN_ERRORS = 3


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """One window. Latencies in milliseconds, CPU in microseconds per request, cores in 0..n.

    `errors` counts wrong, unknown, repeated and missing replies and lost connections.
    """

    requests: int
    requests_per_second: float
    p50_ms: float
    p99_ms: float
    errors: int
    server_us: float
    mongod_us: float
    server_cores: float
    generator_cores: float


class Reply(msgspec.Struct):
    """The part of a reply that is looked at."""

    status: int
    requestId: str  # noqa: N815 - the wire's name


class Tally:
    """What all connections share: the request's text and the count of what came back."""

    def __init__(self, template: str) -> None:
        self.pieces = template.encode().split(b"$ID")
        self.decode = msgspec.json.Decoder(Reply).decode
        self.latencies: list[float] = []
        self.errors = 0
        self.sending = True

    def error(self, what: str, raw: bytes = b"") -> None:
        """Count it; the first few are shown."""
        self.errors += 1
        if self.errors <= SHOWN_ERRORS:
            print(f"error: {what}: {raw[:400]!r}", file=sys.stderr)


class Client(WSListener):
    """One connection. A reply is answered by the next request until the tally says stop."""

    def __init__(self, number: int, tally: Tally) -> None:
        self.number = number
        self.tally = tally
        self.count = 0
        self.waiting: dict[str, float] = {}
        self.idle = asyncio.Event()
        self.transport: WSTransport | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Keep the transport."""
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Only the end of the run may do that."""
        if self.tally.sending or self.waiting:
            self.tally.error("a connection was lost")
        self.transport = None
        self.idle.set()

    def send(self) -> None:
        """One fresh request."""
        if self.transport is None:
            return
        self.count += 1
        request_id = f"{self.number}-{self.count}"
        message = request_id.encode().join(self.tally.pieces)
        self.waiting[request_id] = perf_counter()
        self.transport.send(WSMsgType.TEXT, message)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Replies are taken, pings answered."""
        if frame.msg_type is WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
        else:
            self.take(frame.get_payload_as_bytes())

    def take(self, raw: bytes) -> None:
        """Check one reply and go on. Time is taken first, so that the check is not counted."""
        now = perf_counter()
        try:
            reply = self.tally.decode(raw)
        except msgspec.MsgspecError:
            self.tally.error("not a reply", raw)
            return
        sent = self.waiting.pop(reply.requestId, None)
        if sent is None:
            self.tally.error("unknown or repeated requestId", raw)
            return
        if reply.status != 200:
            self.tally.error("status", raw)
        else:
            self.tally.latencies.append(now - sent)
        if self.tally.sending:
            self.send()
        elif not self.waiting:
            self.idle.set()


def own_cpu() -> float:
    """CPU seconds of this process."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def connect(number: int, url: str, tally: Tally) -> Client:
    """One open connection."""
    client = Client(number, tally)
    await ws_connect(lambda: client, url)
    return client


async def load(given: argparse.Namespace) -> Measure:
    """Open the connections, warm up, measure, let the last replies come."""
    tally = Tally(given.template)
    clients = [await connect(n, given.url, tally) for n in range(given.connections)]
    for client in clients:
        for _ in range(given.depth):
            client.send()
    await asyncio.sleep(given.warmup)

    tally.latencies.clear()
    begin, own, cpu = perf_counter(), own_cpu(), cpu_seconds(given.pid)
    await asyncio.sleep(given.seconds)
    used, own_used = cpu_seconds(given.pid).since(cpu), own_cpu() - own
    wall, latencies = perf_counter() - begin, sorted(tally.latencies)

    tally.sending = False
    idle = [asyncio.create_task(client.idle.wait()) for client in clients]
    await asyncio.wait(idle, timeout=DRAIN_LIMIT)
    for client in clients:
        if client.waiting:
            tally.error(f"{len(client.waiting)} requests were not answered")
        if client.transport is not None:
            client.transport.disconnect()
    return summary(latencies, wall, used, own_used, tally.errors)


def summary(latencies: list[float], wall: float, used: Cpu, own: float, errors: int) -> Measure:
    """The figures of a window; `latencies` sorted, in seconds."""
    count = len(latencies)

    def percentile(part: float) -> float:
        return round(latencies[int(part * (count - 1))] * 1000, 3) if count else float("inf")

    return Measure(
        requests=count,
        requests_per_second=round(count / wall, 1),
        p50_ms=percentile(0.50),
        p99_ms=percentile(0.99),
        errors=errors,
        server_us=round(used.server / max(count, 1) * 1e6, 2),
        mongod_us=round(used.mongod / max(count, 1) * 1e6, 2),
        server_cores=round(used.server / wall, 3),
        generator_cores=round(own / wall, 3),
    )


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--url", required=True)
    parser.add_argument("--template", required=True, help='JSON text with "$ID" as requestId')
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--depth", type=int, default=1, help="requests in flight per connection")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--warmup", type=float, default=1.0)
    parser.add_argument("--pid", type=int, default=os.getpid(), help="the server's process id")
    parser.add_argument("--core", type=int, default=None, help="the core to stay on")
    return parser.parse_args()


def main() -> int:
    """Run once and print the measure."""
    given = arguments()
    if given.core is not None and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {given.core})
    measure = uvloop.run(load(given))
    print(msgspec.json.encode(measure).decode())
    return int(measure.errors > 0)


if __name__ == "__main__":
    sys.exit(main())
