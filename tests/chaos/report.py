"""The table of a run, for the terminal and for docs/reliability.md, whose generated block is replaced."""

import datetime as dt
import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from tests.benchmarks.report import mongod_version, processor, table
from tests.chaos.figures import Row

__all__ = ["PAGE", "Run", "markdown", "remember", "split_page", "write_block"]

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
KEPT = Path(__file__).parents[2] / "build" / "chaos.json"
BEGIN, END = "<!-- chaos:start -->", "<!-- chaos:end -->"


class Run(msgspec.Struct, frozen=True):
    """One scenario: what was typed, where and when, and what was found."""

    command: str
    about: str
    rows: list[Row]

    @classmethod
    def of(cls, command: str, rows: Sequence[Row]) -> "Run":
        """One that has just ended."""
        about = (
            f"{dt.datetime.now(dt.UTC):%Y-%m-%d}, {processor()}, {len(os.sched_getaffinity(0))} cores, "
            f"load {os.getloadavg()[0]:.1f}, MongoDB {mongod_version()}"
        )
        return cls(command, about, list(rows))


def remember(name: str, run: Run) -> dict[str, Run]:
    """Keep the latest run of a scenario; return those of all, so that one can be repeated without the others."""
    runs = msgspec.json.decode(KEPT.read_bytes(), type=dict[str, Run]) if KEPT.exists() else {}
    runs[name] = run
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_bytes(msgspec.json.format(msgspec.json.encode(runs)))
    return runs


def markdown(runs: Mapping[str, Run]) -> str:
    """The tables of each scenario, under the command that makes them."""
    return "\n\n".join(part for run in runs.values() for part in _parts(run))


def _parts(run: Run) -> list[str]:
    groups = itertools.groupby(run.rows, key=lambda row: row.scenario)
    tables = [table((name, ""), [(row.finding, row.figure) for row in group]) for name, group in groups]
    return [f"`{run.command}` ({run.about}):", *tables]


def split_page(page: Path = PAGE) -> tuple[str, str]:
    """What stands before and after the generated block, markers excluded; `ValueError` if it has none."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} lacks the markers {BEGIN} and {END}")
    return before, after


def write_block(text: str, page: Path = PAGE) -> None:
    """Replace the generated block of the page."""
    before, after = split_page(page)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")
