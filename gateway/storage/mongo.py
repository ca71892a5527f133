"""MongoDB through Motor: collections, indexes, write concern, errors, change streams.

Rules of the file: knows the driver; those of its calls that block are in `blocking.py`. What leaves it is plain
dictionaries and errors of `gateway.protocol.errors`; no text of the driver reaches a client. Every write is
acknowledged by a majority and journaled before it returns; reads see what a majority has.
"""

import asyncio
import contextlib
import functools
import itertools
import logging
import random
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import bson
import pymongo
from bson.errors import BSONError
from bson.raw_bson import RawBSONDocument
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import IndexModel, MongoClient, ReturnDocument
from pymongo.errors import (
    ConfigurationError,
    ConnectionFailure,
    DocumentTooLarge,
    DuplicateKeyError,
    InvalidURI,
    OperationFailure,
    PyMongoError,
)
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import Primary
from pymongo.write_concern import WriteConcern

from gateway.protocol.errors import api_error
from gateway.storage.blocking import Beside, Insert, Look, insert_and_look, look_up, read_points
from gateway.storage.change_feed import ChangeFeed, stages
from gateway.storage.group_commit import GroupCommit, GroupRead, Told
from gateway.storage.threads import Threads

__all__ = [
    "Ambiguous",
    "Beside",
    "ChangeFeed",
    "Collection",
    "CommandError",
    "Database",
    "Document",
    "Look",
    "MongoUnreachable",
    "run_admin_command",
]

Document = dict[str, Any]
Transaction = Any
"""A driver session inside a transaction; only handed on."""

_log = logging.getLogger("latchgate.storage")

_LARGEST_DOCUMENT_BYTES = 16_777_216  # MongoDB's limit
_UNUSABLE_QUERY = frozenset((2,))  # BadValue: a sort by two lists, for example, which no look at the query shows
_LONGEST_KEY = 1024  # characters; no stored key is longer, and long ones must not fill a query that others share
_FIRST_PAUSE_S = 0.005
_LONGEST_PAUSE_S = 0.5
_UNSTORABLE = (BSONError, DocumentTooLarge, OverflowError, RecursionError, UnicodeError)
_DURABLE = WriteConcern(w="majority", j=True)


class Ambiguous(Exception):  # noqa: N818 - a state of knowledge, not a fault of the caller
    """A write was sent and its outcome is unknown: the connection broke before the answer."""


class MongoUnreachable(Exception):  # noqa: N818 - named for the operator
    """The MongoDB server does not answer or refuses us, at start; the text is for the operator."""


class CommandError(Exception):
    """A server refused an administrative command; `code` is MongoDB's number for the reason."""

    def __init__(self, message: str, code: int | None) -> None:
        super().__init__(message)
        self.code = code


