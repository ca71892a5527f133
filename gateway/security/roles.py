"""Roles: which controllers and actions, and their three built-in ones.

Order of the file: the defaults, the check, the arguments, the service, the actions. Source: security.md §6,
rights.md "Built-in roles and profiles".
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import field

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, RequiredId, invalid_type, missing
from gateway.protocol.errors import api_error
from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.security.directory import Directory
from gateway.security.records import Document, check_id, new_document, present
from gateway.storage.mongo import Collection

__all__ = ["OPEN_ROLES", "RESTRICTED_ROLES", "Roles", "RolesController", "check_role"]


def _allow(**controllers: str) -> Document:
    return {
        "controllers": {
            name: {"actions": dict.fromkeys(actions.split(), True)} for name, actions in controllers.items()
        }
    }


_EVERYTHING: Document = {"controllers": {"*": {"actions": {"*": True}}}}

OPEN_ROLES: Mapping[str, Document] = dict.fromkeys(("admin", "default", "anonymous"), _EVERYTHING)
"""Of a fresh database with `security.initial_rights = "open"`."""

RESTRICTED_ROLES: Mapping[str, Document] = {
    "admin": _EVERYTHING,
    "default": _allow(auth="checkToken getCurrentUser getMyRights logout updateSelf", server="publicApi"),
    "anonymous": _allow(auth="checkToken getCurrentUser getMyRights login", server="publicApi openapi"),
}
"""Once the rights are restricted."""


def check_role(role_id: str, content: Mapping[str, Any], *, force: bool, is_known: Callable[[str], bool]) -> None:
    """Refuse a role that cannot be meant.

    Args:
        role_id: stands before the names in errors.
        content: the definition.
        force: let controllers pass that nobody has registered.
        is_known: tells whether a controller is registered.

    Raises:
        BadRequestError: `api.assert.*` for the shape, `security.role.unknown_controller`, `….unknown_action`.
    """
    controllers = content.get("controllers")
    _check_table(f"{role_id}.controllers", controllers)
    for name, entry in dict(controllers or {}).items():
        _check_table(name, entry)
        if "actions" not in entry:
            raise missing(f"{name}.actions")
        _check_table(f"{name}.actions", entry["actions"])
        for action_name, allowed in entry["actions"].items():
            if not isinstance(allowed, bool):
                raise invalid_type(f"{name}.actions.{action_name}", "boolean")
    for name, entry in dict(controllers or {}).items():
        _check_names(role_id, name, entry["actions"], known=force or is_known(name))


def _check_table(name: str, value: Any) -> None:
    if value is None or value == {}:
        raise api_error("api.assert.empty_argument", name)
    if not isinstance(value, Mapping):
        raise invalid_type(name, "object")


def _check_names(role_id: str, controller: str, actions: Mapping[str, bool], *, known: bool) -> None:
    vocabulary: frozenset[str] | None = frozenset() if controller == "*" else NATIVE_ACTIONS.get(controller)
    if vocabulary is None:
        if not known:
            raise api_error("security.role.unknown_controller", role_id, controller, "")
        return
    for name in actions:
        if name != "*" and name not in vocabulary:
            raise api_error("security.role.unknown_action", role_id, name, controller, "")


class CreateRole(Arguments, frozen=True):
    """Arguments of `security:createRole`."""

    id: RequiredId = field(name="_id")
    body: dict[str, Any]
    force: bool = False


class GetRole(Arguments, frozen=True):
    """Arguments of `security:getRole`."""

    id: RequiredId = field(name="_id")


class Roles:
    """Keeps the roles.

    Args:
        collection: where.
        directory: told of every change.
        is_known: tells whether a controller is registered.
        now: milliseconds since the epoch.
    """

    def __init__(
        self, collection: Collection, directory: Directory, is_known: Callable[[str], bool], now: Callable[[], int]
    ) -> None:
        self._collection = collection
        self._directory = directory
        self._is_known = is_known
        self._now = now

    async def create(self, role_id: str, content: Document, *, force: bool, author: str) -> Document:
        """Store a new role and return it.

        Raises:
            BadRequestError: the role is refused, or `services.storage.document_already_exists`.
        """
        check_id(role_id)
        check_role(role_id, content, force=force, is_known=self._is_known)
        role = new_document(role_id, content, author=author, now=self._now())
        await self._collection.insert_one(role)
        await self._directory.refresh()
        return role

    async def get(self, role_id: str) -> Document:
        """Return a role.

        Raises:
            NotFoundError: `security.role.not_found`.
        """
        role = await self._collection.get(role_id)
        if role is None:
            raise api_error("security.role.not_found", role_id)
        return role


class RolesController(Controller):
    """`security:` actions on roles."""

    name = "security"

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @action("createRole")
    async def create(self, arguments: CreateRole, context: Context) -> Document:
        """Store a new role."""
        author = context.principal.kuid
        return present(await self._roles.create(arguments.id, arguments.body, force=arguments.force, author=author))

    @action("getRole")
    async def get(self, arguments: GetRole) -> Document:
        """Show a role."""
        return present(await self._roles.get(arguments.id))
