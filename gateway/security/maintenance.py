"""Odds and ends of `security:`: refresh and restrictDefaultRights.

Order of the file: the arguments, the actions. Source: security.md §7.
"""

from collections.abc import Awaitable, Callable

from msgspec import UNSET, UnsetType

from gateway.actions import Controller, action
from gateway.protocol.arguments import Arguments
from gateway.protocol.errors import api_error

__all__ = ["MaintenanceController"]

_COLLECTIONS = ("users", "profiles", "roles")


class Refresh(Arguments, frozen=True):
    """Arguments of `security:refresh`."""

    collection: str


class MaintenanceController(Controller):
    """`security:` actions on the whole.

    Args:
        restrict: writes the restricted rights over the default ones.
    """

    name = "security"

    def __init__(self, restrict: Callable[[], Awaitable[None]]) -> None:
        self._restrict = restrict

    @action("refresh")
    def refresh(self, arguments: Refresh) -> None:
        """Do nothing: what was acknowledged can be found."""
        if arguments.collection not in _COLLECTIONS:
            accepted = ", ".join(f'"{name}"' for name in _COLLECTIONS)
            raise api_error("api.assert.unexpected_argument", arguments.collection, accepted)

    @action("restrictDefaultRights")
    async def restrict(self) -> UnsetType:
        """Give the built-in roles and profiles their restricted rights."""
        await self._restrict()
        return UNSET
