"""What is asked of API keys: the `security:` actions on anybody's, the `auth:` actions on one's own."""

from gateway.actions import Context, Controller, action
from gateway.security.api_keys.arguments import (
    CreateKey,
    CreateOwnKey,
    DeleteKey,
    DeleteOwnKey,
    SearchKeys,
    SearchOwnKeys,
)
from gateway.security.api_keys.service import ApiKeys
from gateway.security.records import Document

__all__ = ["ApiKeysController", "OwnApiKeysController"]


class ApiKeysController(Controller):
    """`security:` actions on anybody's API keys."""

    name = "security"

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    @action("createApiKey")
    async def create(self, arguments: CreateKey, context: Context) -> Document:
        """Mint a key for a user."""
        return await self._keys.issue(
            arguments.user_id,
            arguments.id,
            arguments.body.description,
            arguments.expires_in,
            author=context.principal.kuid,
        )

    @action("searchApiKeys")
    async def search(self, arguments: SearchKeys) -> Document:
        """Find keys of a user; whether there is such a user is not looked at."""
        return await self._keys.search(arguments.user_id, arguments)

    @action("deleteApiKey")
    async def delete(self, arguments: DeleteKey) -> Document:
        """Revoke a key of a user."""
        return {"_id": await self._keys.revoke(arguments.user_id, arguments)}


class OwnApiKeysController(Controller):
    """`auth:` actions on the caller's API keys."""

    name = "auth"

    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    @action("createApiKey")
    async def create(self, arguments: CreateOwnKey, context: Context) -> Document:
        """Mint a key for oneself."""
        kuid = context.principal.kuid
        return await self._keys.issue(
            kuid, arguments.id, arguments.body.description, arguments.expires_in, author=kuid, own=True
        )

    @action("searchApiKeys")
    async def search(self, arguments: SearchOwnKeys, context: Context) -> Document:
        """Find keys of one's own."""
        return await self._keys.search(context.principal.kuid, arguments)

    @action("deleteApiKey")
    async def delete(self, arguments: DeleteOwnKey, context: Context) -> Document:
        """Revoke a key of one's own."""
        return {"_id": await self._keys.revoke(context.principal.kuid, arguments)}
