"""Users with tokens, and what ends the tokens: what the tests of revocation share."""

import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from tests.security.nodes import Node, Outcome, Socket

__all__ = ["ENDINGS", "EXPIRED", "INVALID", "OK", "WHO", "Ending", "User", "is_refused", "used"]

OK: Outcome = (200, None)
INVALID: Outcome = (401, "security.token.invalid")
_NO_USER: Outcome = (404, "security.user.not_found")
EXPIRED = ["TokenExpired"]
WHO = "auth:getMyRights"
"""An action that looks at nothing but the token and the rights."""


class User:
    """A user of a test's own, with a login token and a key.

    Attributes:
        kuid: id, and user name.
        login: the token.
        key: the API key.
        key_id: its `_id`.
    """

    def __init__(self, where: Node) -> None:
        self.kuid = uuid.uuid4().hex
        self.login = self.key = self.key_id = ""
        self._where = where
        self._local = {"username": self.kuid, "password": "pass"}

    async def register(self) -> None:
        """Make the user."""
        body = {"content": {"profileIds": ["default"]}, "credentials": {"local": self._local}}
        await self._where.succeed("security:createUser", _id=self.kuid, body=body)
        self.login = await self.log_in()
        key = await self._where.succeed("security:createApiKey", userId=self.kuid, body={"description": ""})
        self.key, self.key_id = key["_source"]["token"], key["_id"]

    async def log_in(self, **arguments: Any) -> str:
        """Log in once more; return the token."""
        result = await self._where.succeed("auth:login", strategy="local", body=self._local, **arguments)
        return str(result["jwt"])

    async def new_key(self, **arguments: Any) -> str:
        """Make one more key; return its token."""
        body = {"description": ""}
        key = await self._where.succeed("security:createApiKey", userId=self.kuid, body=body, **arguments)
        return str(key["_source"]["token"])

    def token(self, kind: str) -> str:
        """The token or the key."""
        return self.login if kind == "login" else self.key


async def used(nodes: list[Node], token: str) -> list[Socket]:
    """A connection to each node, on which a token was used until the node knows it."""
    sockets = [one.connect() for one in nodes]
    for one, socket in zip(nodes, sockets, strict=True):
        for _ in range(2):
            assert OK == await one.outcome(WHO, token, over=socket)
    return sockets


async def is_refused(where: Node, token: str) -> bool:
    """Tell whether a token leads nowhere any more."""
    return await where.outcome(WHO, token) in (INVALID, _NO_USER)


Ending = Callable[[Node, User], Awaitable[Any]]

ENDINGS: dict[str, tuple[str, Ending]] = {
    "key deleted": (
        "key",
        lambda where, user: where.succeed("security:deleteApiKey", userId=user.kuid, _id=user.key_id),
    ),
    "own key deleted": ("key", lambda where, user: where.succeed("auth:deleteApiKey", user.login, _id=user.key_id)),
    "key deleted by itself": ("key", lambda where, user: where.succeed("auth:deleteApiKey", user.key, key=user.key)),
    "logout": ("login", lambda where, user: where.succeed("auth:logout", user.login)),
    "logout everywhere": ("login", lambda where, user: where.succeed("auth:logout", user.key, **{"global": True})),
    "tokens revoked": ("login", lambda where, user: where.succeed("security:revokeTokens", _id=user.kuid)),
    "user deleted, token": ("login", lambda where, user: where.succeed("security:deleteUser", _id=user.kuid)),
    "user deleted, key": ("key", lambda where, user: where.succeed("security:deleteUser", _id=user.kuid)),
    "users deleted": ("key", lambda where, user: where.succeed("security:mDeleteUsers", body={"ids": [user.kuid]})),
}