class Database:
    """The gateway's database.

    Args:
        uri: where MongoDB is.
        name: name of the database.
        selection_timeout_ms: how long to look for a server that takes writes.
        timeout_ms: how long one operation may take, retries included.
        pool_size: most connections.
    """

    def __init__(
        self, uri: str, name: str, *, selection_timeout_ms: int = 5000, timeout_ms: int = 10_000, pool_size: int = 32
    ) -> None:
        try:
            self._client: Any = AsyncIOMotorClient(
                uri,
                appname="latchgate",
                maxPoolSize=pool_size,
                serverSelectionTimeoutMS=selection_timeout_ms,
                timeoutMS=timeout_ms,
                tz_aware=True,
            )
        except (InvalidURI, ConfigurationError, ValueError) as error:
            raise MongoUnreachable(f"mongodb.uri is not usable: {error}") from error
        self._uri = uri
        self._feeds: list[ChangeFeed] = []
        self._threads = Threads("latchgate-storage")
        self._timeout_s = timeout_ms / 1000
        self._selection_timeout_s = selection_timeout_ms / 1000
        # Whatever the connection string prefers: a member that lags behind would show what is gone.
        self._database = self._client.get_database(
            name, read_preference=Primary(), write_concern=_DURABLE, read_concern=ReadConcern("majority")
        )

    async def connect(self) -> str:
        """Check that the server answers and is a replica set; return its version.

        Raises:
            MongoUnreachable: with a sentence for the operator.
        """
        try:
            # The bound of operations, which is longer, would hold in its place.
            with pymongo.timeout(self._selection_timeout_s):
                hello = await self._client.admin.command("hello")
                info = await self._client.admin.command("buildInfo")
        except (PyMongoError, ssl.SSLError) as error:
            raise MongoUnreachable(f"MongoDB cannot be reached: {type(error).__name__}") from error
        if "setName" not in hello:
            raise MongoUnreachable("this MongoDB is no replica set; start it with --replSet and run rs.initiate() once")
        return str(info["version"])

    async def ping(self) -> bool:
        """Tell whether the server answers."""
        try:
            await self._client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def collection(self, name: str) -> "Collection":
        """The collection of that name; each has lanes of its own, so ask once and keep it."""
        return Collection(self._database[name], self._threads, self._timeout_s)

    async def transaction(self, work: Callable[[Transaction], Coroutine[Any, Any, None]]) -> None:
        """Run `work` so that all its writes happen or none; it may run again after a conflict.

        It is not begun again once it has taken as long as one operation may; the driver would go on for two minutes.

        Raises:
            ApiError: what `work` raised, or that the database cannot be reached.
        """
        until = time.monotonic() + self._timeout_s
        with _translated():
            async with await self._client.start_session() as session:
                for attempt in itertools.count():
                    if await _attempt(session, work, until):
                        return
                    await _give_way(attempt)

    def changes(self, everything: Sequence[str], but_inserts: Sequence[str] = (), wait_ms: int = 200) -> "ChangeFeed":
        """A change stream over some collections, on connections of its own.

        Args:
            everything: collections of whose every write it tells.
            but_inserts: collections of whose new documents it tells nothing.
            wait_ms: how long the database holds back an answer that tells nothing.
        """
        feed = ChangeFeed(self._uri, self._database.name, stages(everything, but_inserts), wait_ms, self._timeout_s)
        self._feeds.append(feed)
        return feed

    def close(self) -> None:
        """Drop every connection.

        The driver takes leave of the server before, without any bound: in a thread that nobody waits for.
        """
        threading.Thread(target=self._client.close, daemon=True).start()
        self._threads.close()
        for feed in self._feeds:
            feed.close()

    async def drop(self) -> None:
        """Delete the whole database (tests)."""
        await self._client.drop_database(self._database.name)


