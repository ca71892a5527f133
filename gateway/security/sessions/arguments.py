"""The arguments of the actions on sessions (auth.md)."""

from typing import Any

from msgspec import field

from gateway.protocol.arguments import Arguments

__all__ = ["CheckToken", "CreateToken", "Login", "Logout", "RefreshToken"]


class Login(Arguments, frozen=True):
    """Arguments of `auth:login`; the credentials stand in the body, or beside it where that has none."""

    strategy: str
    expires_in: Any = None
    cookie_auth: bool = False
    body: dict[str, Any] | None = None
    username: Any = None
    password: Any = None


class Logout(Arguments, frozen=True):
    """Arguments of `auth:logout`; `global` ends every login token of the user."""

    everywhere: bool = field(name="global", default=False)
    cookie_auth: bool = False


class RefreshToken(Arguments, frozen=True):
    """Arguments of `auth:refreshToken`."""

    expires_in: Any = None
    cookie_auth: bool = False


class CreateToken(Arguments, frozen=True):
    """Arguments of `auth:createToken`."""

    expires_in: Any = None
    single_use: bool = False


class CheckToken(Arguments, frozen=True):
    """Arguments of `auth:checkToken`; `cookieAuth` asks about the cookie."""

    cookie_auth: bool = False
    body: dict[str, Any] | None = None
