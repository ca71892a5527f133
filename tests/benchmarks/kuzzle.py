"""Reference points: what Kuzzle itself reached, beside what we do. Pure.

They were measured once, before this gateway was begun, and stand here as they were noted; no run of ours repeats them.
"""

from collections.abc import Callable
from typing import NamedTuple

from tests.benchmarks.report import Report, table

__all__ = ["REFERENCES", "Reference", "beside_kuzzle"]

BYTES_PER_KIB, BYTES_PER_KB = 1024, 1000


class Reference(NamedTuple):
    """One reference point.

    Attributes:
        title: for the reader.
        reached: by Kuzzle 2.56, in `unit`.
        unit: of the row.
        ours: finds the same in a run of ours, None if it is not in there.
    """

    title: str
    reached: float
    unit: str
    ours: Callable[[Report], float | None]


def rate(name: str, depth: int) -> Callable[[Report], float | None]:
    """Requests per second of an entrant."""

    def read(report: Report) -> float | None:
        for result in report.results:
            if (result.name, result.depth) == (name, depth):
                return result.median.requests_per_second
        return None

    return read


def memory(report: Report) -> float | None:
    """KB of one idle connection."""
    found = report.figures.get("memory")
    return None if found is None else found.value * BYTES_PER_KIB / BYTES_PER_KB


REFERENCES = (
    Reference("`server:now`, anonymous, depth 1", 2800, "/s", rate("now_anonymous", 1)),
    Reference("`server:now`, anonymous, depth 8", 4100, "/s", rate("now_anonymous", 8)),
    Reference("`server:now`, API key, depth 1", 550, "/s", rate("now_key", 1)),
    Reference("`server:now`, API key, depth 8", 510, "/s", rate("now_key", 8)),
    Reference("`security:createApiKey`, depth 1", 330, "/s", rate("create", 1)),
    Reference("`security:createApiKey`, depth 8", 460, "/s", rate("create", 8)),
    Reference("the same, Kuzzle's slow JWT call repaired, depth 1", 760, "/s", rate("create", 1)),
    Reference("the same, Kuzzle's slow JWT call repaired, depth 8", 880, "/s", rate("create", 8)),
    Reference("connections set up", 1270, "/s", rate("connect", 1)),
    Reference("memory of a connection after one request with an API key", 17, "KB", memory),
)


def beside_kuzzle(report: Report) -> str:
    """The table, as Markdown."""
    return table(["work", "Kuzzle 2.56", "Latchgate"], [row(each, report) for each in REFERENCES])


def row(reference: Reference, report: Report) -> list[str]:
    """The cells of one reference point."""
    ours = reference.ours(report)
    digits = 0 if reference.unit == "/s" else 1
    return [
        reference.title,
        f"{reference.reached:,g} {reference.unit}",
        "-" if ours is None else f"{ours:,.{digits}f} {reference.unit}",
    ]
