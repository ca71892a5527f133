"""Where the microseconds of one request go: `python -m tests.benchmarks.anatomy [--write]`.

The gateway runs in this process, and its clients have no sockets, so what is counted is Python's share: the kernel's
and the event loop's is left out. Each stage of a request is called by itself, many times, and so is the whole; what
the stages do not explain is the difference. A stage's cost is its cheapest round, because whatever else the machine
does can only add to it. `createApiKey` waits for the database, so of its action and of its whole the CPU of all
threads is counted, with 256 requests under way; mongod is another process and is not in it. The garbage collector is
set as `latchgate serve` sets it.
"""

import argparse
import asyncio
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern

from gateway.actions import Context
from gateway.cli import _spare_the_collector
from gateway.dispatch import Dispatcher
from gateway.protocol.codec import decode_request, encode_response
from gateway.protocol.messages import Request, Response
from gateway.security.tokens import API_KEY_PREFIX, Signer, fingerprint
from tests.benchmarks.contests import CREATE, NOW, NOW_WITH_KEY, ROOT, Entrant, Work
from tests.benchmarks.fake import FakeClient, FakeGateway, Listening, constant, fake_gateway
from tests.benchmarks.generator import Template, stay_on
from tests.benchmarks.insert_load import fresh_record
from tests.benchmarks.load import text_frame
from tests.benchmarks.pages import read_data, split_page, write_section
from tests.benchmarks.report import table
from tests.benchmarks.stage import KEY, SERVER_CORE, USERS
from tests.benchmarks.timing import at_hand, cheapest, cheapest_group, driven
from tests.mongod import start_mongod, stop_mongod

__all__ = ["main"]

PAGE = ROOT / "docs" / "where-the-time-goes.md"
SECTION = "anatomy"
REQUEST_ID = "00000-000000001"
CLIENTS, EACH = 32, 8  # connections, and requests that each has under way
IMMEDIATE = (
    Entrant("now_anonymous", "server:now, anonymous", NOW),
    Entrant("now_key", "server:now, API key", NOW_WITH_KEY),
)


class Anatomy(NamedTuple):
    """One kind of request, microseconds.

    Attributes:
        title: of the request.
        name: of the same request in the contests.
        stages: each measured by itself.
        parts: of the action, measured by themselves too.
        whole: the request.
    """

    title: str
    name: str
    stages: dict[str, float]
    parts: dict[str, float]
    whole: float


FRAMES = "frames: read, unmask, check, and the answer out again"
ENVELOPE = "the envelope decoded"
DISPATCHER = "the dispatcher: one door for every answer"
MIDDLEWARE = "who is it, may they, how often"
ACTION = "router, arguments, action"
ENCODING = "the answer encoded"
STAGES = (FRAMES, ENVELOPE, DISPATCHER, MIDDLEWARE, ACTION, ENCODING)


def nothing_encoded(_: Response) -> bytes:
    """An encoder that costs nothing."""
    return b""


def unreported(error: Exception, _: Request) -> None:
    """A fault of the benchmark's own."""
    raise error


BARE = Dispatcher(lambda _request, _context: constant({}), node="knode-bench", new_id=str, report=unreported)
"""A dispatcher with nothing behind it."""


class Subject(NamedTuple):
    """One kind of request before each of the seams."""

    frame: bytes
    request: Request
    context: Context
    answer: bytes
    response: Response


async def subject(gateway: FakeGateway, work: Work, token: str) -> Subject:
    """Send it once and keep what passes by."""
    text = Template(work.options["template"].replace("$TOKEN", token).encode()).fill(REQUEST_ID)
    gateway.client.transport.written.clear()
    gateway.client.connection.data_received(text_frame(text))
    (answer,) = await gateway.client.replies(1)
    request = decode_request(text, lambda: "")
    gateway.gate.result = {}
    await at_hand(lambda: gateway.dispatcher.endpoint(request, Context(gateway.client.connection)))
    gateway.gate.result = None
    if gateway.gate.seen is None:
        raise RuntimeError("the request did not reach its action")
    kept: list[Response] = []

    def keep(response: Response) -> bytes:
        kept.append(response)
        return answer

    await gateway.dispatcher.answer(request, gateway.client.connection, keep)
    return Subject(text, request, gateway.gate.seen[1], answer, kept[0])