class Collection:
    """One collection; documents are dictionaries with `_id`.

    Attributes:
        timeout_s: how long one operation may take, retries included.
    """

    def __init__(self, collection: Any, threads: Threads, timeout_s: float) -> None:
        self._collection = collection
        self._threads = threads
        self.timeout_s = timeout_s
        self._inserts: GroupCommit[Insert, Look | None] = GroupCommit(self._insert_group)
        self._reads: dict[str, GroupRead[str, Document]] = {}

    async def index(self, *keys: str, unique: bool = False, expire: bool = False) -> None:
        """Make sure of an index over the keys; `expire` deletes a document once the date in its key has passed."""
        options: dict[str, Any] = {"expireAfterSeconds": 0} if expire else {}
        model = IndexModel([(key, 1) for key in keys], unique=unique, **options)
        with _translated():
            await self._collection.create_indexes([model])

    async def get(self, key: str, field: str = "_id") -> Document | None:
        """The document whose `field`, a unique one, is `key`; shares a query with other calls of the moment.

        The document may be shared with other callers: do not change it.
        """
        if len(key) > _LONGEST_KEY:
            return None
        reads = self._reads.get(field)
        if reads is None:
            reads = self._reads[field] = GroupRead(functools.partial(self._read_group, field))
        return await reads.get(key)

    def places(self, *fields: str) -> Callable[[str], Beside]:
        """How to name a document, by its `_id`, for a look from another collection; `fields` are what is read of it."""
        return functools.partial(Beside, functools.partial(look_up, self._collection.delegate, fields))

    async def insert(self, document: Document, beside: Beside | None = None) -> Look | None:
        """Store a document through the group commit, then look at another one.

        Args:
            document: what to store.
            beside: what to look at; the reading begins once the document is durable.

        Returns:
            What was seen; None if nobody has looked: it was not asked for, or could not be read.

        Raises:
            Ambiguous: it may or may not have been stored.
            ApiError: `services.storage.document_already_exists` and other refusals; nothing was stored.
        """
        try:
            encoded = bson.encode(document)
        except _UNSTORABLE as error:
            raise api_error("services.storage.unexpected_bad_request", "it cannot be stored") from error
        if len(encoded) > _LARGEST_DOCUMENT_BYTES:  # refused here, or its neighbours in the group go down with it
            raise api_error("services.storage.unexpected_bad_request", "it cannot be stored")
        return await self._inserts.submit((RawBSONDocument(encoded), beside))

    async def insert_one(self, document: Document, transaction: Transaction = None) -> None:
        """Store a document by itself, possibly inside a transaction.

        Raises:
            ApiError: `services.storage.document_already_exists` and others.
        """
        with _translated(inside=transaction):
            await self._collection.insert_one(document, session=transaction)

    async def find_one(self, query: Document, transaction: Transaction = None) -> Document | None:
        """The first document that matches."""
        with _translated(inside=transaction):
            found: Document | None = await self._collection.find_one(query, session=transaction)
            return found

    async def find(
        self,
        query: Document,
        *,
        sort: Sequence[tuple[str, int]] = (("_id", 1),),
        skip: int = 0,
        limit: int = 0,
        fields: Sequence[str] | None = None,
    ) -> list[Document]:
        """Documents that match, in order; `limit` 0 means all, `fields` None whole ones."""
        with _translated():
            cursor = self._collection.find(query, fields, sort=list(sort), skip=skip, limit=limit)
            documents: list[Document] = await cursor.to_list(None)
            return documents

    async def count(self, query: Document) -> int:
        """How many documents match.

        Of all of them the database keeps count, so that this does not grow with their number; after a crash of the
        database itself that count may be off by what was being written.
        """
        with _translated():
            if not query:
                return int(await self._collection.estimated_document_count())
            return int(await self._collection.count_documents(query))

    async def update_one(
        self, query: Document, update: Document, *, upsert: bool = False, transaction: Transaction = None
    ) -> bool:
        """Change the first document that matches (operators in `update`); tell whether there was or now is one."""
        with _translated(inside=transaction):
            done = await self._collection.update_one(query, update, upsert=upsert, session=transaction)
            return bool(done.matched_count or done.upserted_id is not None)

    async def change(self, key: str, stages: list[Document]) -> Document:
        """Change the document with that `_id`, or make it, by stages of a pipeline; return what it is then.

        For what is worth nothing after a crash: one server knows of the change when this returns.
        """
        quick = self._collection.with_options(write_concern=WriteConcern(w=1))
        with _translated():
            changed: Document = await quick.find_one_and_update(
                {"_id": key}, stages, upsert=True, return_document=ReturnDocument.AFTER
            )
            return changed

    async def update_many(
        self, query: Document, update: Document | list[Document], transaction: Transaction = None
    ) -> int:
        """Change every document that matches (operators, or stages of a pipeline); return how many did."""
        with _translated(inside=transaction):
            done = await self._collection.update_many(query, update, session=transaction)
            return int(done.matched_count)

    async def replace_one(self, document: Document, transaction: Transaction = None) -> None:
        """Put a document in the place of the one with its `_id`, or store it."""
        with _translated(inside=transaction):
            await self._collection.replace_one({"_id": document["_id"]}, document, upsert=True, session=transaction)

    async def delete_one(self, query: Document, transaction: Transaction = None) -> bool:
        """Delete the first document that matches; tell whether there was one."""
        with _translated(inside=transaction):
            done = await self._collection.delete_one(query, session=transaction)
            return bool(done.deleted_count)

    async def delete_many(self, query: Document, transaction: Transaction = None) -> int:
        """Delete what matches; return how many."""
        with _translated(inside=transaction):
            done = await self._collection.delete_many(query, session=transaction)
            return int(done.deleted_count)

    def _insert_group(self, group: list[Insert], told: Told[list[Look | Exception | None]]) -> None:
        def work() -> list[Look | Exception | None]:
            with _translated(writing=True):
                return insert_and_look(self._collection.delegate, group)

        self._threads.run(work, told)

    def _read_group(self, field: str, keys: list[str], told: Told[dict[str, Document]]) -> None:
        def work() -> dict[str, Document]:
            with _translated():
                return read_points(self._collection.delegate, field, keys)

        self._threads.run(work, told)


