"""The actions on credentials: anybody's in `security`, the caller's in `auth`."""

from gateway.actions import Context, Controller, action
from gateway.security.credentials.arguments import (
    DeleteOwnCredentials,
    NamedCredentials,
    SearchCredentials,
    StrategyArguments,
    ValidateCredentials,
    WriteCredentials,
    WriteOwnCredentials,
)
from gateway.security.credentials.service import Credentials
from gateway.security.records import Document

__all__ = ["CredentialsController", "OwnCredentialsController"]


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
