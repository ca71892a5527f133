"""A change against another commit: `python -m tests.benchmarks.compare --against REF` (`make bench-compare REF=…`).

The gateway as it stands in this tree, changes that are not committed included, and the gateway of another commit,
unpacked into a temporary folder, run at the same time and are measured in short turns, both with the generators of
this tree and the libraries of this environment. What counts is the ratio of the server's CPU, the median over the
turns. How far to believe it is told by the column `spread`, in which the true median lies with 95 % probability, and by
`best`, the ratio of the two cheapest turns. With `--limit` the exit status says whether the change is slower than that.
"""

import argparse
import contextlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.contests import (
    CHECK_TOKEN,
    CONNECTIONS,
    CREATE,
    CURRENT_USER,
    HTTP_CREATE,
    HTTP_NOW,
    NOW,
    NOW_WITH_KEY,
    ROOT,
    Entrant,
    Work,
)
from tests.benchmarks.report import Ratio, Report, Result, facts, markdown, ratio
from tests.benchmarks.stage import Running, start
from tests.benchmarks.turns import play, players

__all__ = ["JOBS", "UnknownCommitError", "main", "too_slow", "unpacked"]


class UnknownCommitError(Exception):
    """There is no such commit, or no gateway in it; the text is for the caller."""


class Job(NamedTuple):
    """One kind of request."""

    title: str
    work: Work
    depth: int = 1


JOBS = {
    "now": Job("server:now", NOW),
    "now8": Job("server:now", NOW, 8),
    "key": Job("server:now, API key", NOW_WITH_KEY),
    "key8": Job("server:now, API key", NOW_WITH_KEY, 8),
    "check_token8": Job("auth:checkToken", CHECK_TOKEN, 8),
    "current_user8": Job("auth:getCurrentUser", CURRENT_USER, 8),
    "connect": Job("connect + server:now", NOW._replace(fresh=True)),
    "create": Job("createApiKey", CREATE, 8),
    "http_now": Job("GET /_now", HTTP_NOW),
    "http_connect": Job("connect + GET /_now", HTTP_NOW._replace(fresh=True)),
    "http_create": Job("POST …/_create", HTTP_CREATE),
}


@contextlib.contextmanager
def unpacked(ref: str, root: Path = ROOT) -> Iterator[Path]:
    """The gateway's sources at a commit, in a folder that goes in the end.

    Raises:
        UnknownCommitError: it has none.
    """
    done = subprocess.run(["git", "archive", ref, "gateway"], cwd=root, capture_output=True, check=False)
    if done.returncode != 0:
        raise UnknownCommitError(f"{ref}: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            archive.extractall(folder, filter="data")
        yield Path(folder)


def speaks_http(port: int) -> bool:
    """Whether a gateway answers a request that is no handshake."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/_now")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def compare(job: Job, servers: list[Running], given: argparse.Namespace) -> list[Result]:
    """One kind of request, here and there."""
    at_work = [
        server._replace(entrant=server.entrant._replace(work=job.work, title=f"{job.title}, {server.entrant.title}"))
        for server in servers
    ]
    with players(at_work) as playing:
        return play(playing, job.depth, given.seconds)


def run(given: argparse.Namespace, tree: Path) -> Report:
    """Every job that both gateways can do; the first entrant is this tree."""
    settings = f"{given.seconds:g} s of each in slices, {CONNECTIONS} connections, against {given.against}"
    about = facts(settings)
    results, ratios = [], []
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(start(Entrant("here", "here", NOW)))
        there = stack.enter_context(start(Entrant("there", given.against, NOW, tree=tree)))
        has_http = speaks_http(here.port) and speaks_http(there.port)
        for job in (JOBS[name] for name in given.only):
            if job.work.scheme == "http" and not has_http:
                print(f"  {job.title}: left out, not both speak HTTP", flush=True)
                continue
            ours, theirs = compare(job, [here, there], given)
            results += [ours, theirs]
            ratios.append(ratio(ours, theirs, f"{job.title}, here / {given.against}"))
    return Report(about, results, ratios)


def too_slow(ratios: Sequence[Ratio], limit: float | None) -> list[str]:
    """A line for each ratio above the limit."""
    slow = [each for each in ratios if limit is not None and each.server_cpu > limit]
    return [f"above {limit:g}: {each.title}, depth {each.depth}: {each.server_cpu:.3f}" for each in slow]


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compare")
    parser.add_argument("--against", required=True, metavar="REF", help="a commit, a branch, a tag")
    parser.add_argument("--seconds", type=float, default=8.0, help="for each kind of request on each side, in slices")
    parser.add_argument("--only", nargs="+", choices=JOBS, default=list(JOBS), help="these requests alone")
    parser.add_argument("--limit", type=float, help="fail if the CPU ratio of any is above, as 1.05")
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Compare with a commit of the repository at `root`.

    Exit status 1 when a reply was wrong or missing, or a ratio is above the limit; 2 when REF is no commit.
    """
    given = arguments(words)
    try:
        with unpacked(given.against, root) as tree:
            report = run(given, tree)
    except UnknownCommitError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"\n{markdown(report)}")
    wrong = any(result.median.errors for result in report.results)
    slow = too_slow(report.ratios, given.limit)
    print(*slow, sep="\n", end="\n" if slow else "", file=sys.stderr)
    return int(wrong or bool(slow))


if __name__ == "__main__":
    sys.exit(main())