async def run_admin_command(socket_path: str, command: Mapping[str, Any]) -> dict[str, Any]:
    """Send one command to the `admin` database of the server on a unix socket.

    Raises:
        ConnectionError: nothing answers there.
        CommandError: the server refused.
    """

    def run() -> dict[str, Any]:
        options: dict[str, Any] = {"directConnection": True, "serverSelectionTimeoutMS": 500}
        client: MongoClient[dict[str, Any]] = MongoClient(f"mongodb://{quote(socket_path, safe='')}/", **options)
        try:
            return dict(client.admin.command(dict(command)))
        finally:
            client.close()

    try:
        return await asyncio.to_thread(run)
    except OperationFailure as error:
        raise CommandError(str(error), error.code) from error
    except ConnectionFailure as error:
        raise ConnectionError(f"no mongod answers at {socket_path}") from error


async def _attempt(session: Any, work: Callable[[Transaction], Coroutine[Any, Any, None]], until: float) -> bool:
    """Run a transaction once; False if it met a conflict and has to run again.

    Motor's own `with_transaction` (3.7) does not look at what goes wrong at the commit, and some conflicts show there.
    """
    try:
        async with session.start_transaction(write_concern=_DURABLE):
            await work(session)
    except PyMongoError as error:
        fault = error
    else:
        return True
    for attempt in itertools.count():
        if time.monotonic() > until or not fault.has_error_label("UnknownTransactionCommitResult"):
            break
        await _give_way(attempt)
        try:
            await session.commit_transaction()  # committing what is committed already does no harm
        except PyMongoError as error:
            fault = error
        else:
            return True
    if not fault.has_error_label("TransientTransactionError"):
        raise fault
    if time.monotonic() > until:  # others were always first
        raise api_error("services.storage.not_connected") from fault
    return False


async def _give_way(attempt: int) -> None:
    """Wait for a moment, so that of two that are in each other's way one gets through."""
    longest = min(_FIRST_PAUSE_S * 2 ** min(attempt, 10), _LONGEST_PAUSE_S)
    await asyncio.sleep(random.uniform(0, longest))  # noqa: S311 - to differ, not to be secret


@contextlib.contextmanager
def _translated(*, writing: bool = False, inside: Transaction = None) -> Iterator[None]:
    """Turn the driver's exceptions into ours.

    `writing` keeps a lost answer apart from a refusal. `inside` a transaction, the driver must see its own errors
    to know whether to run the transaction again; `Database.transaction` translates what remains.
    """
    try:
        yield
    except DuplicateKeyError as error:
        raise api_error("services.storage.document_already_exists") from error
    except _UNSTORABLE as error:
        if writing:  # it was encoded before, so it is the answer that cannot be read
            raise Ambiguous from error
        raise api_error("services.storage.unexpected_bad_request", "it cannot be stored") from error
    except PyMongoError as error:
        if inside is not None:
            raise
        if writing:
            raise Ambiguous from error
        if isinstance(error, OperationFailure) and error.code in _UNUSABLE_QUERY:
            raise api_error("services.storage.unexpected_bad_request", "the search cannot be run") from error
        if isinstance(error, OperationFailure) and not error.timeout:
            _log.error("MongoDB refused an operation: code %s", error.code)
            raise api_error("services.storage.unexpected_error", f"MongoDB error {error.code}") from error
        raise api_error("services.storage.not_connected") from error
