"""Calls of the driver that block: what a group of requests does in one visit to a thread (`threads.py`).

Rules of the file: a third home of the driver, beside `mongo.py`, whose collections hand in what Motor wraps. Two calls
in one visit cost one change of threads, and nothing of this process comes between them. Errors are the driver's.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from bson.raw_bson import RawBSONDocument
from pymongo.errors import BulkWriteError, PyMongoError, WriteError

from gateway.protocol.errors import ApiError, api_error

__all__ = ["Beside", "Insert", "Look", "insert_and_look", "look_up", "read_points"]

_log = logging.getLogger("latchgate.storage")

Document = dict[str, Any]

_DUPLICATE_KEY = 11000


class Look(NamedTuple):
    """What was found where something was looked for."""

    found: Document | None


class Beside(NamedTuple):
    """A document of another collection, by its `_id`; made by `Collection.places` (`mongo.py`)."""

    read: Callable[[list[str]], dict[str, Document]]
    key: str


Insert = tuple[RawBSONDocument, Beside | None]
"""What to store, encoded, and what to look at then."""


def insert_and_look(collection: Any, group: list[Insert]) -> list[Look | Exception | None]:
    """Store a group, then look at what its documents ask for, in one query of each collection.

    Returns:
        For each document what was seen, None if nobody has looked, or the error that befell it alone.

    Raises:
        PyMongoError: the group may or may not have been stored.
    """
    outcomes: list[Look | Exception | None] = [None] * len(group)
    for index, failure in _insert(collection, [document for document, _ in group]):
        outcomes[index] = _write_error(failure)
    seen = _look([beside for (_, beside), outcome in zip(group, outcomes, strict=True) if beside and outcome is None])
    return [
        seen.get(beside) if beside and outcome is None else outcome
        for (_, beside), outcome in zip(group, outcomes, strict=True)
    ]


def _insert(collection: Any, documents: list[RawBSONDocument]) -> list[tuple[int, Mapping[str, Any]]]:
    """Store documents; return the places of those that were refused, and why."""
    try:
        if len(documents) == 1:  # the driver's shorter way
            collection.insert_one(documents[0])
        else:
            collection.insert_many(documents, ordered=False)
    except WriteError as error:
        return [(0, error.details or {})]
    except BulkWriteError as error:
        if error.details.get("writeConcernErrors"):
            raise  # written, but not known to be durable
        return [(failure["index"], failure) for failure in error.details["writeErrors"]]
    return []


def _look(places: Iterable[Beside]) -> dict[Beside, Look]:
    """What is there; what cannot be read is left out, and whoever wants to know has to look for themselves."""
    wanted: dict[Callable[[list[str]], dict[str, Document]], set[str]] = {}
    for read, key in places:
        wanted.setdefault(read, set()).add(key)
    seen: dict[Beside, Look] = {}
    for read, keys in wanted.items():
        try:
            found = read(list(keys))
        except Exception as error:  # noqa: BLE001 - whatever it is, what is stored already must not fail for it
            _log.warning("a look after a write failed: %s", type(error).__name__)
        else:
            seen.update({Beside(read, key): Look(found.get(key)) for key in keys})
    return seen


def look_up(collection: Any, fields: Sequence[str], keys: Sequence[str]) -> dict[str, Document]:
    """Some fields of the documents with those `_id`, without the driver's cursor, which costs as much as the rest.

    Raises:
        PyMongoError: the database did not answer, or not with all of them at once.
    """
    command = {
        "find": collection.name,
        "projection": dict.fromkeys(fields, 1),
        "readConcern": collection.read_concern.document,
    }
    if len(keys) == 1:  # one document fits into one answer; the database has a short way to it, and keeps no cursor
        command |= {"filter": {"_id": keys[0]}, "limit": 1, "singleBatch": True}
    else:
        command |= {"filter": {"_id": {"$in": keys}}, "batchSize": len(keys) + 1}
    found = collection.database.command(command)["cursor"]
    if found["id"]:
        raise PyMongoError("there is more than fits into one answer")
    return {document["_id"]: document for document in found["firstBatch"]}


def read_points(collection: Any, field: str, keys: Sequence[str]) -> dict[str, Document]:
    """The documents whose `field`, a unique one, is one of the keys; raises `PyMongoError`."""
    # One more than there can be: or the driver asks whether there are more.
    found = collection.find({field: {"$in": keys}}, batch_size=len(keys) + 1)
    return {document[field]: document for document in found}


def _write_error(failure: Mapping[str, Any]) -> ApiError:
    if failure.get("code") == _DUPLICATE_KEY:
        return api_error("services.storage.document_already_exists")
    return api_error("services.storage.unexpected_error", f"MongoDB error {failure.get('code')}")
