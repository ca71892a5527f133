"""What is asked of roles: the `security:` actions and their arguments."""

from typing import Any

from msgspec import field

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, RequiredId
from gateway.security.records import Document, present
from gateway.security.roles.service import Roles
from gateway.security.shelf import IdArguments, IdsArguments, SearchArguments, delete_many, read_ids

__all__ = ["RolesController"]


class WriteRole(Arguments, frozen=True):
    """Arguments of `security:createRole` and `createOrReplaceRole`: the body is the whole definition."""

    id: RequiredId = field(name="_id")
    body: dict[str, Any]
    force: bool = False


class UpdateRole(WriteRole, frozen=True):
    """Arguments of `security:updateRole`; `retryOnConflict` is only read, as there are no conflicts to be told."""

    retry_on_conflict: int = 10


class RolesController(Controller):
    """`security:` actions on roles."""

    name = "security"

    def __init__(self, roles: Roles) -> None:
        self._roles = roles

    @action("createRole")
    async def create(self, arguments: WriteRole, context: Context) -> Document:
        """Store a new role."""
        return present(await self._roles.create(arguments.id, arguments.body, **_by(arguments, context)))

    @action("createOrReplaceRole")
    async def put(self, arguments: WriteRole, context: Context) -> Document:
        """Store a role, new or not."""
        return present(await self._roles.put(arguments.id, arguments.body, **_by(arguments, context)))

    @action("updateRole")
    async def replace(self, arguments: UpdateRole, context: Context) -> Document:
        """Replace the definition of a role."""
        return present(await self._roles.replace(arguments.id, arguments.body, **_by(arguments, context)))

    @action("getRole")
    async def get(self, arguments: IdArguments) -> Document:
        """Show a role."""
        return present(await self._roles.get(arguments.id))

    @action("mGetRoles")
    async def get_many(self, arguments: IdsArguments) -> Document:
        """Show several roles; all of them must be there."""
        return {"hits": [present(role) for role in await self._roles.shelf.get_all(read_ids(arguments))]}

    @action("searchRoles")
    async def search(self, arguments: SearchArguments) -> Document:
        """Find roles."""
        return await self._roles.search(arguments)

    @action("deleteRole")
    async def delete(self, arguments: IdArguments) -> Document:
        """Delete a role that no profile refers to."""
        await self._roles.delete(arguments.id)
        return {"_id": arguments.id}

    @action("mDeleteRoles")
    async def delete_many(self, arguments: IdsArguments) -> list[str]:
        """Delete several roles; tell which are gone."""
        return await delete_many(read_ids(arguments), self._roles.delete)


def _by(arguments: WriteRole, context: Context) -> dict[str, Any]:
    return {"force": arguments.force, "author": context.principal.kuid}
