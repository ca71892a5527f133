"""The whole benchmark in one run: `python -m tests.benchmarks` (`make bench`).

Every contest of `contests.py`, 32 connections each: `server:now` against servers that do nothing but WebSocket and
JSON, durable `security:createApiKey` against FastAPI, both again over HTTP against uvicorn. The servers of a contest
run at the same time and are measured in turns. Prints the table and writes `build/bench.json`; `--write` also renews
the section of `docs/performance.md`.
"""

import argparse
import contextlib
import sys
from collections.abc import Iterator

import msgspec

from tests.benchmarks.contests import CONTESTS, ROOT, Entrant
from tests.benchmarks.report import Report, Result, facts, markdown, ratio, split_page, write_section
from tests.benchmarks.stage import CONNECTIONS, Running, play, start

__all__ = ["main"]

PAGE = ROOT / "docs" / "performance.md"


def results_of(entrants: list[Entrant], depths: tuple[int, ...], given: argparse.Namespace) -> Iterator[Result]:
    """All rounds of one contest."""
    with contextlib.ExitStack() as stack:
        servers: list[Running] = []
        for entrant in entrants:
            servers.append(stack.enter_context(start(entrant, servers[0] if servers else None)))
        for depth in depths:
            yield from play(servers, depth, given.rounds, given.seconds)


def run(given: argparse.Namespace) -> Report:
    """Play the contests that were asked for."""
    settings = f"{given.rounds} rounds of {given.seconds:g} s, {CONNECTIONS} connections"
    about = facts(settings)
    results: dict[tuple[str, int], Result] = {}
    ratios = []
    for contest in CONTESTS:
        entrants = [e for e in (contest.ours, *contest.peers) if not given.only or e.name in given.only]
        results |= {(result.name, result.depth): result for result in results_of(entrants, contest.depths, given)}
        ratios += [
            ratio(results[contest.ours.name, depth], results[peer.name, depth])
            for peer in contest.peers
            for depth in contest.depths
            if {contest.ours.name, peer.name} <= {entrant.name for entrant in entrants}
        ]
    return Report(about, list(results.values()), ratios)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    names = [entrant.name for contest in CONTESTS for entrant in (contest.ours, *contest.peers)]
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=names, help="these servers alone")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md")
    return parser.parse_args()


def main() -> int:
    """Exit status 1 when any reply was wrong or missing."""
    given = arguments()
    if given.write:
        split_page(PAGE)  # rather fail now than after the run
    report = run(given)
    text = markdown(report)
    print(f"\n{text}")
    target = ROOT / "build" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if given.write:
        write_section(PAGE, text)
    return int(any(result.median.errors for result in report.results))


if __name__ == "__main__":
    sys.exit(main())
