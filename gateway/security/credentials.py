"""Credentials: what users log in with, whatever the strategy.

Order of the file: the arguments, the service, the actions. Source: security.md §4, auth.md "*MyCredentials".
"""

from collections.abc import Mapping
from typing import Any

from msgspec import field

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, OptionalId, RequiredId
from gateway.protocol.errors import ApiError, BadRequestError, ForbiddenError, PreconditionError, api_error
from gateway.security.records import Document
from gateway.security.revocations import Revocations
from gateway.security.strategies import Strategies
from gateway.security.users import Users
from gateway.storage.mongo import Database, Transaction

__all__ = ["Credentials", "CredentialsController", "OwnCredentialsController"]


class StrategyArguments(Arguments, frozen=True):
    """Arguments of the actions on one strategy."""

    strategy: str


class NamedCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of the actions on somebody's credentials."""

    id: RequiredId = field(name="_id")


class WriteCredentials(NamedCredentials, frozen=True, kw_only=True):
    """The same with credentials."""

    body: dict[str, Any]


class ValidateCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `security:validateCredentials`."""

    id: OptionalId = field(name="_id", default=None)
    body: dict[str, Any]


class WriteOwnCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of the actions that change the caller's credentials; `password` is the present one."""

    body: dict[str, Any]
    password: Any = None


class DeleteOwnCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `auth:deleteMyCredentials`."""

    body: dict[str, Any] | None = None
    password: Any = None


class SearchCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `security:searchUsersByCredentials`."""

    first: int = field(name="from", default=0)
    size: int = 10
    lang: Any = None
    body: dict[str, Any] | None = None


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


class CredentialsController(Controller):
    """`security:` actions on anybody's credentials."""

    name = "security"

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @action("createCredentials")
    async def create(self, arguments: WriteCredentials, context: Context) -> Document:
        """Give a user credentials."""
        return await self._write(arguments, context, is_update=False)

    @action("updateCredentials")
    async def update(self, arguments: WriteCredentials, context: Context) -> Document:
        """Change a user's credentials."""
        return await self._write(arguments, context, is_update=True)

    @action("validateCredentials")
    async def validate(self, arguments: ValidateCredentials) -> bool:
        """Tell that credentials would be accepted."""
        return await self._credentials.validate(arguments.strategy, arguments.id, arguments.body)

    @action("hasCredentials")
    async def exist(self, arguments: NamedCredentials) -> bool:
        """Tell whether a user has credentials."""
        return await self._credentials.exist(arguments.strategy, arguments.id)

    @action("getCredentials")
    async def get(self, arguments: NamedCredentials) -> Document:
        """Show a user's credentials."""
        return await self._credentials.show(arguments.strategy, arguments.id)

    @action("getCredentialsById")
    async def get_by_id(self, arguments: NamedCredentials) -> Document:
        """Show credentials by their own id."""
        return await self._credentials.show_by_id(arguments.strategy, arguments.id)

    @action("deleteCredentials")
    async def delete(self, arguments: NamedCredentials) -> Document:
        """Delete a user's credentials."""
        return await self._credentials.delete(arguments.strategy, arguments.id)

    @action("getCredentialFields")
    def get_fields(self, arguments: StrategyArguments) -> list[str]:
        """List the fields of a strategy's credentials."""
        return list(self._credentials.strategies.get(arguments.strategy).fields)

    @action("getAllCredentialFields")
    def get_all_fields(self) -> dict[str, list[str]]:
        """List the fields of every strategy's credentials."""
        return self._credentials.strategies.fields

    @action("searchUsersByCredentials")
    async def search(self, arguments: SearchCredentials) -> Document:
        """Find users by their credentials."""
        return await self._credentials.search(arguments)

    async def _write(self, arguments: WriteCredentials, context: Context, *, is_update: bool) -> Document:
        return await self._credentials.write(
            arguments.strategy, arguments.id, arguments.body, updater=context.principal.kuid, is_update=is_update
        )


class OwnCredentialsController(Controller):
    """`auth:` actions on the caller's credentials."""

    name = "auth"

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @action("getStrategies")
    def list_strategies(self) -> list[str]:
        """List the ways to log in."""
        return self._credentials.strategies.names

    @action("createMyCredentials", logged_in_only=True)
    async def create(self, arguments: WriteOwnCredentials, context: Context) -> Document:
        """Give oneself credentials."""
        kuid = context.principal.kuid
        return await self._credentials.write(arguments.strategy, kuid, arguments.body, updater=kuid, is_update=False)

    @action("updateMyCredentials", logged_in_only=True)
    async def update(self, arguments: WriteOwnCredentials, context: Context) -> Document:
        """Change one's credentials."""
        kuid = context.principal.kuid
        fields = dict(arguments.body)
        present = fields.pop("currentPassword", None)
        await self._credentials.check_present(arguments.strategy, kuid, present or arguments.password)
        return await self._credentials.write(arguments.strategy, kuid, fields, updater=kuid, is_update=True)

    @action("validateMyCredentials", logged_in_only=True)
    async def validate(self, arguments: WriteOwnCredentials, context: Context) -> bool:
        """Tell that credentials would be accepted."""
        return await self._credentials.validate(arguments.strategy, context.principal.kuid, arguments.body)

    @action("getMyCredentials", logged_in_only=True)
    async def get(self, arguments: StrategyArguments, context: Context) -> Document:
        """Show one's credentials."""
        return await self._credentials.show(arguments.strategy, context.principal.kuid)

    @action("credentialsExist", logged_in_only=True)
    async def exist(self, arguments: StrategyArguments, context: Context) -> bool:
        """Tell whether one has credentials."""
        return await self._credentials.exist(arguments.strategy, context.principal.kuid)

    @action("deleteMyCredentials", logged_in_only=True)
    async def delete(self, arguments: DeleteOwnCredentials, context: Context) -> Document:
        """Delete one's credentials."""
        kuid = context.principal.kuid
        present = (arguments.body or {}).get("currentPassword")
        await self._credentials.check_present(arguments.strategy, kuid, present or arguments.password)
        return await self._credentials.delete(arguments.strategy, kuid)
