"""What a benchmark run says: medians, ratios, the machine; as Markdown (terminal and docs) and JSON.

A ratio is the median of the ratios of single rounds, ours over the peer measured next to it, because a noisy machine
disturbs neighbours alike; how sure it is tells the interval of `figures.py`.
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
from tests.benchmarks.figures import Figure, figure
from tests.benchmarks.generator import Measure
from tests.benchmarks.revision import commit

__all__ = ["Ratio", "Report", "Result", "Scale", "Verdict", "facts", "markdown", "ratio", "table"]

LIBRARIES = (
    "websockets",
    "httptools",
    "uvloop",
    "msgspec",
    "motor",
    "pymongo",
    "PyJWT",
    "fastapi",
    "uvicorn",
    "picows",
)
BUSY_GENERATOR = 0.9  # cores; from here on it may be the generator that is measured


class Result(msgspec.Struct, frozen=True):
    """All rounds of one server at one depth; unless it is `durable`, what mongod uses is not its doing."""

    name: str
    title: str
    depth: int
    rounds: list[Measure]
    durable: bool = False

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
    """Ours over a peer at one depth.

    Attributes:
        title: for the reader.
        server_cpu: the median; `mongod_cpu` too, or None where one of the two stores nothing.
        spread: the interval of `server_cpu`.
        best_cpu: each side's cheapest round over the other's.
    """

    title: str
    ours: str
    peer: str
    depth: int
    server_cpu: float
    spread: tuple[float, float]
    best_cpu: float
    mongod_cpu: float | None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A target and what became of it.

    Attributes:
        title: for the reader.
        asked: the limit with its sign and unit; empty where nothing is asked.
        unit: of the figures, empty for a ratio.
        measured: None where this run did not measure it.
        peer: the same of what it is measured beside, where that is a figure of its own.
        is_met: None where nothing is asked, nothing was measured, or there were errors.
    """

    title: str
    asked: str
    unit: str
    measured: Figure | None
    peer: Figure | None = None
    is_met: bool | None = None


class Scale(msgspec.Struct, frozen=True):
    """What `scale.py` found, and when: for each kind of request its ratio of 1,000,000 keys to 1,000."""

    measured: str
    ratios: dict[str, Figure]


class Report(msgspec.Struct, frozen=True):
    """One run.

    Attributes:
        facts: the machine, the versions and how it was measured.
        results: of the contests; `ratios` too.
        figures: of what is no contest, by name.
        targets: what was asked for, and whether it is met.
        scale: of the last run of `scale.py` that was written.
    """

    facts: dict[str, str] = {}
    results: list[Result] = []
    ratios: list[Ratio] = []
    figures: dict[str, Figure] = {}
    targets: list[Verdict] = []
    scale: Scale | None = None


def ratio(ours: Result, peer: Result, title: str = "") -> Ratio:
    """Compare two results round by round; without a title it is made of their names."""

    def single(field: str) -> list[float]:
        rounds = [(a, b) for a, b in zip(ours.rounds, peer.rounds, strict=True) if a.requests and b.requests]
        pairs = [(getattr(a, field), getattr(b, field)) for a, b in rounds]
        return [round(a / b, 3) for a, b in pairs if a and b]

    cpu = figure(single("server_us")) or Figure(float("nan"), float("nan"), float("nan"))
    durable = all(measure.mongod_us > 0 for measure in (*ours.rounds, *peer.rounds))
    return Ratio(
        title=title or f"{ours.name} / {peer.name}",
        ours=ours.name,
        peer=peer.name,
        depth=ours.depth,
        server_cpu=cpu.value,
        spread=(cpu.low, cpu.high),
        best_cpu=round(best(ours) / best(peer), 3),
        mongod_cpu=median(single("mongod_us")) if durable and ours.durable else None,
    )


def best(result: Result) -> float:
    """CPU per request of the cheapest round; a window without a request says nothing."""
    found = (each.server_us for each in result.rounds if each.requests and each.server_us)
    return min(found, default=float("nan"))


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
        "commit": commit(),
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
    return [
        result.title,
        str(result.depth),
        f"{measure.requests_per_second:,.0f}",
        f"{measure.server_us:.1f}",
        f"{measure.mongod_us:.1f}" if result.durable and measure.mongod_us else "-",
        f"{measure.p50_ms:.2f}",
        f"{measure.p99_ms:.2f}",
        f"{measure.server_cores:.2f}",
        generator_cell(measure.generator_cores),
    ]


def generator_cell(cores: float) -> str:
    """The share of its core that the generator used, marked where it was about all of it; a bare loop has none."""
    return f"{cores:.2f}{'!' if cores > BUSY_GENERATOR else ''}" if cores else "-"


def ratio_row(found: Ratio) -> list[str]:
    """The cells of one comparison."""
    mongod = "-" if found.mongod_cpu is None else f"{found.mongod_cpu:.2f}"
    return [
        found.title,
        str(found.depth),
        f"{found.server_cpu:.3f}",
        " to ".join(f"{end:.2f}" for end in found.spread),
        f"{found.best_cpu:.3f}",
        mongod,
    ]


def error_lines(results: Sequence[Result]) -> list[str]:
    """A line for each result that had errors, and one before them; none at all where all went well."""
    counted = [(result, result.median.errors) for result in results]
    lines = [f"- {result.title}, depth {result.depth}: {errors} errors" for result, errors in counted if errors]
    return (
        ["Wrong or missing answers; nothing that was read from these servers has a verdict:", "", *lines]
        if lines
        else []
    )


def verdict_row(found: Verdict) -> list[str]:
    """The cells of one target."""
    measured = found.measured
    met = {None: "-", True: "yes", False: "**no**"}[found.is_met]
    if found.asked and measured is not None and measured.errors:
        met = "no verdict"
    spread = "-" if measured is None else f"{digits(measured.low)} to {digits(measured.high)}"
    values = [value_cell(figure, found.unit) for figure in (measured, found.peer)]
    return [found.title, found.asked or "-", values[0], spread, values[1], met]


def value_cell(found: Figure | None, unit: str) -> str:
    """A value with its unit."""
    return "-" if found is None else f"{digits(found.value)} {unit}".rstrip()


def digits(value: float) -> str:
    """Three digits, or all that stand before the point."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def markdown(report: Report) -> str:
    """The whole report, fit to be read in a terminal."""
    headings = (
        "server",
        "depth",
        "requests/s",
        "server µs",
        "mongod µs",
        "p50 ms",
        "p99 ms",
        "core",
        "gen.",
    )
    parts = ["\n".join(f"- {name}: {value}" for name, value in report.facts.items())]
    if report.targets:
        columns = ("target", "asked", "measured", "spread", "peer", "met?")
        parts.append(table(columns, [verdict_row(found) for found in report.targets]))
    parts.append(table(headings, [result_row(result) for result in report.results]))
    if wrong := error_lines(report.results):
        parts.append("\n".join(wrong))
    if report.ratios:
        titles = ("ours / peer", "depth", "server CPU", "spread", "best", "mongod CPU")
        parts.append(table(titles, [ratio_row(found) for found in report.ratios]))
    return "\n\n".join(parts)
