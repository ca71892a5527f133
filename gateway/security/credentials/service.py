"""The keeper of credentials: what users log in with, whatever the strategy (security.md §4)."""

from collections.abc import Mapping
from typing import Any

from gateway.protocol.errors import ApiError, BadRequestError, ForbiddenError, PreconditionError, api_error
from gateway.security.credentials.arguments import SearchCredentials
from gateway.security.records import Document
from gateway.security.revocations import Revocations
from gateway.security.strategies import Strategies
from gateway.security.users import Users
from gateway.storage.mongo import Database, Transaction

__all__ = ["Credentials"]


class Credentials:
    """Gives, changes and takes credentials.

    Args:
        strategies: the ways to log in.
        users: who may have credentials.
        database: for transactions.
        revocations: told of users whose credentials change.
        requires_password: changing or deleting one's own needs the present password.
        most_hits: largest page of a search.
    """

    def __init__(
        self,
        strategies: Strategies,
        users: Users,
        database: Database,
        revocations: Revocations,
        *,
        requires_password: bool,
        most_hits: int,
    ) -> None:
        self.strategies = strategies
        self._users = users
        self._database = database
        self._revocations = revocations
        self._requires_password = requires_password
        self._most_hits = most_hits

    async def write(
        self, name: str, kuid: str, fields: Mapping[str, Any], *, updater: str, is_update: bool
    ) -> Document:
        """Give a user credentials, or change them; return what may be shown.

        Raises:
            NotFoundError: `security.user.not_found`.
            ApiError: of the strategy.
        """
        strategy = self.strategies.get(name)
        await self._users.get(kuid)

        async def work(transaction: Transaction) -> None:
            await self._users.hold(kuid, transaction)
            await strategy.store(prepared, transaction)

        try:
            prepared = await strategy.prepare(kuid, fields, updater=updater, is_update=is_update)
            await self._database.transaction(work)
            self._revocations.user_changed(kuid)
            return await self.show(name, kuid)
        except ApiError:
            await self._users.get(kuid)  # that the user has gone says more than what has gone with them
            raise

    async def validate(self, name: str, kuid: str | None, fields: Mapping[str, Any]) -> bool:
        """Tell that credentials would be accepted.

        Raises:
            ApiError: of the strategy.
        """
        await self.strategies.get(name).validate(kuid or "", fields)
        return True

    async def show(self, name: str, kuid: str) -> Document:
        """Return what may be shown of a user's credentials.

        Raises:
            PreconditionError: there are none.
        """
        return _there(await self.strategies.get(name).describe(kuid))

    async def show_by_id(self, name: str, credentials_id: str) -> Document:
        """Return the same by the credentials' own id; raises as `show`."""
        return _there(await self.strategies.get(name).describe_by_id(credentials_id))

    async def exist(self, name: str, kuid: str) -> bool:
        """Tell whether a user has credentials of a strategy."""
        return await self.strategies.get(name).describe(kuid) is not None

    async def delete(self, name: str, kuid: str) -> Document:
        """Delete a user's credentials.

        Raises:
            PreconditionError: there are none.
        """
        strategy = self.strategies.get(name)

        async def work(transaction: Transaction) -> None:
            if not await strategy.remove(kuid, transaction):
                raise _none()
            await self._users.touch(kuid, transaction)

        await self._database.transaction(work)
        self._revocations.user_changed(kuid)
        return {"acknowledged": True}

    async def check_present(self, name: str, kuid: str, password: Any) -> None:
        """Make sure that somebody knows the credentials that they are about to change, where that is required.

        Raises:
            BadRequestError: no password was given.
            ForbiddenError: it is not the present one.
        """
        if not self._requires_password:
            return
        if not isinstance(password, str) or not password:
            raise BadRequestError("The present password is required.")
        if not await self.strategies.get(name).check_password(kuid, password):
            raise ForbiddenError("The present password is another.")

    async def search(self, arguments: SearchCredentials) -> Document:
        """Find users by their credentials: `{hits, total}`."""
        strategy = self.strategies.get(arguments.strategy)
        body = arguments.body or {}
        if arguments.size > self._most_hits:
            raise api_error("services.storage.get_limit_exceeded")
        return await strategy.search(
            body.get("query"), body.get("sort"), lang=arguments.lang, skip=arguments.first, size=arguments.size
        )


def _there(described: dict[str, Any] | None) -> Document:
    if described is None:
        raise _none()
    return described


def _none() -> PreconditionError:
    return PreconditionError("The user has no credentials of this strategy.")
