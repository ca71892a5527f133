"""The keeper of roles (security.md §6)."""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from gateway.protocol.arguments import invalid_type
from gateway.protocol.errors import ApiError, BadRequestError, api_error
from gateway.security.directory import Directory
from gateway.security.guards import Guards
from gateway.security.records import Document, check_id, new_document, present
from gateway.security.roles.definition import PROTECTED, ROLE_SCHEMA, ActionsOf, check_role
from gateway.security.shelf import SearchArguments, Shelf
from gateway.storage.mongo import Collection, Database, Transaction
from gateway.storage.queries import read_search

__all__ = ["Roles"]


class Roles:
    """Keeps the roles.

    Args:
        shelf: where.
        profiles: the collection of those that refer to roles.
        database: for transactions.
        guards: keep a role in place while a profile begins to refer to it.
        directory: told of every change.
        actions_of: tells what is registered.
        now: milliseconds since the epoch.
    """

    def __init__(
        self,
        shelf: Shelf,
        profiles: Collection,
        *,
        database: Database,
        guards: Guards,
        directory: Directory,
        actions_of: ActionsOf,
        now: Callable[[], int],
    ) -> None:
        self.shelf = shelf
        self._profiles = profiles
        self._database = database
        self._guards = guards
        self._directory = directory
        self._actions_of = actions_of
        self._now = now

    async def create(self, role_id: str, content: Document, *, force: bool, author: str) -> Document:
        """Store a new role and return it.

        Raises:
            BadRequestError: the role is refused, or `services.storage.document_already_exists`.
        """
        role = self._new(role_id, content, force=force, author=author)
        await self.shelf.add(role)
        await self._directory.refresh()
        return role

    async def put(self, role_id: str, content: Document, *, force: bool, author: str) -> Document:
        """Store a role, new or over the one with its id, and return it.

        Raises:
            BadRequestError: the role is refused.
        """
        role = self._new(role_id, content, force=force, author=author)
        await self.shelf.put(role)
        await self._directory.refresh()
        return role

    async def replace(self, role_id: str, content: Document, *, force: bool, author: str) -> Document:
        """Store a definition over that of an existing role and return the role.

        Raises:
            BadRequestError: the role is refused.
            NotFoundError: `services.storage.not_found`.
        """
        fresh = self._new(role_id, content, force=force, author=author)
        stored: list[Document] = []

        async def work(transaction: Transaction) -> None:
            stored[:] = [
                await self.shelf.revise(
                    role_id, lambda _: fresh["content"], updater=author, now=self._now(), transaction=transaction
                )
            ]

        try:
            await self._database.transaction(work)
        except ApiError as error:
            missing_role = error.id == "security.role.not_found"
            raise (
                api_error("services.storage.not_found", role_id, "kuzzle", "roles") if missing_role else error
            ) from error
        await self._directory.refresh()
        return stored[0]

    async def get(self, role_id: str) -> Document:
        """Return a role.

        Raises:
            NotFoundError: `security.role.not_found`.
        """
        return await self.shelf.get(role_id)

    async def search(self, arguments: SearchArguments) -> Document:
        """Find roles by a query, or by the controllers that they open.

        Raises:
            BadRequestError: both ways at once, or the query cannot be meant.
        """
        body = arguments.body or {}
        wanted = body.get("controllers")
        if wanted is None:
            rest = {name: value for name, value in body.items() if name != "controllers"}
            return await self.shelf.search(structs.replace(arguments, body=rest), can_scroll=False)
        if body.get("query") is not None:
            raise BadRequestError("Give either a query or controllers.")
        if not isinstance(wanted, list):
            raise invalid_type("body.controllers", "array")
        page = read_search({}, ROLE_SCHEMA, lang=arguments.lang, skip=arguments.first, size=arguments.size)
        roles = [role for role in await self.shelf.everything() if _opens(role, wanted)]
        return {"hits": [present(role) for role in roles[page.skip : page.skip + page.size]], "total": len(roles)}

    async def delete(self, role_id: str) -> None:
        """Delete a role.

        Raises:
            BadRequestError: `security.role.cannot_delete`.
            PreconditionError: `security.role.in_use`.
            NotFoundError: `security.role.not_found`.
        """
        if role_id in PROTECTED:
            raise api_error("security.role.cannot_delete")
        await self.get(role_id)

        async def work(transaction: Transaction) -> None:
            await self._guards.seize("role", role_id, transaction)
            if await self._profiles.find_one({"content.policies.roleId": role_id}, transaction) is not None:
                raise api_error("security.role.in_use", role_id)
            await self.shelf.remove(role_id, transaction)

        await self._database.transaction(work)
        await self._directory.refresh()

    def _new(self, role_id: str, content: Document, *, force: bool, author: str) -> Document:
        check_id(role_id)
        check_role(role_id, content, force=force, actions_of=self._actions_of)
        return new_document(role_id, content, author=author, now=self._now())


def _opens(role: Document, wanted: list[Any]) -> bool:
    controllers = role["content"]["controllers"]
    return not wanted or "*" in controllers or any(name in controllers for name in wanted if isinstance(name, str))
