"""What is asked of sessions: the `auth:` actions on tokens."""

from collections.abc import Coroutine
from typing import Any

from gateway.actions import ANONYMOUS_ID, Context, Controller, Reply, Session, action
from gateway.protocol.arguments import pick
from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.messages import Cookie
from gateway.security.records import Document
from gateway.security.sessions.arguments import CheckToken, CreateToken, Login, Logout, RefreshToken
from gateway.security.sessions.service import Sessions

__all__ = ["SessionsController"]

_UNAUTHORIZED = 401


class SessionsController(Controller):
    """`auth:` actions on the session and on oneself.

    Args:
        sessions: of all users.
        cookies: whether a cookie may hold a token.
    """

    name = "auth"

    def __init__(self, sessions: Sessions, *, cookies: bool) -> None:
        self._sessions = sessions
        self._cookies = cookies

    @action("login")
    async def login(self, arguments: Login, context: Context) -> Document | Reply:
        """Make a login token; in cookie mode the answer does not show it."""
        self._check_mode(is_cookie=arguments.cookie_auth)
        beside = {"username": arguments.username, "password": arguments.password}
        result, token = await self._sessions.login(
            arguments.strategy, beside | (arguments.body or {}), arguments.expires_in
        )
        await self._sessions.begin(context.connection, result, token)
        return _handed(result, token, in_cookie=arguments.cookie_auth)

    @action("refreshToken", logged_in_only=True)
    async def refresh(self, arguments: RefreshToken, context: Context) -> Document | Reply:
        """Make a new login token in the place of the one in use."""
        self._check_mode(is_cookie=arguments.cookie_auth)
        session = context.session
        if session is None:
            raise api_error("security.rights.unauthorized", "auth", "refreshToken")
        result, token = await self._sessions.refresh(session, arguments.expires_in)
        return _handed(result, token, in_cookie=arguments.cookie_auth)

    @action("createToken")
    async def create_token(self, arguments: CreateToken, context: Context) -> Document:
        """Make a token for the caller, perhaps for a single use."""
        return await self._sessions.create_token(context.session, arguments.expires_in, single_use=arguments.single_use)

    @action("logout")
    async def logout(self, arguments: Logout, context: Context) -> Document | Reply:
        """End the login token in use, or all of the user's; in cookie mode the cookie goes too, whatever it holds."""
        self._check_mode(is_cookie=arguments.cookie_auth)
        session = context.session
        if context.principal.is_anonymous and not arguments.cookie_auth:
            raise api_error("security.rights.unauthorized", "auth", "logout")
        if session is not None:
            self._sessions.leave(context.connection, session, everywhere=arguments.everywhere)
            await self._sessions.end(session)
            if arguments.everywhere:
                await self._sessions.end_all(session.kuid)
        done = {"acknowledged": True}
        return Reply(done, cookie=Cookie(None)) if arguments.cookie_auth else done

    @action("checkToken")
    def check_token(self, arguments: CheckToken, context: Context) -> Document | Coroutine[Any, Any, Document]:
        """Tell whether a token counts; one that does not is an answer, not an error."""
        self._check_mode(is_cookie=arguments.cookie_auth)
        body = arguments.body or {}
        token = pick(body, "token", str) if "token" in body else ""
        if arguments.cookie_auth:
            token = context.connection.cookie or ""
        if not token:
            return {"expiresAt": None, "kuid": ANONYMOUS_ID, "valid": True}
        try:
            session = self._sessions.known(token, context.connection)
        except ApiError as error:
            return _refused(error)
        return self._look_up(token) if session is None else _valid(session)

    async def _look_up(self, token: str) -> Document:
        try:
            return _valid(await self._sessions.verify(token))
        except ApiError as error:
            return _refused(error)

    def _check_mode(self, *, is_cookie: bool) -> None:
        if is_cookie and not self._cookies:
            raise api_error("security.cookie.unsupported")


def _valid(session: Session) -> Document:
    return {"expiresAt": session.expires_at, "kuid": session.kuid, "valid": True}


def _refused(error: ApiError) -> Document:
    if error.status != _UNAUTHORIZED:
        raise error
    return {"state": error.message, "valid": False}


def _handed(result: Document, token: str, *, in_cookie: bool) -> Document | Reply:
    """A new token is in the answer or in a cookie, never in both: a page cannot read the cookie (http.md §7)."""
    return Reply(result, cookie=Cookie(token, result["expiresAt"])) if in_cookie else result | {"jwt": token}
