"""Three mongod of the embedded program as one replica set, to be stepped down and killed.

Members and driver meet at unix sockets in one folder of mode 0700; no TCP port is opened and no password asked.
Whatever happens in the block, no process and no folder is left behind it.
"""

import asyncio
import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gateway.storage.mongo import CommandError, run_admin_command
from gateway.storage.mongod_binary import REPLICA_SET, Launch, find_mongod, spawn

__all__ = ["ReplicaSet", "replica_set"]

_MEMBERS = 3
_READY_S = 90.0
_POLL_S = 0.05
_SOON_S = 60
"""How long a primary that stepped down stands for no election."""
_ALREADY_INITIALIZED = 23


class ReplicaSet:
    """The three.

    Args:
        folder: short, for the sockets in it.
        election_timeout_ms: how long the others wait for a silent primary; MongoDB's default is 10,000.
    """

    def __init__(self, folder: Path, election_timeout_ms: int) -> None:
        self._folder = folder
        self._election_timeout_ms = election_timeout_ms
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def uri(self) -> str:
        """The connection string for drivers."""
        hosts = ",".join(quote(self._socket(number), safe="") for number in range(_MEMBERS))
        return f"mongodb://{hosts}/?replicaSet={REPLICA_SET}"

    async def start(self) -> None:
        """Start all, found the set, wait for a primary and for two that follow it."""
        for number in range(_MEMBERS):
            self.restart(number)
        members = [{"_id": number, "host": self._socket(number)} for number in range(_MEMBERS)]
        settings = {
            "electionTimeoutMillis": self._election_timeout_ms,
            "heartbeatIntervalMillis": max(self._election_timeout_ms // 5, 200),
        }
        config = {"_id": REPLICA_SET, "members": members, "settings": settings}
        async with asyncio.timeout(_READY_S):
            while not await self._is_founded(config):  # noqa: ASYNC110 - mongod sends no event
                await asyncio.sleep(_POLL_S)
        await self.wait_whole()

    def restart(self, number: int) -> None:
        """Start a member that does not run; it ends with the thread that calls this."""
        data = self._folder / str(number)
        (data / "db").mkdir(parents=True, exist_ok=True)
        socket = Path(self._socket(number))
        launch = Launch(binary=find_mongod(), socket=socket, data=data, cache_gb=0.25, die_with_parent=True)
        self._processes[number] = spawn(launch)

    async def primary(self) -> int | None:
        """The member that takes writes at this moment."""
        for number in self._processes:
            if (await self._ask(number, {"hello": 1})).get("isWritablePrimary"):
                return number
        return None

    async def wait_primary(self, other_than: int | None = None) -> int:
        """Wait until a member takes writes, and return it."""
        async with asyncio.timeout(_READY_S):
            number = await self.primary()
            while number is None or number == other_than:
                await asyncio.sleep(_POLL_S)
                number = await self.primary()
        return number

    async def wait_whole(self) -> int:
        """Wait until all run and follow one primary, and return it."""
        async with asyncio.timeout(_READY_S):
            while True:
                number = await self.wait_primary()
                status = await self._ask(number, {"replSetGetStatus": 1})
                states = sorted(member["stateStr"] for member in status.get("members", ()))
                if states == ["PRIMARY", "SECONDARY", "SECONDARY"]:
                    return number
                await asyncio.sleep(_POLL_S)

    async def step_down(self) -> int:
        """Have the primary give up its place for a minute; return which it was."""
        number = await self.wait_primary()
        await self._ask(number, {"replSetStepDown": _SOON_S, "secondaryCatchUpPeriodSecs": 10})
        return number

    async def kill_primary(self) -> int:
        """End the primary by SIGKILL; return which it was."""
        number = await self.wait_primary()
        process = self._processes[number]
        process.kill()
        await asyncio.to_thread(process.wait)
        return number

    def close(self) -> None:
        """End all by SIGKILL: what they hold is of no use to anybody."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def _socket(self, number: int) -> str:
        return str(self._folder / f"{number}.sock")

    async def _is_founded(self, config: Mapping[str, Any]) -> bool:
        reply = await self._ask(0, {"replSetInitiate": config})
        return bool(reply.get("ok")) or reply.get("code") == _ALREADY_INITIALIZED

    async def _ask(self, number: int, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """The reply; of a refusal its code, and nothing where nothing answers."""
        if self._processes[number].poll() is not None:
            return {}
        try:
            return await run_admin_command(self._socket(number), command)
        except CommandError as error:
            return {"code": error.code}
        except ConnectionError:
            return {}


@contextlib.asynccontextmanager
async def replica_set(election_timeout_ms: int = 10_000) -> AsyncIterator[ReplicaSet]:
    """A replica set that takes writes, in a folder of its own."""
    folder = Path(tempfile.mkdtemp(prefix="lg-"))
    members = ReplicaSet(folder, election_timeout_ms)
    try:
        await members.start()
        yield members
    finally:
        members.close()
        shutil.rmtree(folder, ignore_errors=True)
