"""A private mongod for a gateway that was given no MongoDB: start, watch, stop.

It is a replica set of one (transactions and change streams ask for that), reached through a unix socket that only this
user may enter; it opens no TCP port and asks for no password. One data folder belongs to one gateway, which holds
`latchgate.lock` in it. The driver stays outside: the few admin commands go through a function that is handed in.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import stat
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.storage.mongod_binary import (
    REPLICA_SET,
    EmbeddedError,
    Launch,
    announce,
    end_announced,
    end_process,
    explain_exit,
    find_mongod,
    forget,
    is_listening,
    parent_of,
    read_place,
    spawn,
)

__all__ = ["EmbeddedError", "EmbeddedMongo", "RunCommand", "announced", "uri"]

RunCommand = Callable[[str, Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Send an admin command over a direct connection to this socket path and return the reply.

Raises a `ConnectionError` when nothing answers, and for a command the server refused an exception whose `code` is the
server's.
"""

_READY_SECONDS = 90.0  # after a crash it replays its journal, then its oplog
_POLL_SECONDS = 0.02
_WATCH_SECONDS = 0.1
_NOT_YET_INITIALIZED = 94
_LONGEST_SOCKET_PATH = 106  # sun_path holds 108 bytes and ends with a zero: unix(7)
_SOCKET_NAME = "mongod.sock"
_LOCK_NAME = "latchgate.lock"


def uri(socket_path: str) -> str:
    """Return the connection string for drivers.

    `directConnection` is enough: the server's greeting says that it is a primary, and transactions and change streams
    need no more. No `replicaSet` is named, so that nothing depends on the name in a data folder brought from elsewhere.
    """
    return f"mongodb://{quote(socket_path, safe='')}/?directConnection=true"


def announced(data_dir: Path) -> str | None:
    """Return the socket path of the mongod that a running gateway keeps for this folder, or None.

    A mongod whose gateway died does not count: its parent is no longer the holder of the lock. It may still be
    starting, so connect with some patience.
    """
    data = data_dir.resolve()
    place = read_place(data)
    return place.socket if place and str(parent_of(place, data)) == _lock_holder(data) else None


