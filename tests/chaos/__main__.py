"""The fault tests in their long form: `python -m tests.chaos` (`make chaos`).

Runs what is asked for, prints a table as each scenario ends, and exits with 1 if a promise was broken. `--write`
renews the figures of docs/reliability.md: those of this run, and of the others the latest ones of this tree.
"""

import argparse
import asyncio
import sys
import tempfile
import traceback
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from tests.chaos.blackouts import survive
from tests.chaos.churn import churn
from tests.chaos.elections import hold_elections
from tests.chaos.figures import Row
from tests.chaos.kills import KILLS, kill_under_load
from tests.chaos.report import Run, markdown, remember, split_page, write_block
from tests.chaos.revoking import revoke_at_random
from tests.mongod import start_mongod, stop_mongod

__all__: list[str] = []

_DATABASE_ELECTS_MS = 10_000  # MongoDB's default
_WARM_UP_S = 600.0
"""Before memory is looked at; of a short run half of it."""


class _Outcome(Protocol):
    def rows(self) -> list[Row]:
        """For the table."""

    def check(self) -> None:
        """Fail if a promise was broken."""


def _kills(given: argparse.Namespace, folder: Path) -> _Outcome:
    return asyncio.run(kill_under_load(folder / "data", list(KILLS) * given.kills, between_s=2.0))


def _elections(given: argparse.Namespace, folder: Path) -> _Outcome:
    return asyncio.run(hold_elections(folder, given.elections, _DATABASE_ELECTS_MS, between_s=5.0))


def _network(given: argparse.Namespace, folder: Path) -> _Outcome:
    mongod, uri = start_mongod(folder / "mongod")
    try:
        return asyncio.run(survive(uri, _new_name(), given.fault_seconds))
    finally:
        stop_mongod(mongod)


def _revoking(given: argparse.Namespace, folder: Path) -> _Outcome:
    mongod, uri = start_mongod(folder / "mongod")
    try:
        return asyncio.run(revoke_at_random(uri, _new_name(), folder, sockets=given.sockets, pace_s=0.2, tried_s=10.0))
    finally:
        stop_mongod(mongod)


def _churn(given: argparse.Namespace, folder: Path) -> _Outcome:
    seconds = 60 * given.minutes
    return asyncio.run(churn(folder, seconds, warm_up_s=min(_WARM_UP_S, seconds / 2), sample_s=1.0, pause_s=0.05))


SCENARIOS: dict[str, Callable[[argparse.Namespace, Path], _Outcome]] = {
    "kills": _kills,
    "elections": _elections,
    "network": _network,
    "revoking": _revoking,
    "churn": _churn,
}

OPTIONS = {
    "kills": ["kills"],
    "elections": ["elections"],
    "network": ["fault-seconds"],
    "revoking": ["sockets"],
    "churn": ["minutes"],
}
"""What each depends on."""


def _new_name() -> str:
    return f"chaos-{uuid.uuid4().hex}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Break things, and count.")
    parser.add_argument("--minutes", type=float, default=30.0, help="of churn")
    parser.add_argument("--kills", type=int, default=10, help="of each kind")
    parser.add_argument("--elections", type=int, default=3, help="of each kind")
    parser.add_argument("--fault-seconds", type=float, default=10.0, help="how long each fault of the network lasts")
    parser.add_argument("--sockets", type=int, default=1000, help="in use while keys are revoked")
    parser.add_argument("--only", nargs="+", choices=SCENARIOS, default=list(SCENARIOS), help="these scenarios alone")
    parser.add_argument("--write", action="store_true", help="renew docs/reliability.md")
    return parser.parse_args()


def _run(name: str, given: argparse.Namespace) -> bool:
    """Run a scenario; tell whether every promise was kept."""
    with tempfile.TemporaryDirectory(prefix="lg-") as folder:
        outcome = SCENARIOS[name](given, Path(folder))
    rows = outcome.rows()
    for row in rows:
        print(f"{row.scenario}: {row.finding}: {row.figure}", flush=True)
    words = {option: getattr(given, option.replace("-", "_")) for option in OPTIONS[name]}
    command = " ".join([f"--only {name}", *(f"--{option} {value:g}" for option, value in words.items())])
    runs = remember(name, Run.of(f'make chaos ARGS="{command}"', rows))
    if given.write:
        write_block(markdown({each: runs[each] for each in SCENARIOS if each in runs}))
    try:
        outcome.check()
    except AssertionError:
        traceback.print_exc()
        return False
    return True


def main() -> int:
    """Exit status 1 when a promise was broken."""
    given = _arguments()
    if given.write:
        split_page()  # rather fail now than after the run
    kept = [_run(name, given) for name in given.only]
    return int(not all(kept))


if __name__ == "__main__":
    sys.exit(main())
