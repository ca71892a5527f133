"""The Autobahn test suite against the WebSocket transport: `python tests/autobahn/run.py`.

The fuzzing client of autobahntestsuite 0.8.2 (Python 2.7 only) plays groups 1 to 7 and 10 against
`echo_server.py`. It lives in an environment of its own, `.venv-autobahn`, made once. Where there is
no Python 2.7, or the suite cannot be installed, the run is skipped with its reason and exit status 0;
AUTOBAHN_REQUIRED=1 turns a skip into a failure. Exit status 1 when any case fails or did not run.
"""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

__all__ = ["main"]

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / ".venv-autobahn"
REQUIREMENTS = HERE / "requirements.txt"
REPORTS = HERE / "reports"
AGENT = "latchgate"
GROUPS = ("1", "2", "3", "4", "5", "6", "7", "10")
CASES = 247  # how many the groups above hold in 0.8.2; fewer means a run cut short
ACCEPTED = ("OK", "NON-STRICT", "INFORMATIONAL")
INSTALL_LIMIT = 900.0  # seconds; two of the packages are compiled
RUN_LIMIT = 900.0  # seconds; a run takes well under a minute

Report = dict[str, dict[str, str]]


class SkippedError(Exception):
    """The suite cannot run here; the text says why."""


def candidates() -> Iterator[str]:
    """Names and paths under which a Python 2.7 may be found, the most explicit first."""
    if given := os.environ.get("PYTHON27"):
        yield given
    if found := shutil.which("python2.7"):
        yield found
    for path in sorted(Path.home().glob(".pyenv/versions/2.7*/bin/python2.7")):
        yield str(path)


def find_python27() -> str:
    """The real path of a Python 2.7 that runs; a version manager's shim may exist and refuse."""
    probe = "import sys; print(sys.executable if sys.version_info[:2] == (2, 7) else '')"
    for candidate in candidates():
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            answer = subprocess.run([candidate, "-c", probe], capture_output=True, text=True, timeout=30, check=False)
            if answer.returncode == 0 and answer.stdout.strip():
                return answer.stdout.strip()
    raise SkippedError("no Python 2.7 was found; autobahntestsuite 0.8.2 needs it")


def install(command: list[str | Path]) -> None:
    """Run one step of the installation; its last words are the reason when it fails."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=INSTALL_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SkippedError(f"the installation took more than {error.timeout:.0f} s") from error
    if done.returncode != 0:
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
        reason = (errors or done.stdout.splitlines() or ["no output"])[-1]
        raise SkippedError(f"autobahntestsuite 0.8.2 could not be installed: {reason.strip()}")


def make_environment() -> Path:
    """Path of `wstest`; makes `.venv-autobahn` when it is missing, unfinished or out of date."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = ENVIRONMENT / "requirements.sha256"
    wstest = ENVIRONMENT / "bin" / "wstest"
    if stamp.is_file() and stamp.read_text() == wanted and wstest.is_file():
        return wstest
    python27 = find_python27()
    print(f"making {ENVIRONMENT.name} with {python27}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        # The last virtualenv that can make an environment for Python 2.7 is 20.21.
        venv.create(folder, with_pip=True)
        maker = Path(folder, "bin", "python")
        install([maker, "-m", "pip", "install", "--quiet", "virtualenv<20.22"])
        install([maker, "-m", "virtualenv", "--clear", "--python", python27, ENVIRONMENT])
    install([ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "-r", REQUIREMENTS])
    stamp.write_text(wanted)
    return wstest


@contextlib.asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """The port of a running echo server, which prints it as its first line."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, HERE / "echo_server.py", stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    try:
        if process.stdout is None:
            raise RuntimeError("the echo server has no output")
        first = await asyncio.wait_for(process.stdout.readline(), 30)
        if not first.strip().isdigit():
            raise RuntimeError(f"the echo server did not start: {first!r}")
        yield int(first)
        if process.returncode is not None:
            raise RuntimeError(f"the echo server ended with status {process.returncode}")
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 30)
        except TimeoutError:
            process.kill()


async def fuzz(wstest: Path, port: int) -> None:
    """Play all cases; the reports are in `reports/` afterwards, the client's own words in a log."""
    shutil.rmtree(REPORTS, ignore_errors=True)
    REPORTS.mkdir(parents=True)
    spec = REPORTS / "fuzzingclient.json"
    servers = [{"agent": AGENT, "url": f"ws://127.0.0.1:{port}"}]
    cases = [f"{group}.*" for group in GROUPS]
    what = {"outdir": str(REPORTS), "servers": servers, "cases": cases}
    spec.write_text(json.dumps(what | {"exclude-cases": [], "exclude-agent-cases": {}}))
    with (REPORTS / "wstest.log").open("wb") as log:
        client = await asyncio.create_subprocess_exec(wstest, "-m", "fuzzingclient", "-s", spec, stdout=log, stderr=log)
        try:
            await asyncio.wait_for(client.wait(), RUN_LIMIT)
        except TimeoutError:
            client.kill()
            await client.wait()
            print(f"the fuzzing client was stopped after {RUN_LIMIT:.0f} s")


def read_report() -> Report:
    """Case id → its verdicts, of which `behavior` and `behaviorClose` count."""
    index = REPORTS / "index.json"
    if not index.is_file():
        return {}
    report: dict[str, Report] = json.loads(index.read_text())
    return report.get(AGENT, {})


def judge(report: Report) -> bool:
    """Print the summary; True when every case ran and none failed."""
    verdicts: Counter[str] = Counter()
    failed: list[str] = []
    for case in sorted(report, key=lambda name: [int(part) for part in name.split(".")]):
        found = report[case]
        if {found["behavior"], found["behaviorClose"]} <= set(ACCEPTED):
            verdicts[found["behavior"]] += 1
        else:
            verdicts["FAILED"] += 1
            failed.append(f"{case}: {found['behavior']}, close {found['behaviorClose']}")
    counts = (f"{verdicts[name]} {name.lower()}" for name in (*ACCEPTED, "FAILED"))
    print(f"autobahn: {len(report)} of {CASES} cases: {', '.join(counts)}")
    for line in failed:
        print(f"  failed {line}")
    if failed:
        print(f"  the frames of each case: {REPORTS.relative_to(ROOT)}/index.html")
    return not failed and len(report) >= CASES


async def play(wstest: Path) -> bool:
    """One whole run: server, fuzzing client, judgement."""
    async with echo_server() as port:
        await fuzz(wstest, port)
    return judge(read_report())


def main() -> int:
    """Exit status: 0 when all cases passed or the suite cannot run here, 1 otherwise."""
    try:
        wstest = make_environment()
    except SkippedError as reason:
        print(f"skipped: {reason}")
        return int(os.environ.get("AUTOBAHN_REQUIRED") == "1")
    return int(not asyncio.run(play(wstest)))


if __name__ == "__main__":
    sys.exit(main())
