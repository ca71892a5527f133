"""May they: the principal's rights against the action's name, before anybody looks whether there is such an action.

Rules of the file: one endpoint around the next. 401 for the anonymous, 403 for everybody else (rights.md, "Outcome").
"""

from collections.abc import Awaitable

from msgspec import UNSET, Raw

from gateway.actions import Context, Endpoint, Middleware, Rights
from gateway.protocol.codec import decode_text, decode_value
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
        def authorize(request: Request, context: Context) -> Awaitable[object]:
            if _allow(context.principal.rights, request):
                return endpoint(request, context)
            return make_exception(request, context)

        async def make_exception(request: Request, context: Context) -> object:
            principal = context.principal
            if not await first_admin.may_pass(request, principal, is_local=context.connection.is_local):
                name = "unauthorized" if principal.is_anonymous else "forbidden"
                raise api_error(f"security.rights.{name}", request.controller, request.action, principal.kuid)
            return await endpoint(request, context)

        return authorize

    return around


def _allow(rights: Rights, request: Request) -> bool:
    index, collection = request.index, request.collection
    index_name = None if index is UNSET else _name(index)
    collection_name = None if collection is UNSET else _name(collection)
    if not rights.allow(request.controller, request.action, index_name, collection_name):
        return False
    return request.targets is UNSET or _allow_targets(rights, request, request.targets)


def _name(sent: Raw) -> str | None:
    """A name as rights compare it; what is no text stands for itself, so that it cannot pass for no name at all."""
    if bytes(sent) == b"null":
        return None
    text = decode_text(sent)
    return bytes(sent).decode() if text is None else text


def _allow_targets(rights: Rights, request: Request, targets: Raw) -> bool:
    """Ask for every place of a multi-target request; one that lacks index or collections is none, `*` is everywhere."""
    for target in decode_value("targets", targets) or ():
        index, collections = (target.get("index"), target.get("collections")) if isinstance(target, dict) else ("", "")
        if not index or not collections:
            continue
        for collection in collections if isinstance(collections, list) else [collections]:
            place = (str(index), str(collection))
            if "*" in "".join(place) or not rights.allow(request.controller, request.action, *place):
                return False
    return True
