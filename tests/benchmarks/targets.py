"""What is asked of the gateway, each with its limit and how it is read from a run. Pure.

A ratio is made round by round from what was measured in turns; its median is judged, its interval is shown. CPU is that
of the server; where requests need the database, mongod's is added, on both sides of a ratio. A server that answered
anything wrongly, or not at all, in any round is not judged: what an error costs is not what was asked.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.generator import Measure
from tests.benchmarks.many import FEW, MANY
from tests.benchmarks.report import Report, Verdict

__all__ = ["TARGETS", "Target", "judge"]

Read = Callable[[Report], Figure | None]
Of = Callable[[Measure], float]


class Target(NamedTuple):
    """One demand.

    Attributes:
        title: for the reader.
        read: finds the figure in a run, None if it is not in there.
        limit: None where nothing is asked and the figure is shown all the same.
        unit: of figure and limit; empty for a ratio.
        is_least: the limit is the least that will do, rather than the most.
        peer: finds the same figure of the peer, where it has one of its own.
    """

    title: str
    read: Read
    limit: float | None = None
    unit: str = ""
    is_least: bool = False
    peer: Read | None = None


def server(measure: Measure) -> float:
    """CPU of the server, in microseconds per request."""
    return measure.server_us


def total(measure: Measure) -> float:
    """CPU of the server and of its mongod."""
    return measure.server_us + measure.mongod_us


def middle(measure: Measure) -> float:
    """The median latency, in milliseconds."""
    return measure.p50_ms


def titled(title: str, report: Report) -> str:
    """A title with the number of connections that there were, which is less where few files may be open."""
    crowd = report.figures.get("connections")
    return title if crowd is None else title.replace(f"{MANY:,}", f"{crowd.value:,.0f}")


def per_core_second(measure: Measure) -> float:
    """How many a core does in a second of CPU."""
    return 1e6 / measure.server_us


def found(report: Report, name: str, depth: int) -> Sequence[Measure]:
    """All rounds of an entrant, in their order, so that those of two can be paired; none if it was not measured."""
    return next((each.rounds for each in report.results if (each.name, each.depth) == (name, depth)), [])


def errors(*sides: Sequence[Measure]) -> int:
    """What went wrong in any of their rounds."""
    return sum(measure.errors for rounds in sides for measure in rounds)


def value(name: str, depth: int, of: Of) -> Read:
    """A figure of one entrant."""

    def read(report: Report) -> Figure | None:
        rounds = found(report, name, depth)
        return figure([of(each) for each in rounds if each.requests and each.server_us], errors(rounds))

    return read


def over(ours: str, peer: str, depth: int, of: Of) -> Read:
    """The ratio of a figure of ours to the same of a peer; a round in which one of them has none is left out."""

    def read(report: Report) -> Figure | None:
        sides = found(report, ours, depth), found(report, peer, depth)
        pairs = [(of(a), of(b)) for a, b in zip(*sides, strict=False) if a.requests and b.requests]
        return figure([a / b for a, b in pairs if a and b], errors(*sides))

    return read


def other(name: str) -> Read:
    """A figure that is no contest's."""
    return lambda report: report.figures.get(name)


def scaled(name: str) -> Read:
    """A ratio of the last run of `scale.py` that was written."""
    return lambda report: None if report.scale is None else report.scale.ratios.get(name)


def both_depths(title: str, ours: str, peer: str, limit: float, of: Of = server) -> Iterator[Target]:
    """A ratio with one limit at depth 1 and depth 8."""
    for depth in (1, 8):
        yield Target(f"{title}, depth {depth}", over(ours, peer, depth, of), limit)


