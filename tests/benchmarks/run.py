"""The whole benchmark in one run: `python -m tests.benchmarks` (`make bench`), under ten minutes.

Every contest of `contests.py`, the servers of each running at the same time and measured in short turns (`turns.py`);
what ten thousand connections cost (`many.py`), a database with more keys (`scale.py`), the time of a start
(`starts.py`). What was found is held against `targets.py`. Prints the tables and writes `build/bench.json` and
`build/bench.svg`; `--write` also renews `docs/performance.md` and the data and the chart beside it.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from tests.benchmarks.chart import chart
from tests.benchmarks.contests import CONNECTIONS, CONTESTS, ROOT, Contest
from tests.benchmarks.figures import Figure
from tests.benchmarks.many import measure_crowds
from tests.benchmarks.pages import PAGE, read_data, split_page, write_data
from tests.benchmarks.renewing import KUZZLE, renew
from tests.benchmarks.report import Ratio, Report, Result, facts, markdown, ratio
from tests.benchmarks.scale import measure_growth
from tests.benchmarks.stage import start_all
from tests.benchmarks.starts import measure_starts
from tests.benchmarks.targets import judge
from tests.benchmarks.turns import play, players

__all__ = ["arguments", "main", "noted"]

STARTS = 7
OTHERS: dict[str, Callable[[int, float], dict[str, Figure]]] = {
    "connections": measure_crowds,
    "keys": measure_growth,
    "start": lambda _rounds, _seconds: measure_starts(STARTS),
}
"""What is measured beside the contests."""


def results_of(contest: Contest, given: argparse.Namespace) -> Iterator[Result]:
    """All rounds of one contest."""
    entrants = [entrant for entrant in contest.entrants if not given.only or entrant.name in given.only]
    with start_all(entrants) as servers, players(servers) as playing:
        for depth in contest.depths if playing else ():
            yield from play(playing, depth, given.seconds * contest.share)


def ratios_of(contest: Contest, results: Mapping[tuple[str, int], Result]) -> list[Ratio]:
    """The pairs of a contest, as far as both sides were measured; results by name and depth."""
    return [
        ratio(results[ours, depth], results[peer, depth])
        for ours, peer in contest.pairs
        for depth in contest.depths
        if (ours, depth) in results and (peer, depth) in results
    ]


@contextlib.contextmanager
def noted(faults: list[str]) -> Iterator[None]:
    """Let the rest be measured where a part fails; it is told in the report and by the exit status."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, what the other parts found must not be lost with it
        text = f"{type(error).__name__}: {error}"
        print(f"error: {text}", file=sys.stderr)
        faults.append(" ".join(text.split()))  # it becomes one line of a list


def run(given: argparse.Namespace) -> Report:
    """Measure what was asked for."""
    about = facts(f"{given.seconds:g} s of each server in slices, {CONNECTIONS} connections")
    began = time.monotonic()
    durations: dict[str, float] = {}
    faults: list[str] = []
    results: dict[tuple[str, int], Result] = {}
    ratios: list[Ratio] = []
    for contest in CONTESTS:
        with noted(faults):
            for result in results_of(contest, given):
                results[result.name, result.depth] = result
        with noted(faults):
            ratios += ratios_of(contest, results)
    durations["contests"] = time.monotonic() - began
    figures: dict[str, Figure] = {}
    for name, measure in OTHERS.items():
        if not given.only or name in given.only:
            since = time.monotonic()
            with noted(faults):
                figures |= measure(given.rounds, given.window)
            durations[name] = time.monotonic() - since
    if faults:
        about["failed"] = "; ".join(faults)
    parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in durations.items())
    about["duration"] = f"{time.monotonic() - began:.0f} s: {parts}"
    report = Report(about, list(results.values()), ratios, figures, scale=read_data().scale)
    return msgspec.structs.replace(report, targets=judge(report))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ends the program where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    names = [entrant.name for contest in CONTESTS for entrant in contest.entrants] + list(OTHERS)
    parser.add_argument("--seconds", type=float, default=3.5, help="for each server in a contest, all slices together")
    parser.add_argument("--rounds", type=int, default=3, help="of what is no contest")
    parser.add_argument("--window", type=float, default=1.5, help="seconds of a round of what is no contest")
    parser.add_argument("--only", nargs="+", choices=names, help="these alone")
    parser.add_argument("--json", type=Path, default=ROOT / "build" / "bench.json", help="where the data go")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md, .json and .svg")
    given = parser.parse_args(words)
    if given.write and given.only:
        parser.error("--write renews the whole page, so it needs a whole run: leave out --only, or --write")
    return given


def main() -> int:
    """Exit status 1 when any reply was wrong or missing, or a part failed; a target that is missed changes nothing."""
    given = arguments()
    if given.write:
        for section in ("bench", KUZZLE):
            split_page(PAGE, section)  # rather fail now than after the run
    report = run(given)
    text = markdown(report)
    print(f"\n{text}")
    given.json.parent.mkdir(parents=True, exist_ok=True)
    write_data(report, given.json)
    given.json.with_suffix(".svg").write_text(chart(report), encoding="utf-8")
    if given.write:
        renew(report)
    return int("failed" in report.facts or any(result.median.errors for result in report.results))


if __name__ == "__main__":
    sys.exit(main())
