"""What the tests of the search language search: a few documents of all kinds, and some that are long and adverse."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pymongo import MongoClient
from pymongo.collection import Collection

from gateway.storage.queries import Filter, Schema

__all__ = ["DAY", "MAY_1", "SCHEMA", "Find", "Measure", "adverse_documents", "documents", "stored"]

Find = Callable[[Filter], str]
"""Filter → ids of what it finds, joined by spaces."""

Measure = Callable[[Filter], float]
"""Filter → seconds that MongoDB took for it."""

SCHEMA = Schema(
    paths={
        "description": "description",
        "userId": "userId",
        "ttl": "ttl",
        "policies": "content.policies",
        "_kuzzle_info": "_kuzzle_info",
    },
    prefix="content.",
    text=frozenset({"description"}),
    dates=frozenset({"_kuzzle_info.createdAt"}),
)

MAY_1 = 1935360000000
"""2031-05-01T00:00:00Z in milliseconds."""

DAY = 86_400_000

DOCUMENTS: list[dict[str, Any]] = [
    {
        "_id": "a",
        "description": "Sigfox API key",
        "userId": "bob",
        "ttl": 1000,
        "content": {
            "tags": ["red", "green"],
            "level": "7",
            "policies": [
                {"roleId": "default", "restrictedTo": [{"index": "i1", "collections": ["c1"]}]},
                {"roleId": "admin"},
            ],
        },
        "_kuzzle_info": {"author": "-1", "createdAt": MAY_1},
    },
    {
        "_id": "b",
        "description": "A key for the sigfox-gateway",
        "userId": "bob.smith",
        "ttl": -1,
        "content": {"tags": ["green"], "level": 7, "policies": [{"roleId": "admin"}]},
        "_kuzzle_info": {"author": "admin", "createdAt": MAY_1 + DAY - 1},
    },
    {
        "_id": "c",
        "description": "Été à Genève, naïve",
        "userId": "carol",
        "ttl": 5000,
        "content": {"tags": [], "level": 12, "active": True, "multi": "line\nend"},
        "_kuzzle_info": {"author": "admin", "createdAt": MAY_1 + DAY},
    },
    {"_id": "d", "userId": "a.*b", "ttl": 2.5, "content": {"tags": None, "multi": "x" * 600}},
]


@contextmanager
def stored(uri: str, contents: list[dict[str, Any]]) -> Iterator[Collection[dict[str, Any]]]:
    """A collection that holds these documents for a while."""
    with MongoClient[dict[str, Any]](uri) as client:
        database = client[f"test-{uuid.uuid4().hex}"]
        database.documents.insert_many(contents)
        yield database.documents
        client.drop_database(database)


@contextmanager
def documents(uri: str) -> Iterator[Find]:
    """Search `DOCUMENTS`."""
    with stored(uri, DOCUMENTS) as collection:
        yield lambda query: " ".join(sorted(document["_id"] for document in collection.find(query)))


@contextmanager
def adverse_documents(uri: str) -> Iterator[Measure]:
    """Search texts that make patterns try again and again, in analysed text, in an exact field and in a list."""
    texts: list[Any] = ["a" * 500, "ab" * 250, "a" * 100_000, "a " * 50_000, ["aa", None, 5]]
    contents = [{"description": text, "content": {"a": text}, "list": [{"a": text}]} for text in texts]
    with stored(uri, contents) as collection:

        def once(query: Filter) -> float:
            start = time.perf_counter()
            list(collection.find(query, {"_id": 1}))
            return time.perf_counter() - start

        def measure(query: Filter) -> float:
            # Other programs can only lengthen it: the shortest of a few is nearest to what it costs.
            return min(once(query) for _ in range(3))

        yield measure