async def common_stages(gateway: FakeGateway, of: Subject, rounds: int) -> dict[str, float]:
    """What every request goes through, but for its action."""
    client, gate, dispatcher = gateway.client, gateway.gate, gateway.dispatcher
    frame, receive = text_frame(of.frame), client.connection.data_received

    def deliver() -> None:
        client.transport.written.clear()
        receive(frame)

    async def nothing() -> None:
        pass

    driving = await cheapest(lambda: driven(nothing()), rounds)
    dispatcher.always = of.answer
    frames = await cheapest(deliver, rounds) - driving
    dispatcher.always = None
    gate.result = {}
    around = (
        await cheapest(lambda: driven(dispatcher.endpoint(of.request, Context(client.connection))), rounds) - driving
    )
    gate.result = None
    return {
        FRAMES: frames,
        DISPATCHER: await cheapest(lambda: driven(BARE.answer(of.request, client.connection, nothing_encoded)), rounds)
        - driving,
        ENVELOPE: await cheapest(lambda: decode_request(of.frame, str), rounds),
        MIDDLEWARE: around,
        ENCODING: await cheapest(lambda: encode_response(of.response), rounds),
    }


async def immediate(gateway: FakeGateway, entrant: Entrant, token: str, rounds: int) -> Anatomy:
    """A request that waits for nothing."""
    of = await subject(gateway, entrant.work, token)
    stages = await common_stages(gateway, of, rounds)
    stages[ACTION] = await cheapest(lambda: driven(gateway.gate.action(of.request, of.context)), rounds)
    frame = text_frame(of.frame)
    client = gateway.client

    def whole() -> None:
        client.transport.written.clear()
        client.connection.data_received(frame)

    return Anatomy(entrant.title, entrant.name, stages, {}, await cheapest(whole, rounds))


async def durable(gateway: FakeGateway, uri: str, rounds: int) -> Anatomy:
    """`createApiKey`, as far as it is the gateway's."""
    of = await subject(gateway, CREATE, "")
    stages = await common_stages(gateway, of, rounds)
    template = Template(CREATE.options["template"].encode())
    texts = [template.fill(REQUEST_ID) for _ in range(CLIENTS * EACH)]
    requests = [decode_request(text, str) for text in texts]
    frames = [b"".join(map(text_frame, texts[first : first + EACH])) for first in range(0, len(texts), EACH)]
    clients = [FakeClient(gateway.factory) for _ in range(CLIENTS)]

    async def act() -> None:
        await asyncio.gather(*(gateway.gate.action(request, of.context) for request in requests))

    async def whole() -> None:
        for client, read in zip(clients, frames, strict=True):
            client.connection.data_received(read)
        await asyncio.gather(*(client.replies(EACH) for client in clients))

    stages[ACTION] = await cheapest_group(act, CLIENTS * EACH, rounds)
    parts = {
        "of it, the token and its fingerprint": await minting(rounds),
        "of it, the driver": await driver(uri, rounds),
    }
    parts["of it, the rest: a task for each, grouping, the owners"] = stages[ACTION] - sum(parts.values())
    return Anatomy("createApiKey", "create", stages, parts, await cheapest_group(whole, CLIENTS * EACH, rounds))


async def minting(rounds: int) -> float:
    """Of one token."""
    signer, jti = Signer(b"a benchmark keeps no secrets, but HS256 wants 32 bytes"), uuid.uuid4().hex
    return await cheapest(
        lambda: fingerprint(signer.mint(API_KEY_PREFIX, "bench", now=1_700_000_000_000, expires_at=-1, jti=jti)), rounds
    )


