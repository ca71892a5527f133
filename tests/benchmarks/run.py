"""The whole benchmark in one run: `python -m tests.benchmarks` (`make bench`), under ten minutes.

Every contest of `contests.py`, the servers of each running at the same time and measured in turns; what ten thousand
connections cost (`many.py`), a database with more keys (`scale.py`), the time of a start (`starts.py`). What was found
is held against `targets.py`. Prints the tables and writes `build/bench.json` and `build/bench.svg`; `--write` also
renews `docs/performance.md` and the data and the chart beside it.
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
from tests.benchmarks.renewing import renew
from tests.benchmarks.report import Ratio, Report, Result, facts, markdown, ratio
from tests.benchmarks.scale import measure_growth
from tests.benchmarks.stage import play, start_all
from tests.benchmarks.starts import measure_starts
from tests.benchmarks.targets import judge

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
    with start_all(entrants) as servers:
        for depth in contest.depths if servers else ():
            yield from play(servers, depth, given.rounds, given.seconds)


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
    about = facts(f"{given.rounds} rounds of {given.seconds:g} s, {CONNECTIONS} connections")
    began = time.monotonic()
    faults: list[str] = []
    results: dict[tuple[str, int], Result] = {}
    ratios: list[Ratio] = []
    for contest in CONTESTS:
        with noted(faults):
            for result in results_of(contest, given):
                results[result.name, result.depth] = result
        with noted(faults):
            ratios += ratios_of(contest, results)
    figures: dict[str, Figure] = {}
    for name, measure in OTHERS.items():
        if not given.only or name in given.only:
            with noted(faults):
                figures |= measure(given.rounds, given.seconds)
    if faults:
        about["failed"] = "; ".join(faults)
    about["duration"] = f"{time.monotonic() - began:.0f} s"
    report = Report(about, list(results.values()), ratios, figures, scale=read_data().scale)
    return msgspec.structs.replace(report, targets=judge(report))


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line; ends the program where it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    names = [entrant.name for contest in CONTESTS for entrant in contest.entrants] + list(OTHERS)
    parser.add_argument("--seconds", type=float, default=1.5, help="length of a window")
    parser.add_argument("--rounds", type=int, default=3)
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
        split_page(PAGE)  # rather fail now than after the run
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