class EmbeddedMongo:
    """The mongod of one data folder. Not bound to an event loop: several may take turns.

    Call `start` again when `wait_exit` has told of an unwanted end; the socket path stays the same then, so the
    driver's pools recover by themselves. Call it in a thread that lives as long as the gateway does (see `spawn`).
    `die_with_parent=False` leaves mongod running when the gateway is killed; the next start ends it.
    """

    def __init__(
        self,
        data_dir: Path,
        run: RunCommand,
        *,
        binary: Path | None = None,
        cache_gb: float = 1.0,
        die_with_parent: bool = True,
    ) -> None:
        self._data = data_dir.resolve()
        self._run = run
        self._binary = binary
        self._cache_gb = cache_gb
        self._die_with_parent = die_with_parent
        self._lock: int | None = None
        self._socket: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> str:
        """Start mongod, wait until it takes writes, and return its socket path.

        Raises `EmbeddedError`. After a failed first start nothing is left behind; after a failed restart the folder
        stays locked and the path reserved, for another try or for `stop`. To give up a start, cancel it.
        """
        is_first = self._lock is None
        try:
            if self._lock is None:
                self._lock = _claim(self._data)
                await _end_orphan(self._data)
            if self._socket is None:
                self._socket = _make_socket_folder(self._data, list(_runtime_folders())) / _SOCKET_NAME
            if self._process is None or self._process.poll() is not None:
                await self._launch(self._socket)
            return str(self._socket)
        except BaseException as error:  # a cancelled start must not leave a process behind either
            await (self.stop() if is_first else self._end())
            if isinstance(error, OSError):
                reason = f"{error.strerror} ({error.filename})"
                raise EmbeddedError(f"data folder {self._data} cannot be used: {reason}") from error
            raise

    async def stop(self) -> None:
        """End mongod cleanly (killed after 30 s), and give up socket folder and lock. May be repeated."""
        await self._end()
        if self._socket is not None:
            forget(self._data)
            _remove_socket_folder(self._socket)
        if self._lock is not None:
            os.close(self._lock)
        self._lock = self._socket = self._process = None

    async def wait_exit(self) -> int:
        """Return the exit code of the mongod now running once it has ended, for whatever reason."""
        if self._process is None:
            raise RuntimeError("mongod was not started")
        process = self._process
        # A child watcher would bind the process to one event loop, a waiting thread would hold up the end of the
        # program, and older containers refuse pidfd.
        while (code := process.poll()) is None:  # noqa: ASYNC110 - see above
            await asyncio.sleep(_WATCH_SECONDS)
        return code

    async def _launch(self, path: Path) -> None:
        launch = Launch(
            binary=find_mongod(self._binary),
            socket=path,
            data=self._data,
            cache_gb=self._cache_gb,
            die_with_parent=self._die_with_parent,
        )
        log_start = launch.log.stat().st_size if launch.log.exists() else 0
        process = self._process = spawn(launch)
        announce(launch, process.pid)

        try:
            async with asyncio.timeout(_READY_SECONDS):
                while not (is_listening(path) and await self._is_primary(str(path))):
                    if process.poll() is not None:
                        reason = explain_exit(process.returncode, launch.log, log_start)
                        raise EmbeddedError(f"mongod did not start: {reason} (log: {launch.log})")
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError as error:
            raise EmbeddedError(f"mongod takes no writes after {_READY_SECONDS:.0f} s (log: {launch.log})") from error

    async def _is_primary(self, path: str) -> bool:
        """Take one step towards a writable primary; true when it is one.

        A folder that was copied or moved names an earlier socket path in its config. The node then finds itself in no
        replica set, and only a forced reconfiguration helps.
        """
        reply = await self._command(path, {"replSetGetConfig": 1})
        members = [{"_id": 0, "host": path}]
        if reply.get("code") == _NOT_YET_INITIALIZED:
            await self._command(path, {"replSetInitiate": {"_id": REPLICA_SET, "members": members}})
        elif "config" in reply:
            config = reply["config"]
            if [member["host"] for member in config["members"]] != [path]:
                config = {**config, "version": config["version"] + 1, "members": members}
                await self._command(path, {"replSetReconfig": config, "force": True})
        return (await self._command(path, {"hello": 1})).get("isWritablePrimary") is True

    async def _command(self, path: str, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the reply; of a refusal its code, and nothing where nothing answers."""
        try:
            return await self._run(path, command)
        except (ConnectionError, TimeoutError):
            return {}
        except Exception as error:
            code = getattr(error, "code", None)
            if not isinstance(code, int):
                raise
            return {"code": code}

    async def _end(self) -> None:
        if self._process is not None:
            process = self._process
            await end_process(lambda: process.poll() is None, process.send_signal)


def _claim(data: Path) -> int:
    """Make the folders where they are missing, and return the lock: an open file."""
    try:
        data.mkdir(0o700, parents=True, exist_ok=True)
        (data / "db").mkdir(0o700, exist_ok=True)
    except FileExistsError as error:
        raise EmbeddedError(f"{error.filename} is not a folder") from error
    lock = os.open(data / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
    except BaseException as error:
        os.close(lock)
        if isinstance(error, BlockingIOError):
            holder = _lock_holder(data)
            raise EmbeddedError(f"data folder {data} is in use by another gateway (pid {holder})") from error
        raise
    return lock


def _lock_holder(data: Path) -> str:
    try:
        return (data / _LOCK_NAME).read_text() or "unknown"
    except OSError:
        return "unknown"


async def _end_orphan(data: Path) -> None:
    """End what a killed gateway left: its mongod and its socket folder. The lock must be held."""
    if place := read_place(data):
        await end_announced(place, data)
        _remove_socket_folder(Path(place.socket))
        forget(data)


def _runtime_folders() -> Iterator[Path]:
    """Where sockets of this user belong, best first; the last is there on every system."""
    for name in (os.environ.get("XDG_RUNTIME_DIR"), f"/run/user/{os.getuid()}"):
        if name and os.access(name, os.W_OK) and Path(name).stat().st_uid == os.getuid():
            yield Path(name)
    yield Path(tempfile.gettempdir())
    yield Path("/tmp")  # noqa: S108 - what is made in it is a folder of mode 0700, by mkdir


def _make_socket_folder(data: Path, bases: Sequence[Path]) -> Path:
    """Make a fresh folder of mode 0700 in the first base that will do.

    It is named after the data folder (device and inode), so that the next start has the same path and needs no forced
    reconfiguration: each of those raises the config's version, a 32-bit number, by tens of thousands.
    """
    status = data.stat()
    name = f"latchgate-{status.st_dev:x}-{status.st_ino:x}"
    for base in bases:
        if _is_usable(base, longest=f"{name}-12345678/{_SOCKET_NAME}"):
            with contextlib.suppress(OSError):
                return _fresh_folder(base, name)
    raise EmbeddedError(
        "no folder for mongod's socket, which needs a path under 107 bytes: "
        f"set XDG_RUNTIME_DIR to a short one of yours (tried {', '.join(map(str, bases))})"
    )


def _fresh_folder(base: Path, name: str) -> Path:
    _remove_socket_folder(base / name / _SOCKET_NAME)
    try:
        (base / name).mkdir(0o700)
    except FileExistsError:  # a stranger has taken the name
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=base))
    return base / name


def _is_usable(base: Path, longest: str) -> bool:
    """Whether the socket's path fits, mongod can read it, and nobody else can rename the folder."""
    # --bind_ip is split at commas, and the host in the replica set's config at colons.
    if not re.fullmatch(r"/[\w./+-]*", str(base), re.ASCII) or len(str(base / longest)) > _LONGEST_SOCKET_PATH:
        return False
    if not os.access(base, os.W_OK | os.X_OK) or not base.is_dir():
        return False
    mode = base.stat().st_mode
    return not mode & (stat.S_IWGRP | stat.S_IWOTH) or bool(mode & stat.S_ISVTX)


def _remove_socket_folder(path: Path) -> None:
    """Remove the folder of this socket if it is one of ours; a link in its place is left alone."""
    with contextlib.suppress(OSError):
        status = path.parent.lstat()
        is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
        if is_ours and path.parent.name.startswith("latchgate-") and path.name == _SOCKET_NAME:
            path.unlink(missing_ok=True)
            path.parent.rmdir()
