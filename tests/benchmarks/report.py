"""What a benchmark run says: medians, ratios, the machine; as Markdown (terminal and docs) and JSON.

A ratio is the median of the ratios of single rounds, ours over the peer measured next to it, because
a noisy machine disturbs neighbours alike.
"""

import datetime as dt
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import msgspec

from gateway.storage.mongod_binary import find_mongod
from tests.benchmarks.load import Measure

__all__ = ["Ratio", "Report", "Result", "facts", "markdown", "ratio", "split_page", "write_section"]

BEGIN, END = "<!-- bench:start -->", "<!-- bench:end -->"
LIBRARIES = (
    "websockets",
    "uvloop",
    "msgspec",
    "motor",
    "pymongo",
    "PyJWT",
    "fastapi",
    "uvicorn",
    "picows",
)
BUSY_GENERATOR = 0.95  # cores; from here on it may be the generator that is measured


class Result(msgspec.Struct, frozen=True):
    """All rounds of one server at one depth."""

    name: str
    title: str
    depth: int
    rounds: list[Measure]

    @property
    def median(self) -> Measure:
        """Each figure's median over the rounds; errors are summed."""
        whole = {
            field: median(getattr(measure, field) for measure in self.rounds) for field in Measure.__struct_fields__
        }
        return msgspec.convert(
            whole
            | {
                "requests": round(whole["requests"]),
                "errors": sum(measure.errors for measure in self.rounds),
            },
            Measure,
        )


class Ratio(msgspec.Struct, frozen=True):
    """Ours over a peer at one depth; `mongod_cpu` is None where no database is asked."""

    ours: str
    peer: str
    depth: int
    requests_per_second: float
    server_cpu: float
    mongod_cpu: float | None


class Report(msgspec.Struct, frozen=True):
    """One run."""

    facts: dict[str, str]
    results: list[Result]
    ratios: list[Ratio]


def ratio(ours: Result, peer: Result) -> Ratio:
    """Compare two results round by round."""

    def of(field: str) -> float:
        pairs = zip(ours.rounds, peer.rounds, strict=True)
        parts = [getattr(a, field) / (getattr(b, field) or float("nan")) for a, b in pairs]
        return round(float(median(parts)), 3)

    durable = all(measure.mongod_us > 0 for measure in (*ours.rounds, *peer.rounds))
    return Ratio(
        ours=ours.name,
        peer=peer.name,
        depth=ours.depth,
        requests_per_second=of("requests_per_second"),
        server_cpu=of("server_us"),
        mongod_cpu=of("mongod_us") if durable else None,
    )


def processor() -> str:
    """The model of the processor, as Linux names it."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def mongod_version() -> str:
    """First line of `mongod --version`, without its preface."""
    output = subprocess.run([find_mongod(), "--version"], capture_output=True, text=True, check=True).stdout
    return output.partition("\n")[0].removeprefix("db version v")


def facts(settings: str) -> dict[str, str]:
    """The machine, the versions and how it was measured."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]
    return {
        "measured": f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC, {settings}",
        "processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "load before": f"{os.getloadavg()[0]:.2f}",
        "system": f"{platform.system()} {platform.release()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "libraries": ", ".join(versions),
        "mongod": mongod_version(),
    }


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned Markdown table; every column but the first holds numbers."""
    widths = [max(len(row[i]) for row in (headings, *rows)) for i in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = cells
        padded = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
        return "| " + " | ".join([first.ljust(widths[0]), *padded]) + " |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(headings), line(rule), *(line(row) for row in rows)])


def result_row(result: Result) -> list[str]:
    """The cells of one server at one depth."""
    measure = result.median
    is_create = "createApiKey" in result.title
    return [
        result.title,
        str(result.depth),
        f"{measure.requests_per_second:,.0f}",
        f"{measure.server_us:.1f}",
        f"{measure.mongod_us:.1f}" if is_create else "-",
        f"{measure.p50_ms:.2f}",
        f"{measure.p99_ms:.2f}",
        f"{measure.generator_cores:.2f}{'!' if measure.generator_cores > BUSY_GENERATOR else ''}",
    ]


def ratio_row(found: Ratio) -> list[str]:
    """The cells of one comparison."""
    mongod = "-" if found.mongod_cpu is None else f"{found.mongod_cpu:.2f}"
    return [
        f"{found.ours} / {found.peer}",
        str(found.depth),
        f"{found.requests_per_second:.2f}",
        f"{found.server_cpu:.2f}",
        mongod,
    ]


def markdown(report: Report) -> str:
    """The whole report, fit to be read in a terminal."""
    headings = ("server", "depth", "requests/s", "server µs", "mongod µs", "p50 ms", "p99 ms", "gen.")
    parts = [
        "\n".join(f"- {name}: {value}" for name, value in report.facts.items()),
        table(headings, [result_row(result) for result in report.results]),
    ]
    if report.ratios:
        titles = ("ours / peer", "depth", "requests/s", "server CPU", "mongod CPU")
        parts.append(table(titles, [ratio_row(found) for found in report.ratios]))
    return "\n\n".join(parts)


def split_page(page: Path) -> tuple[str, str]:
    """What stands before and after the generated section of a page, markers excluded.

    Raises `ValueError` when the page does not hold both markers.
    """
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    return before, after


def write_section(page: Path, text: str) -> None:
    """Replace the generated section of a page."""
    before, after = split_page(page)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
