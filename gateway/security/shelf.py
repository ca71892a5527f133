"""A shelf: documents of one kind, looked up, searched, paged through, changed and counted.

Rules of the file: what users, profiles and roles have in common and nothing that tells them apart. Every change of a
stored document is one operation on it, so that two at once do not lose each other's. Source: security.md §3 to §7,
search.md.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from msgspec import field, structs

from gateway.protocol.arguments import Arguments, RequiredId, invalid_type, missing
from gateway.protocol.codec import decode_list
from gateway.protocol.errors import ApiError, api_error
from gateway.security.records import Document, check_content, present
from gateway.security.scrolls import Scroll, Scrolls, scroll_span
from gateway.storage.mongo import Collection, Transaction
from gateway.storage.queries import Schema, read_search

__all__ = [
    "IdArguments",
    "IdsArguments",
    "ScrollArguments",
    "SearchArguments",
    "Shelf",
    "content_schema",
    "delete_many",
    "read_ids",
]

_MOST_WRITES = 200
"""Ids that one request may delete (`limits.documentsWriteCount` of the original)."""


class SearchArguments(Arguments, frozen=True):
    """Arguments of the search actions."""

    first: int = field(name="from", default=0)
    size: int | None = None
    scroll: Any = None
    lang: Any = None
    body: dict[str, Any] | None = None


class ScrollArguments(Arguments, frozen=True):
    """Arguments of the scroll actions."""

    scroll_id: str
    scroll: Any = None


class IdsArguments(Arguments, frozen=True):
    """Arguments of the actions on many documents: ids in the body, or, for reads over HTTP, beside it."""

    body: dict[str, Any] | None = None
    ids: Any = None


class IdArguments(Arguments, frozen=True):
    """Arguments of the actions on one document."""

    id: RequiredId = field(name="_id")


def content_schema(*declared: str) -> Schema:
    """What can be searched of documents whose content is free.

    Args:
        declared: fields of the content that a query means where it names none.
    """
    paths = {name: f"content.{name}" for name in declared} | {"_kuzzle_info": "_kuzzle_info"}
    dates = frozenset(f"_kuzzle_info.{name}" for name in ("createdAt", "updatedAt"))
    return Schema(paths=paths, prefix="content.", dates=dates)


def read_ids(arguments: IdsArguments, *, is_beside: bool = False) -> list[str]:
    """Return the ids that a request names.

    Args:
        arguments: of the request.
        is_beside: they may stand beside the body, as a list, or a text that holds one; there must be some.

    Raises:
        BadRequestError: none, no list, or no texts.
    """
    in_body = (arguments.body or {}).get("ids")
    if is_beside and not in_body:
        ids, name = arguments.ids, "ids"
        ids = decode_list(ids) if isinstance(ids, str) else ids
        if not ids:
            raise missing(name)
    else:
        if arguments.body is None:
            raise api_error("api.assert.body_required")
        ids, name = in_body, "body.ids"
        if "ids" not in arguments.body:
            raise missing(name)
    if not isinstance(ids, list):
        raise invalid_type(name, "array")
    if not all(isinstance(one, str) for one in ids):
        raise invalid_type(name, "string[]")
    return ids


class Shelf:
    """Documents of one kind.

    Args:
        kind: `user`, `profile` or `role`, as in the error ids.
        collection: where.
        schema: what can be searched.
        scrolls: searches that go on.
        most_hits: largest page.
    """

    def __init__(self, kind: str, collection: Collection, schema: Schema, scrolls: Scrolls, *, most_hits: int) -> None:
        self._kind = kind
        self._collection = collection
        self._schema = schema
        self._scrolls = scrolls
        self._most_hits = most_hits

    async def find(self, document_id: str) -> Document | None:
        """Return a document, or None."""
        return await self._collection.get(document_id)

    async def get(self, document_id: str) -> Document:
        """Return a document.

        Raises:
            NotFoundError: `security.<kind>.not_found`.
        """
        document = await self.find(document_id)
        if document is None:
            raise self._not_found(document_id)
        return document

    async def check(self, document_id: str, transaction: Transaction) -> None:
        """Make sure that a document is there, as the transaction sees it.

        Raises:
            NotFoundError: `security.<kind>.not_found`.
        """
        if await self._collection.find_one({"_id": document_id}, transaction) is None:
            raise self._not_found(document_id)

    async def get_many(self, ids: Sequence[str]) -> list[Document]:
        """Return those of the documents that are there, in the order of the ids."""
        if len(ids) > self._most_hits:
            raise api_error("services.storage.get_limit_exceeded")
        found = {document["_id"]: document for document in await self._collection.find({"_id": {"$in": list(ids)}})}
        return [found[one] for one in dict.fromkeys(ids) if one in found]

    async def get_all(self, ids: Sequence[str]) -> list[Document]:
        """Return all of the documents.

        Raises:
            NotFoundError: `security.<kind>.not_found`, for the first that is not there.
        """
        documents = await self.get_many(ids)
        there = {document["_id"] for document in documents}
        for one in ids:
            if one not in there:
                raise self._not_found(one)
        return documents

    async def everything(self) -> list[Document]:
        """Return all documents, by id."""
        return await self._collection.find({})

    async def ids(self) -> list[str]:
        """Return the ids of all documents, in order."""
        return [document["_id"] for document in await self._collection.find({}, fields=("_id",))]

    async def search(self, arguments: SearchArguments, *, can_scroll: bool = True) -> Document:
        """Answer a search: `{hits, scrollId?, total}`.

        Raises:
            BadRequestError, SizeLimitError: the body or the page cannot be meant.
        """
        span = scroll_span(arguments.scroll) if can_scroll else None
        size = self._most_hits if arguments.size is None else arguments.size
        body = arguments.body or {}
        if span is not None and (size == 0 or "search_after" in body):
            raise api_error("services.storage.unexpected_bad_request", "a scroll needs a size, and no search_after")
        scroll = Scroll(self._kind, body, arguments.lang, arguments.first, size)
        result, following = await self._page(scroll)
        if span is not None:
            result["scrollId"] = await self._scrolls.open(following, span)
        return result

    async def scroll(self, arguments: ScrollArguments) -> Document:
        """Answer the next page of a search; the last one ends it.

        Raises:
            NotFoundError: `services.storage.unknown_scroll_id`.
        """
        span = scroll_span(arguments.scroll)
        scroll = await self._scrolls.find(arguments.scroll_id, self._kind)
        result, following = await self._page(scroll)
        if following.skip >= result["total"]:
            await self._scrolls.close(arguments.scroll_id)
        else:
            await self._scrolls.move(arguments.scroll_id, following, span)
        return result | {"scrollId": arguments.scroll_id}

    async def add(self, document: Document, transaction: Transaction = None) -> None:
        """Store a new document.

        Raises:
            BadRequestError: `services.storage.document_already_exists`.
        """
        await self._collection.insert_one(document, transaction)

    async def put(self, document: Document, transaction: Transaction = None) -> None:
        """Store a document, new or over the one with its id."""
        await self._collection.replace_one(document, transaction)

    async def remove(self, document_id: str, transaction: Transaction = None) -> None:
        """Delete a document.

        Raises:
            NotFoundError: `security.<kind>.not_found`.
        """
        if not await self._collection.delete_one({"_id": document_id}, transaction):
            raise self._not_found(document_id)

    async def revise(
        self,
        document_id: str,
        change: Callable[[Document], Document],
        *,
        updater: str,
        now: int,
        transaction: Transaction,
    ) -> Document:
        """Change the content of a document, and return the document as it is then.

        Args:
            document_id: which.
            change: old content → new content; checked here for what the database could misread.
            updater: kuid of whoever asks.
            now: milliseconds since the epoch.
            transaction: keeps what was read and what is written together.

        Raises:
            NotFoundError: `security.<kind>.not_found`.
        """
        document = await self._collection.find_one({"_id": document_id}, transaction)
        if document is None:
            raise self._not_found(document_id)
        content = change(document["content"])
        check_content(content)
        info = document["_kuzzle_info"] | {"updatedAt": now, "updater": updater}
        revised = {"content": content, "_kuzzle_info": info}
        await self._collection.update_one({"_id": document_id}, {"$set": revised}, transaction=transaction)
        return {"_id": document_id, **revised}

    def _not_found(self, document_id: str) -> ApiError:
        return api_error(f"security.{self._kind}.not_found", document_id)

    async def _page(self, scroll: Scroll) -> tuple[Document, Scroll]:
        search = read_search(
            scroll.body, self._schema, lang=scroll.lang, skip=scroll.skip, size=scroll.size, max_size=self._most_hits
        )
        total = await self._collection.count(search.filter)
        hits: list[Document] = []
        if search.size:
            hits = await self._collection.find(search.page, sort=search.sort, skip=search.skip, limit=search.size)
        result = {"hits": [present(hit) for hit in hits], "total": total}
        return result, structs.replace(scroll, skip=scroll.skip + search.size)


async def delete_many(ids: Sequence[str], delete: Callable[[str], Awaitable[None]]) -> list[str]:
    """Delete one after the other; return the ids that are gone.

    Raises:
        SizeLimitError: `services.storage.write_limit_exceeded`.
        PartialError: `services.storage.incomplete_delete`, with what was deleted as its result.
    """
    if len(ids) > _MOST_WRITES:
        raise api_error("services.storage.write_limit_exceeded")
    deleted: list[str] = []
    errors: list[ApiError] = []
    for one in ids:
        try:
            await delete(one)
        except ApiError as error:
            errors.append(error)
        else:
            deleted.append(one)
    if errors:
        partial = api_error("services.storage.incomplete_delete", result=deleted)
        partial.errors = tuple(errors)
        raise partial
    return deleted
