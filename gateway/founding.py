"""What a new database is given, once, whichever process comes first: rights, and the secret that signs tokens.

Source: rights.md; security.md §7 for what may be given again.
"""

from collections.abc import Callable, Mapping

from gateway.config import Config
from gateway.protocol.errors import ApiError
from gateway.schema import Collections
from gateway.security.directory import Directory
from gateway.security.first_admin import seed_rights
from gateway.security.profiles import OPEN_PROFILES, RESTRICTED_PROFILES
from gateway.security.roles import OPEN_ROLES, RESTRICTED_ROLES
from gateway.security.tokens import Signer
from gateway.storage.mongo import Database, Document, Transaction

__all__ = ["Founding"]

_SEEDED = "rights"

Definitions = tuple[Mapping[str, Document], Mapping[str, Document]]
"""Built-in roles and profiles: id → content."""


class Founding:
    """Writes what a new database is given.

    Args:
        config: settings.
        database: for transactions.
        collections: of it.
        directory: reads the rights.
        now: milliseconds since the epoch.
        new_secret: makes a secret to sign tokens with.
    """

    def __init__(
        self,
        config: Config,
        database: Database,
        collections: Collections,
        directory: Directory,
        *,
        now: Callable[[], int],
        new_secret: Callable[[], str],
    ) -> None:
        self._config = config
        self._database = database
        self._collections = collections
        self._directory = directory
        self._now = now
        self._new_secret = new_secret

    async def signer(self) -> Signer:
        """The signer with the configured secret, or the one of the database, which is made once."""
        secret = self._config.security.jwt_secret
        if not secret:
            fresh = {"_id": "secret", "value": self._new_secret()}
            secret = str((await self._once(fresh))["value"])
        return Signer(secret.encode())

    async def seed_once(self) -> None:
        """Seed a new database, whichever process comes first."""
        if await self._collections.internals.find_one({"_id": _SEEDED}) is not None:
            return
        try:
            await self._write_rights(self._first_rights(), marker={"_id": _SEEDED})
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":  # another process was first
                raise

    async def seed(self) -> None:
        """Write the rights of a fresh database over the built-in roles and profiles."""
        await self._write_rights(self._first_rights())

    async def restrict(self) -> None:
        """Write the restricted rights over the built-in roles and profiles."""
        await self._write_rights((RESTRICTED_ROLES, RESTRICTED_PROFILES))

    def _first_rights(self) -> Definitions:
        is_open = self._config.security.initial_rights == "open"
        return (OPEN_ROLES, OPEN_PROFILES) if is_open else (RESTRICTED_ROLES, RESTRICTED_PROFILES)

    async def _write_rights(self, definitions: Definitions, marker: Document | None = None) -> None:
        collections = (self._collections.roles, self._collections.profiles)

        async def work(transaction: Transaction) -> None:
            if marker is not None:
                await self._collections.internals.insert_one(dict(marker), transaction)
            await seed_rights(collections, definitions, self._now(), transaction)

        await self._database.transaction(work)
        await self._directory.refresh()

    async def _once(self, document: dict[str, str]) -> dict[str, str]:
        """Store a document unless one with its `_id` is there; return the one that is."""
        internals = self._collections.internals
        found = await internals.find_one({"_id": document["_id"]})
        if found is not None:
            return found
        try:
            await internals.insert_one(dict(document))
        except ApiError as error:
            if error.id != "services.storage.document_already_exists":
                raise
        return await self._once(document)
