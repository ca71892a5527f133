"""What a role says: the built-in ones, and the check of what somebody wrote.

Rules of the file: pure. Source: security.md §6, rights.md "Built-in roles and profiles".
"""

from collections.abc import Callable, Container, Mapping
from typing import Any

from gateway.protocol.arguments import invalid_type, missing
from gateway.protocol.errors import api_error
from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.security.directory import ANONYMOUS_PROFILE, table_of
from gateway.security.records import Document
from gateway.security.rights import CompiledRights, Policy
from gateway.security.shelf import content_schema

__all__ = ["OPEN_ROLES", "PROTECTED", "RESTRICTED_ROLES", "ROLE_SCHEMA", "ActionsOf", "check_role"]

PROTECTED = frozenset(("admin", "default", "anonymous"))
"""Roles and profiles that cannot be deleted."""

ROLE_SCHEMA = content_schema("tags")


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


ActionsOf = Callable[[str], Container[str] | None]
"""Controller → its actions; None for one that nobody has registered."""


def check_role(role_id: str, content: Mapping[str, Any], *, force: bool, actions_of: ActionsOf) -> None:
    """Refuse a role that cannot be meant.

    Args:
        role_id: stands before the names in errors.
        content: the definition.
        force: let controllers and actions of extensions pass that nobody has registered.
        actions_of: tells what is registered.

    Raises:
        BadRequestError: `api.assert.*` for the shape, `security.role.unknown_controller`, `….unknown_action`,
            `….login_required` for a role anonymous that nobody can log in with.
    """
    controllers = content.get("controllers")
    if controllers is None:
        raise api_error("api.assert.empty_argument", f"{role_id}.controllers")
    _check_table(f"{role_id}.controllers", controllers)
    for name, entry in controllers.items():
        _check_controller(name, entry)
    if role_id == ANONYMOUS_PROFILE and not CompiledRights([Policy(table_of(dict(content)))]).allow(
        "auth", "login", None, None
    ):
        raise api_error("security.role.login_required")
    for name, entry in controllers.items():
        _check_names(role_id, name, entry["actions"], force=force, actions_of=actions_of)


def _check_controller(name: str, entry: Any) -> None:
    _check_table(name, entry)
    if "actions" not in entry:
        raise missing(name)
    _check_table(f"{name}.actions", entry["actions"])
    for action_name, allowed in entry["actions"].items():
        if not isinstance(allowed, bool):
            raise invalid_type(f"{name}.actions.{action_name}", "boolean")


def _check_table(name: str, value: Any) -> None:
    if not isinstance(value, Mapping):
        raise invalid_type(name, "object")
    if not value:
        raise api_error("api.assert.empty_argument", name)


def _check_names(
    role_id: str, controller: str, actions: Mapping[str, bool], *, force: bool, actions_of: ActionsOf
) -> None:
    vocabulary: Container[str] | None = () if controller == "*" else NATIVE_ACTIONS.get(controller)
    if vocabulary is None and force:
        return
    if vocabulary is None:
        vocabulary = actions_of(controller)
    if vocabulary is None:
        raise api_error("security.role.unknown_controller", role_id, controller, "")
    for name in actions:
        if name != "*" and name not in vocabulary:
            raise api_error("security.role.unknown_action", role_id, name, controller, "")
