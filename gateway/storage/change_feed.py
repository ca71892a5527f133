"""One change stream of MongoDB, read batch by batch in a thread of its own.

Rules of the file: the driver's other home beside `mongo.py`. The stream has a client of its own: its reads wait on
purpose, which the bound on operations would not let them, and it goes to another server where there is no primary.
"""

import asyncio
import contextlib
import functools
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, cast

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import PrimaryPreferred

from gateway.storage.changes import Batch, Change, HistoryLost, StreamBroken

__all__ = ["ChangeFeed", "stages"]

Result = TypeVar("Result")

_MOST_CHANGES = 1000
"""In one answer of the database; fewer say that no more were waiting."""

_HISTORY_LOST = frozenset((136, 260, 280, 286))
"""CappedPositionLost, InvalidResumeToken, ChangeStreamFatalError, ChangeStreamHistoryLost."""


def stages(everything: Sequence[str], but_inserts: Sequence[str]) -> list[dict[str, Any]]:
    """What the database sends of the changes: for `everything` all, for `but_inserts` all but new documents."""
    wanted: list[dict[str, Any]] = [
        {"ns.coll": {"$in": list(everything)}},
        {"ns.coll": {"$in": list(but_inserts)}, "operationType": {"$ne": "insert"}},
    ]
    return [{"$match": {"$or": wanted}}, {"$project": {"operationType": 1, "ns.coll": 1, "documentKey": 1}}]


class _Batches(CommandListener):
    """Counts the changes of the latest answer: the driver's change stream does not tell where one ends."""

    def __init__(self) -> None:
        self.left = 0
        self.is_all = True

    def started(self, event: CommandStartedEvent) -> None:
        """Not looked at."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Not looked at."""

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Note how many came."""
        cursor = event.reply.get("cursor")
        if isinstance(cursor, Mapping):
            self.left = len(cursor.get("nextBatch", cursor.get("firstBatch", ())))
            self.is_all = self.left < _MOST_CHANGES


class ChangeFeed:
    """A change stream; see `changes.Feed`.

    Args:
        uri: where MongoDB is.
        database: name of the database.
        stages: see `stages`.
        wait_ms: how long the database holds back an answer that tells nothing.
        timeout_s: how long it may take over an answer beyond that.
    """

    def __init__(
        self, uri: str, database: str, stages: Sequence[Mapping[str, Any]], wait_ms: int, timeout_s: float
    ) -> None:
        self._batches = _Batches()
        self._stages = stages
        self._wait_ms = wait_ms
        self._name = database
        self._options: dict[str, Any] = {
            "appname": "latchgate",
            "serverSelectionTimeoutMS": 1000,
            "connectTimeoutMS": round(timeout_s * 1000),
            "socketTimeoutMS": round(timeout_s * 1000) + wait_ms,
            "timeoutMS": None,
            "event_listeners": [self._batches],
        }
        self._uri = uri
        self._client: MongoClient[dict[str, Any]] | None = None
        self._stream: Any = None
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def open(self, position: object | None) -> None:
        """Begin after a position, None for now.

        Raises:
            StreamBroken, HistoryLost: see `changes.Feed`.
        """
        try:
            await self._run(functools.partial(self._open, position))
        except StreamBroken as broken:
            if position is not None and isinstance(broken.__cause__, OperationFailure):
                raise HistoryLost from broken  # the database answers, and refuses the position
            raise

    async def read(self) -> Batch:
        """Wait for changes; raises as `open`."""
        return await self._run(self._read)

    def close(self) -> None:
        """End, in the feed's own thread: it may be waiting, and nobody waits for it."""
        self._jobs.put(self._end)
        self._jobs.put(None)

    async def _run(self, work: Callable[[], Result]) -> Result:
        """Do work in the feed's thread, a daemon: a silent database must not keep the process from ending."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="latchgate-changes", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Result] = loop.create_future()

        def settle(result: Result | None, error: Exception | None) -> None:
            if done.cancelled():
                return
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(cast("Result", result))

        def job() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as fault:  # noqa: BLE001 - told to whoever waits
                error = _stream_error(fault)
            with contextlib.suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(settle, result, error)

        self._jobs.put(job)
        return await done

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _open(self, position: object | None) -> None:
        if self._stream is not None:
            with contextlib.suppress(PyMongoError):
                self._stream.close()
            self._stream = None
        if self._client is None:
            self._client = MongoClient(self._uri, **self._options)
        database = self._client.get_database(
            self._name, read_preference=PrimaryPreferred(), read_concern=ReadConcern("majority")
        )
        self._stream = database.watch(
            self._stages,
            resume_after=cast("Mapping[str, Any] | None", position),
            max_await_time_ms=self._wait_ms,
            batch_size=_MOST_CHANGES,
        )

    def _read(self) -> Batch:
        changes: list[Change] = []
        while True:
            change = self._stream.try_next()
            if change is None:
                break
            changes.append(_change(change))
            self._batches.left -= 1
            if self._batches.left <= 0:
                break
        if not self._stream.alive:  # the database was dropped, for example
            raise HistoryLost
        return Batch(changes, self._batches.is_all, self._stream.resume_token)

    def _end(self) -> None:
        with contextlib.suppress(PyMongoError):
            if self._stream is not None:
                self._stream.close()
            if self._client is not None:
                self._client.close()


def _change(event: Mapping[str, Any]) -> Change:
    return Change(event["ns"]["coll"], event.get("documentKey", {}).get("_id"), event["operationType"])


def _stream_error(error: Exception) -> Exception:
    if isinstance(error, OperationFailure) and error.code in _HISTORY_LOST:
        return HistoryLost()
    if not isinstance(error, PyMongoError):
        return error
    broken = StreamBroken(type(error).__name__)
    broken.__cause__ = error
    return broken
