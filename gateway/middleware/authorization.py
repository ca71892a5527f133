"""May they: the principal's rights against the action's name, before anybody looks whether there is such an action.

Rules of the file: one endpoint around the next. 401 for the anonymous, 403 for everybody else (rights.md, "Outcome").
"""

from gateway.actions import Context, Endpoint, Middleware
from gateway.protocol.codec import decode_text
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request
from gateway.security.first_admin import FirstAdmin

__all__ = ["authorization"]


def authorization(first_admin: FirstAdmin) -> Middleware:
    """Make the middleware.

    Args:
        first_admin: lets the anonymous pass while there is no administrator.
    """

    def around(endpoint: Endpoint) -> Endpoint:
        async def authorize(request: Request, context: Context) -> object:
            principal = context.principal
            allowed = principal.rights.allow(
                request.controller,
                request.action,
                decode_text(request.index),
                decode_text(request.collection),
            )
            if not allowed and not await first_admin.may_pass(request, principal, is_local=context.connection.is_local):
                name = "unauthorized" if principal.is_anonymous else "forbidden"
                raise api_error(f"security.rights.{name}", request.controller, request.action, principal.kuid)
            return await endpoint(request, context)

        return authorize

    return around
