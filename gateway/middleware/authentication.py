"""Who is it: a token becomes a session and a principal, no token becomes the anonymous one.

Rules of the file: one endpoint around the next. A token that does not count is refused whatever the action
(rights.md, "Outcome").
"""

from gateway.actions import Context, Endpoint, Middleware
from gateway.protocol.messages import Request
from gateway.security.sessions import Sessions

__all__ = ["authentication"]


def authentication(sessions: Sessions) -> Middleware:
    """Make the middleware.

    Args:
        sessions: recognises tokens.
    """

    def around(endpoint: Endpoint) -> Endpoint:
        async def authenticate(request: Request, context: Context) -> object:
            if request.jwt is None:
                return await endpoint(request, Context(context.connection, sessions.anonymous))
            session = await sessions.verify(request.jwt)
            principal = await sessions.principal(session)
            return await endpoint(request, Context(context.connection, principal, session))

        return authenticate

    return around
