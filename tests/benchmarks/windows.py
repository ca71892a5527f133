"""Windows on what a generator does: connections ask, the window opens and closes, the last answers come.

Connections stay from one window to the next; with `--fresh` each leaves after its first requests and another comes in
its place, which measures the set-up. What happens before a window opens is warm-up. A window is one line of JSON on
standard output. Without `--obey` there is one, with it there are as many as are ordered on standard input, an `Order` a
line, of whatever requests. Exit status 1 if anything went wrong.
"""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from time import perf_counter

import msgspec
import uvloop

from tests.benchmarks.generator import Client, Measure, Tally, Template, own_cpu, stay_on, summary
from tests.benchmarks.processes import Meter

__all__ = ["Connect", "Load", "Order", "run"]

DRAIN_LIMIT = 15.0  # seconds in which the last replies must come


class Order(msgspec.Struct, frozen=True):
    """What a generator is to do next.

    Attributes:
        options: the request, as the generator's own options name its parts.
        depth: requests in flight on each connection.
        settle: seconds before the window opens.
        seconds: for which it is open.
    """

    options: dict[str, str]
    depth: int
    settle: float
    seconds: float


Connect = Callable[[int, Template], Awaitable[Client]]


class Load:
    """Connections that ask, and a window on them.

    Args:
        given: the command line.
        tally: what all of them share.
        connect: opens one.
        template: makes the template of a request from options.
    """

    def __init__(
        self, given: argparse.Namespace, tally: Tally, connect: Connect, template: Callable[[dict[str, str]], Template]
    ) -> None:
        self.given, self.tally, self.connect, self.template = given, tally, connect, template
        self.clients: list[Client] = []
        self.meter = Meter(given.pid, given.mongod)

    async def measure(self, order: Order) -> Measure:
        """Ask, wait, open the window, close it, let the last answers come."""
        tally, template = self.tally, self.template(order.options)
        before, meter = tally.errors, self.meter
        if tally.stays and not self.clients:
            self.clients = [await self.connect(number, template) for number in range(self.given.connections)]
        tally.begin()
        tasks = [asyncio.create_task(each) for each in self.conversations(template, order.depth)]
        await asyncio.sleep(order.settle)

        tally.latencies.clear()
        begin, own, cpu = perf_counter(), own_cpu(), meter.read()
        await asyncio.sleep(order.seconds)
        used, own_used = meter.read().since(cpu), own_cpu() - own
        wall, latencies = perf_counter() - begin, sorted(tally.latencies)

        tally.stop()
        await self.end(tasks)
        return summary(latencies, wall, used, own_used, tally.errors - before)

    def conversations(self, template: Template, depth: int) -> Sequence[Coroutine[None, None, None]]:
        """What each connection does in a window, or each place of one."""
        if self.tally.stays:
            return [self.converse(client, template, depth) for client in self.clients]
        return [self.visit(number, template, depth) for number in range(self.given.connections)]

    async def converse(self, client: Client, template: Template, depth: int) -> None:
        """Ask on a connection that stays until the tally says stop."""
        if client.is_gone:
            raise ConnectionError("the connection was lost earlier")
        client.template = template
        client.idle.clear()
        client.ask(depth, perf_counter())
        await client.idle.wait()

    async def visit(self, number: int, template: Template, depth: int) -> None:
        """Come, ask and leave, again and again, until the tally says stop."""
        while self.tally.sending:
            since = perf_counter()
            client = await self.connect(number, template)
            client.ask(depth, since)
            await client.idle.wait()
            client.is_leaving = True
            client.leave()

    async def end(self, tasks: Sequence["asyncio.Task[None]"]) -> None:
        """Wait for the last answers; a connection on which they do not come is given up."""
        done, late = await asyncio.wait(tasks, timeout=DRAIN_LIMIT)
        for task in late:
            task.cancel()
            self.tally.error("the last answers did not come")
        for task in done:
            if (error := task.exception()) is not None:
                self.tally.error(repr(error))
        for client in self.clients:
            if not client.idle.is_set():
                client.is_leaving = True
                client.leave()


async def orders(given: argparse.Namespace, request: Sequence[str]) -> AsyncIterator[Order]:
    """Those on standard input, until it ends; without `--obey` the one that the command line is, its request named."""
    if not given.obey:
        options = {name: getattr(given, name) for name in request}
        yield Order(options, given.depth, given.warmup, given.seconds)
        return
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        yield msgspec.json.decode(line, type=Order)


def run(given: argparse.Namespace, measure: Callable[[Order], Awaitable[Measure]], request: Sequence[str]) -> int:
    """Carry out every order, print each measure, return the exit status.

    Args:
        given: the command line.
        measure: opens one window.
        request: the names of the options that say what is asked.
    """

    async def obey() -> int:
        errors = 0
        async for order in orders(given, request):
            found = await measure(order)
            errors += found.errors
            print(msgspec.json.encode(found).decode(), flush=True)
        return int(errors > 0)

    stay_on(given.core)
    return uvloop.run(obey())
