"""Who is it: a token becomes a session and a principal, no token becomes the anonymous one.

Rules of the file: one endpoint around the next, and a coroutine only where something waits. A token that does not
count is refused whatever the action (rights.md, "Outcome"), and so is one beside a cookie: which of the two is meant
cannot be told (http.md §7).
"""

from collections.abc import Awaitable

from gateway.actions import Connection, Context, Endpoint, Middleware, Reply
from gateway.protocol.arguments import Arguments
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.errors import ApiError, api_error
from gateway.protocol.messages import Cookie, Request
from gateway.security.sessions import Sessions

__all__ = ["authentication"]

_OUT_OF_DATE = (401, 404)  # the token does not count any more, or its user is gone


class _Mode(Arguments, frozen=True):
    cookie_auth: bool = False


_mode_decoder = ArgumentsDecoder(_Mode)


def authentication(sessions: Sessions, *, cookies: bool = True) -> Middleware:
    """Make the middleware.

    Args:
        sessions: recognises tokens.
        cookies: whether a cookie may hold a token.
    """
    return lambda endpoint: _Authentication(endpoint, sessions, cookies=cookies).authenticate


class _Authentication:
    def __init__(self, endpoint: Endpoint, sessions: Sessions, *, cookies: bool) -> None:
        self._endpoint = endpoint
        self._sessions = sessions
        self._cookies = cookies

    def authenticate(self, request: Request, context: Context) -> Awaitable[object]:
        token, connection = request.jwt, context.connection
        if connection.cookie is not None:
            _check_cookie(token, cookies=self._cookies)
            if _manages_cookie(request):
                return self._manage(request, context, connection.cookie)
            token = connection.cookie
        if token is None:
            return self._endpoint(request, Context(connection, self._sessions.anonymous))
        known = self._sessions.recall(token, connection)
        if known is None:
            return self._recognise(request, connection, token)
        return self._endpoint(request, known)

    async def _recognise(self, request: Request, connection: Connection, token: str) -> object:
        session, principal = await self._sessions.recognise(token, connection)
        return await self._endpoint(request, Context(connection, principal, session))

    async def _manage(self, request: Request, context: Context, cookie: str) -> object:
        """A cookie that is out of date must not stand in the way of the actions that replace or end it."""
        if request.action != "logout":
            return await self._endpoint(request, Context(context.connection, self._sessions.anonymous))
        try:
            session, principal = await self._sessions.recognise(cookie)
        except ApiError as error:
            if error.status not in _OUT_OF_DATE:
                raise
            # Nothing is left to end but the cookie, which asks for no right: the browser could do it alone.
            return Reply({"acknowledged": True}, cookie=Cookie(None))
        return await self._endpoint(request, Context(context.connection, principal, session))


def _check_cookie(token: str | None, *, cookies: bool) -> None:
    if not cookies:
        raise api_error("security.cookie.unsupported")
    if token is not None:
        raise api_error("security.token.verification_error", "there is both a token and a cookie")


def _manages_cookie(request: Request) -> bool:
    """Tell whether this is one of the actions by which a page gets, looks at and ends its cookie (http.md §7)."""
    if request.controller != "auth" or request.action not in ("login", "checkToken", "logout"):
        return False
    return _mode_decoder.decode(request.payload).cookie_auth