async def driver(uri: str, rounds: int) -> float:
    """Of one record in a bare `insert_many`."""
    client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri)
    keys = client["bare"].get_collection("keys", write_concern=WriteConcern(w="majority", j=True))
    records = [[fresh_record() for _ in range(CLIENTS * EACH)] for _ in range(rounds)]
    try:
        return await cheapest_group(lambda: keys.insert_many(records.pop(), ordered=False), CLIENTS * EACH, rounds)
    finally:
        client.close()


async def dissect(uri: str, rounds: int, passes: int = 1) -> list[Anatomy]:
    """Every kind of request, several times over, because a disturbance may last longer than a stage is measured."""
    async with fake_gateway(uri) as gateway:
        for user in USERS:
            await gateway.client.ask(user)
        token = (await gateway.client.ask(KEY))["_source"]["token"]
        found = [
            [
                *[await immediate(gateway, entrant, token, rounds) for entrant in IMMEDIATE],
                await durable(gateway, uri, rounds),
            ]
            for _ in range(passes)
        ]
    return [cheapest_of(same) for same in zip(*found, strict=True)]


def cheapest_of(same: Sequence[Anatomy]) -> Anatomy:
    """The least of each stage, part and whole."""
    first = same[0]
    return first._replace(
        stages={name: min(each.stages[name] for each in same) for name in first.stages},
        parts={name: min(each.parts[name] for each in same) for name in first.parts},
        whole=min(each.whole for each in same),
    )


def over_tcp(name: str, depth: int) -> float | None:
    """What `make bench` found when it was written last."""
    found = [each for each in read_data().results if (each.name, each.depth) == (name, depth)]
    return found[0].median.server_us if found else None


def rows(found: Sequence[Anatomy]) -> Iterator[list[str]]:
    """Of the table: the stages, their sum, the whole, and what `make bench` counts."""

    def row(title: str, costs: Sequence[float | None]) -> list[str]:
        return [title, *("-" if cost is None else f"{cost:.2f}" for cost in costs)]

    anonymous, with_key = found[0], found[1]
    for stage in STAGES:
        yield row(stage, [each.stages[stage] for each in found])
        if stage == MIDDLEWARE:
            difference = with_key.stages[stage] - anonymous.stages[stage]
            yield row("of it, the token recognised", [None, difference, *([None] * len(found[2:]))])
        if stage == ACTION:
            for part in dict.fromkeys(part for each in found for part in each.parts):
                yield row(part, [each.parts.get(part) for each in found])
    sums = [sum(each.stages.values()) for each in found]
    yield row("**sum of the stages**", sums)
    yield row("**the whole, measured**", [each.whole for each in found])
    yield row("not attributed", [each.whole - of_stages for each, of_stages in zip(found, sums, strict=True)])
    for depth in (8, 1):
        title = f"the same over TCP, depth {depth}, as last written"
        yield row(title, [over_tcp(each.name, depth) for each in found])


def main() -> int:
    """Measure and print; with --write, into the page too."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.anatomy")
    parser.add_argument("--rounds", type=int, default=10, help="of each stage, in a pass")
    parser.add_argument("--passes", type=int, default=4)
    parser.add_argument("--write", action="store_true", help="renew docs/where-the-time-goes.md")
    given = parser.parse_args()
    if given.write:
        split_page(PAGE, SECTION)
    with tempfile.TemporaryDirectory() as folder:
        mongod, uri = start_mongod(Path(folder))
        stay_on(SERVER_CORE)
        _spare_the_collector()
        try:
            with asyncio.Runner(loop_factory=Listening) as runner:
                found = runner.run(dissect(uri, given.rounds, given.passes))
        finally:
            stop_mongod(mongod)
    text = table(["CPU µs per request", *(each.title for each in found)], list(rows(found)))
    print(text)
    if given.write:
        write_section(PAGE, text, SECTION)
    return 0


if __name__ == "__main__":
    sys.exit(main())