def many_connections() -> Iterator[Target]:
    """What is asked of connections."""
    yield Target(
        "connect + first request, of a core",
        value("connect", 1, per_core_second),
        2500,
        "/s",
        is_least=True,
        peer=value("sansio_connect", 1, per_core_second),
    )
    yield Target("memory of an idle connection", other("memory"), 8, "KiB", peer=other("sansio.memory"))
    unit = "µs/s"
    yield Target("CPU of an idle connection, silent", other("silent"), 5, unit, peer=other("sansio.silent"))
    yield Target("…, a WebSocket ping every 2 s", other("ping"), None, unit, peer=other("sansio.ping"))
    yield Target('…, `{"p":1}` every 2 s', other("app_ping"), None, unit)
    title = f"growth, {FEW} → {MANY:,} connections"
    yield Target(f"{title}, 10 of them ask", other("few_ask"), 1.1, peer=other("sansio.few_ask"))
    yield Target(f"{title}, all ask in turns", other("all_ask"), 1.1, peer=other("sansio.all_ask"))


def many_keys() -> Iterator[Target]:
    """What is asked of a full database."""
    bare = over("insert_full", "insert_few", 1, total)
    for name, peer in (("security:createApiKey", bare), ("auth:checkToken", None)):
        yield Target(f"growth, 1 k → 100 k keys, {name}", other(f"keys:{name}"), 1.1, peer=peer)
    for name in ("security:createApiKey", "auth:checkToken", "auth:getCurrentUser"):
        yield Target(f"growth, 1 k → 1 M keys, {name}, as last written", scaled(name), 1.1)


TARGETS: tuple[Target, ...] = (
    *both_depths("server:now / bare Sans-I/O echo", "now", "sansio", 1.35),
    *both_depths("server:now / picows echo (stretch)", "now", "picows", 1.5),
    *both_depths("server:now with an API key / anonymous", "now_key", "now_anonymous", 1.15),
    *both_depths("auth:checkToken / server:now with a key", "check_token", "now_key", 1.5, total),
    *both_depths("auth:getCurrentUser / server:now with a key", "current_user", "now_key", 1.5, total),
    Target("FastAPI, checkToken / auth:checkToken", over("fastapi_check_token", "check_token_again", 1, total)),
    Target(
        "FastAPI, getCurrentUser / auth:getCurrentUser", over("fastapi_current_user", "current_user_again", 1, total)
    ),
    Target(
        "createApiKey, gateway + mongod, depth 8", value("create", 8, total), 200, "µs", peer=value("fastapi", 8, total)
    ),
    Target("FastAPI + insert_one / createApiKey, depth 8", over("fastapi", "create", 8, total), 6, is_least=True),
    Target("bare insert_many / createApiKey, depth 8", over("insert_many", "create", 8, total), 0.3, is_least=True),
    Target("createApiKey, p50 of 1 connection / bare insert_one", over("create_alone", "insert_one", 1, middle), 1.3),
    *many_connections(),
    *many_keys(),
    Target("start to first answer", other("start"), 1.5, "s"),
    Target("two workers / one process, server:now", over("now_two", "now_one", 1, server), 1.1),
    Target("GET /_now / uvicorn", over("http_now", "uvicorn_now", 1, server), 1.2),
)


def judge(report: Report, targets: Sequence[Target] = TARGETS) -> list[Verdict]:
    """Hold a run against the targets."""
    return [verdict(target, report) for target in targets]


def verdict(target: Target, report: Report) -> Verdict:
    """One target: the median counts, unless there were errors."""
    measured, limit = target.read(report), target.limit
    is_met = None
    if measured is not None and not measured.errors and limit is not None:
        is_met = is_within(measured.value, limit, least=target.is_least)
    return Verdict(
        title=titled(target.title, report),
        asked="" if limit is None else f"{'≥' if target.is_least else '≤'} {limit:,g} {target.unit}".rstrip(),
        unit=target.unit,
        measured=measured,
        peer=None if target.peer is None else target.peer(report),
        is_met=is_met,
    )


def is_within(measured: float, limit: float, *, least: bool) -> bool:
    """Whether a value keeps to its limit."""
    return measured >= limit if least else measured <= limit
