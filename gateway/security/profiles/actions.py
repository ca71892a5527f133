"""What is asked of profiles: the `security:` actions and their arguments."""

from typing import Any

from msgspec import field

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, RequiredId, pick
from gateway.protocol.errors import api_error
from gateway.security.profiles.service import Profiles
from gateway.security.records import Document, present
from gateway.security.shelf import IdArguments, IdsArguments, ScrollArguments, SearchArguments, delete_many, read_ids

__all__ = ["ProfilesController"]


class WriteProfile(Arguments, frozen=True):
    """Arguments of `security:createProfile` and `createOrReplaceProfile`.

    The body is the definition; its other keys beside `policies` and `rateLimit` are free.
    """

    id: RequiredId = field(name="_id")
    body: dict[str, Any]
    strict: bool = False


class UpdateProfile(WriteProfile, frozen=True):
    """Arguments of `security:updateProfile`; `retryOnConflict` is only read, as there are no conflicts to be told."""

    retry_on_conflict: int = 10


class DeleteProfile(IdArguments, frozen=True):
    """Arguments of `security:deleteProfile`; what becomes of the users who have it: `fail` or `remove`."""

    on_assigned_users: str = "fail"


class ProfilesController(Controller):
    """`security:` actions on profiles."""

    name = "security"

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    @action("createProfile")
    async def create(self, arguments: WriteProfile, context: Context) -> Document:
        """Store a new profile."""
        pick(arguments.body, "policies", list)
        return present(await self._profiles.create(arguments.id, arguments.body, **_by(arguments, context)))

    @action("createOrReplaceProfile")
    async def put(self, arguments: WriteProfile, context: Context) -> Document:
        """Store a profile, new or not."""
        pick(arguments.body, "policies", list)
        return present(await self._profiles.put(arguments.id, arguments.body, **_by(arguments, context)))

    @action("updateProfile")
    async def update(self, arguments: UpdateProfile, context: Context) -> Document:
        """Change parts of a profile."""
        if arguments.body.get("policies") is not None:
            pick(arguments.body, "policies", list)
        return present(await self._profiles.update(arguments.id, arguments.body, **_by(arguments, context)))

    @action("getProfile")
    async def get(self, arguments: IdArguments) -> Document:
        """Show a profile."""
        return present(await self._profiles.get(arguments.id))

    @action("mGetProfiles")
    async def get_many(self, arguments: IdsArguments) -> Document:
        """Show several profiles; all of them must be there."""
        return {"hits": [present(one) for one in await self._profiles.shelf.get_all(read_ids(arguments))]}

    @action("searchProfiles")
    async def search(self, arguments: SearchArguments) -> Document:
        """Find profiles."""
        return await self._profiles.search(arguments)

    @action("scrollProfiles")
    async def scroll(self, arguments: ScrollArguments) -> Document:
        """Show the next page of a search."""
        return await self._profiles.shelf.scroll(arguments)

    @action("getProfileRights")
    async def get_rights(self, arguments: IdArguments) -> Document:
        """List what a profile gives."""
        return self._profiles.rights(await self._profiles.get(arguments.id))

    @action("deleteProfile")
    async def delete(self, arguments: DeleteProfile) -> Document:
        """Delete a profile."""
        if arguments.on_assigned_users not in ("fail", "remove"):
            raise api_error("api.assert.invalid_argument", "onAssignedUsers", '"fail" or "remove"')
        await self._profiles.delete(arguments.id, remove=arguments.on_assigned_users == "remove")
        return {"_id": arguments.id}

    @action("mDeleteProfiles")
    async def delete_many(self, arguments: IdsArguments) -> list[str]:
        """Delete several profiles that nobody has; tell which are gone."""
        return await delete_many(read_ids(arguments), self._profiles.delete)


def _by(arguments: WriteProfile, context: Context) -> dict[str, Any]:
    return {"strict": arguments.strict, "author": context.principal.kuid}
