"""Mappings: what the original's storage knows of the fields of users, profiles and roles, kept as documents.

Order of the file: the defaults, the arguments, the check, the keeper, the actions. Mappings are returned and merged as
clients expect and enforced nowhere: MongoDB needs none (security.md §7).
"""

from collections.abc import Mapping
from typing import Any

from gateway.actions import Controller, action
from gateway.protocol.arguments import Arguments, invalid_type, pick
from gateway.protocol.errors import api_error
from gateway.security.records import Document, check_content, merge
from gateway.storage.mongo import Collection, Database, Transaction

__all__ = ["Mappings", "MappingsController", "check_mapping"]

_KEYWORD = {"type": "keyword"}
_RESTRICTION = {"type": "nested", "properties": {"index": _KEYWORD, "collections": _KEYWORD}}
_INITIAL: Mapping[str, Document] = {
    "users": {"profileIds": _KEYWORD},
    "profiles": {
        "tags": _KEYWORD,
        "policies": {"properties": {"roleId": _KEYWORD, "restrictedTo": _RESTRICTION}},
    },
    "roles": {"tags": _KEYWORD, "controllers": {"type": "object"}},
}
"""Collection → its first properties."""

_DYNAMIC = ("true", "false", "strict")


class UpdateMapping(Arguments, frozen=True):
    """Arguments of the update actions: `properties`, and perhaps `dynamic` and `_meta`."""

    body: dict[str, Any]


def check_mapping(body: Mapping[str, Any]) -> Document:
    """Refuse a mapping that cannot be meant; return the parts that are known here.

    Raises:
        BadRequestError: `api.assert.*` for the shape, `services.storage.*` for what cannot be stored.
    """
    known: Document = {"properties": pick(body, "properties", dict)}
    for name, entry in known["properties"].items():
        if not isinstance(entry, Mapping):
            raise invalid_type(f"body.properties.{name}", "object")
    if body.get("_meta") is not None:
        known["_meta"] = pick(body, "_meta", dict)
    if body.get("dynamic") is not None:
        dynamic = body["dynamic"]
        known["dynamic"] = str(dynamic).lower() if isinstance(dynamic, bool) else dynamic
        if known["dynamic"] not in _DYNAMIC:
            raise api_error("api.assert.invalid_argument", "body.dynamic", ", ".join(_DYNAMIC))
    check_content(known)
    return known


class Mappings:
    """Keeps the mappings, one document a collection.

    Args:
        collection: where.
        database: for transactions.
    """

    def __init__(self, collection: Collection, database: Database) -> None:
        self._collection = collection
        self._database = database

    async def get(self, name: str, transaction: Transaction = None) -> Document:
        """Return `{_meta, dynamic, properties}` of a collection."""
        stored = await self._collection.find_one({"_id": f"mapping-{name}"}, transaction)
        return stored["mapping"] if stored else {"_meta": {}, "dynamic": "false", "properties": dict(_INITIAL[name])}

    async def update(self, name: str, changes: Document) -> Document:
        """Merge checked changes into a mapping; return it."""
        merged: list[Document] = []

        async def work(transaction: Transaction) -> None:
            merged[:] = [merge(await self.get(name, transaction), changes)]
            await self._collection.replace_one({"_id": f"mapping-{name}", "mapping": merged[0]}, transaction)

        await self._database.transaction(work)
        return merged[0]


class MappingsController(Controller):
    """`security:` actions on mappings."""

    name = "security"

    def __init__(self, mappings: Mappings) -> None:
        self._mappings = mappings

    @action("getUserMapping")
    async def get_of_users(self) -> Document:
        """Show the mapping of users."""
        return await self._show("users")

    @action("getProfileMapping")
    async def get_of_profiles(self) -> Document:
        """Show the mapping of profiles."""
        return await self._show("profiles")

    @action("getRoleMapping")
    async def get_of_roles(self) -> Document:
        """Show the mapping of roles."""
        return await self._show("roles")

    @action("updateUserMapping")
    async def update_of_users(self, arguments: UpdateMapping) -> Document:
        """Merge into the mapping of users."""
        return await self._update("users", arguments)

    @action("updateProfileMapping")
    async def update_of_profiles(self, arguments: UpdateMapping) -> Document:
        """Merge into the mapping of profiles."""
        return await self._update("profiles", arguments)

    @action("updateRoleMapping")
    async def update_of_roles(self, arguments: UpdateMapping) -> Document:
        """Merge into the mapping of roles."""
        return await self._update("roles", arguments)

    async def _show(self, name: str) -> Document:
        return {"mapping": (await self._mappings.get(name))["properties"]}

    async def _update(self, name: str, arguments: UpdateMapping) -> Document:
        return await self._mappings.update(name, check_mapping(arguments.body))
