"""An insert whose outcome is known, or taken back.

Rules of the file: knows no driver. When the connection breaks between a write and its answer, the document may or
may not be there. It is read back by its own marks; if it is absent it is sent again, which is safe because those
marks are unique; and if the database stays silent the caller is refused and the document is hunted down, so that
nothing is ever there that its owner was told is not (a crash of the process meanwhile aside).
"""

import asyncio
import contextlib
import logging
from collections.abc import Sequence

from gateway.protocol.errors import ApiError, api_error
from gateway.storage.mongo import Ambiguous, Beside, Collection, Document, Look

__all__ = ["CertainInsert"]

_log = logging.getLogger("latchgate.storage")

_DUPLICATE = "services.storage.document_already_exists"


class CertainInsert:
    """Inserts into one collection.

    Args:
        collection: where.
        marks: the fields by which a document of ours is told from everybody else's, `_id` included.
        patience_s: how long an unknown outcome is looked into; as long as an operation may take if not given.
        pause_s: between two looks.
        hunt_s: how long a document that was taken back is still looked for; a write that was on its way when the
            connection broke may arrive late.
    """

    def __init__(
        self,
        collection: Collection,
        marks: Sequence[str],
        *,
        patience_s: float | None = None,
        pause_s: float = 0.2,
        hunt_s: float = 60.0,
    ) -> None:
        self._collection = collection
        self._marks = tuple(marks)
        self._patience_s = collection.timeout_s if patience_s is None else patience_s
        self._pause_s = pause_s
        self._hunt_s = hunt_s
        self._hunted: list[tuple[Document, float]] = []
        self._hunter: asyncio.Task[None] | None = None

    async def insert(self, document: Document, beside: Beside | None = None) -> Look | None:
        """Store a document, then look at another one; when this returns it is durable.

        Args:
            document: what to store.
            beside: what to look at, once the document is durable.

        Returns:
            What was seen; None if nobody has looked.

        Raises:
            ApiError: `services.storage.document_already_exists` if another one has its `_id`;
                `services.storage.not_connected` if the outcome cannot be found out in time.
        """
        try:
            return await self._insert(document, beside)
        except ApiError:
            raise  # nothing of it is there, or will be for long
        except BaseException:  # cancelled, or a fault of ours: it may be stored all the same
            self.abandon(document)
            raise

    async def _insert(self, document: Document, beside: Beside | None) -> Look | None:
        try:
            return await self._collection.insert(document, beside)
        except Ambiguous:
            await self._settle(document)
        except ApiError as error:
            if error.id != _DUPLICATE:
                raise
            await self._settle(document)  # what stands in the way may be our own, of a write that was sent twice
        return None

    async def take_back(self, document: Document, *, is_stored: bool = False) -> None:
        """Delete exactly this document, for as long as it takes.

        One that `is_stored` for certain is gone when this returns, unless the database is silent.
        """
        try:
            is_gone = is_stored and await self._hunt_on(self._own(document), until=0) is None
        except BaseException:  # cancelled
            self.abandon(document)
            raise
        if not is_gone:
            self.abandon(document)

    def abandon(self, document: Document) -> None:
        """Have exactly this document deleted, now or when it comes; whoever calls need not wait."""
        self._hunted.append((self._own(document), asyncio.get_running_loop().time() + self._hunt_s))
        if self._hunter is None:
            self._hunter = asyncio.create_task(self._hunt())

    async def close(self) -> None:
        """Stop hunting."""
        if self._hunter is not None:
            self._hunter.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._hunter

    def _own(self, document: Document) -> Document:
        return {mark: document[mark] for mark in self._marks}

    async def _is_there(self, document: Document) -> bool:
        return await self._collection.find_one(self._own(document)) is not None

    async def _settle(self, document: Document) -> None:
        deadline = asyncio.get_running_loop().time() + self._patience_s
        try:
            async with asyncio.timeout_at(deadline):
                while not await self._try_again(document):  # noqa: ASYNC110 - the database sends no event
                    await asyncio.sleep(self._pause_s)
        except TimeoutError:
            await self.take_back(document)
            raise api_error("services.storage.not_connected") from None
        except ApiError as error:
            if error.id != _DUPLICATE:  # refused by now, but what was sent first may still arrive
                await self.take_back(document)
            raise

    async def _try_again(self, document: Document) -> bool:
        """Look for the document, send it again if it is absent; False while the database is silent."""
        try:
            if await self._is_there(document):
                return True
            await self._collection.insert_one(document)
        except ApiError as error:
            if error.id == _DUPLICATE:
                if await self._is_there(document):
                    return True
                raise
            if error.status != 503:  # noqa: PLR2004 - the status that means "try again"
                raise
            return False
        return True

    async def _hunt(self) -> None:
        try:
            while self._hunted:
                hunted, self._hunted = self._hunted, []  # more may come while the database is asked
                for own, until in hunted:
                    if (later := await self._hunt_on(own, until)) is not None:
                        self._hunted.append((own, later))
                await asyncio.sleep(self._pause_s)
        finally:
            self._hunter = None

    async def _hunt_on(self, own: Document, until: float) -> float | None:
        """Try to delete a document; return until when to go on, None when it is gone or has not come for long."""
        now = asyncio.get_running_loop().time()
        try:
            if await self._collection.delete_one(own):
                _log.warning("took back a document whose insertion had been refused: %s", own["_id"])
                return None
        except ApiError:
            return now + self._hunt_s  # while the database is silent the write may still be on its way
        return until if now < until else None
