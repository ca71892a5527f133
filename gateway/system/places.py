"""Places: the names of indexes and collections, which restrictions and strict modes refer to. No documents.

Order of the file: the arguments, the keeper, the actions. A stored place is `{_id: index, collections: [name]}`.
"""

import re
from typing import Any

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, pick
from gateway.protocol.errors import ApiError, api_error
from gateway.storage.mongo import Collection, Document

__all__ = ["CollectionController", "IndexController", "Places"]

_FORBIDDEN = re.compile(r'[A-Z\\/*?"<>| \t\r\n,+#:%&.\x00-\x1f]')
_MAX_NAME_BYTES = 126


class InIndex(Arguments, frozen=True):
    """Arguments of the actions on one index."""

    index: str


class InCollection(InIndex, frozen=True, kw_only=True):
    """Arguments of the actions on one collection; a mapping may come along and is kept nowhere."""

    collection: str
    body: Any = None


class DeleteIndexes(Arguments, frozen=True):
    """Arguments of `index:mDelete`: the body lists `indexes`."""

    body: dict[str, Any]


class Places:
    """Keeps the names.

    Args:
        collection: where.
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    async def indexes(self) -> list[str]:
        """All indexes, by name."""
        return [place["_id"] for place in await self._collection.find({})]

    async def collections(self, index: str) -> list[str]:
        """The collections of an index, by name.

        Raises:
            PreconditionError: `services.storage.unknown_index`.
        """
        place = await self._collection.find_one({"_id": index})
        if place is None:
            raise api_error("services.storage.unknown_index", index)
        return sorted(place["collections"])

    async def check(self, index: str, collections: list[str]) -> None:
        """Make sure that places are there.

        Raises:
            PreconditionError: `services.storage.unknown_index`, `services.storage.unknown_collection`.
        """
        there = await self.collections(index)
        missing = [name for name in collections if name not in there]
        if missing:
            raise api_error("services.storage.unknown_collection", index, missing)

    async def create_index(self, index: str) -> None:
        """Note a new index.

        Raises:
            BadRequestError: `services.storage.invalid_index_name`.
            PreconditionError: `services.storage.index_already_exists`.
        """
        if not _is_name(index):
            raise api_error("services.storage.invalid_index_name", index)
        try:
            await self._collection.insert_one({"_id": index, "collections": []})
        except ApiError as error:
            if error.id == "services.storage.document_already_exists":
                raise api_error("services.storage.index_already_exists", "public", index) from error
            raise

    async def create_collection(self, index: str, collection: str) -> None:
        """Note a collection, and its index where that is new.

        Raises:
            BadRequestError: `services.storage.invalid_index_name`, `services.storage.invalid_collection_name`.
        """
        if not _is_name(index):
            raise api_error("services.storage.invalid_index_name", index)
        if not _is_name(collection):
            raise api_error("services.storage.invalid_collection_name", collection)
        await self._collection.update_one({"_id": index}, {"$addToSet": {"collections": collection}}, upsert=True)

    async def delete_index(self, index: str) -> None:
        """Forget an index and its collections.

        Raises:
            PreconditionError: `services.storage.unknown_index`.
        """
        if not await self._collection.delete_one({"_id": index}):
            raise api_error("services.storage.unknown_index", index)

    async def delete_collection(self, index: str, collection: str) -> None:
        """Forget a collection; raises as `check`."""
        await self.check(index, [collection])
        await self._collection.update_one({"_id": index}, {"$pull": {"collections": collection}})

    async def clear(self) -> None:
        """Forget everything."""
        await self._collection.delete_many({})


def _is_name(name: str) -> bool:
    good_start = not name.startswith(("_", "-"))
    return bool(name) and good_start and len(name.encode()) <= _MAX_NAME_BYTES and not _FORBIDDEN.search(name)


class IndexController(Controller):
    """`index:` actions: names only."""

    name = "index"

    def __init__(self, places: Places) -> None:
        self._places = places

    @action("create")
    async def create(self, arguments: InIndex) -> Document:
        """Note a new index."""
        await self._places.create_index(arguments.index)
        return {"acknowledged": True, "shards_acknowledged": True}

    @action("exists")
    async def exists(self, arguments: InIndex) -> bool:
        """Tell whether there is an index."""
        return arguments.index in await self._places.indexes()

    @action("list")
    async def list_all(self) -> Document:
        """List the indexes."""
        return {"indexes": await self._places.indexes()}

    @action("delete")
    async def delete(self, arguments: InIndex) -> Document:
        """Forget an index."""
        await self._places.delete_index(arguments.index)
        return {"acknowledged": True}

    @action("mDelete")
    async def delete_many(self, arguments: DeleteIndexes, context: Context) -> Document:
        """Forget several indexes: those that are there and that the caller might delete one by one."""
        wanted = pick(arguments.body, "indexes", list) if "indexes" in arguments.body else []
        gone = []
        for name in await self._places.indexes():
            if name in wanted and context.principal.rights.allow("index", "delete", name, None):
                await self._places.delete_index(name)
                gone.append(name)
        return {"deleted": gone}


class CollectionController(Controller):
    """`collection:` actions: names only."""

    name = "collection"

    def __init__(self, places: Places) -> None:
        self._places = places

    @action("create")
    async def create(self, arguments: InCollection) -> Document:
        """Note a collection."""
        await self._places.create_collection(arguments.index, arguments.collection)
        return {"acknowledged": True}

    @action("exists")
    async def exists(self, arguments: InCollection) -> bool:
        """Tell whether there is a collection."""
        if arguments.index not in await self._places.indexes():
            return False
        return arguments.collection in await self._places.collections(arguments.index)

    @action("list")
    async def list_all(self, arguments: InIndex) -> Document:
        """List the collections of an index."""
        names = await self._places.collections(arguments.index)
        return {"collections": [{"name": name, "type": "stored"} for name in names], "type": "all"}

    @action("delete")
    async def delete(self, arguments: InCollection) -> Document:
        """Forget a collection."""
        await self._places.delete_collection(arguments.index, arguments.collection)
        return {"acknowledged": True}
