"""(controller, action) → handler: finds the action, reads its arguments, calls it.

Rules of the file: pure; everything that can be known at registration is worked out there, so that a request costs
one look-up and at most one decoding.
"""

import functools
import inspect
import operator
import typing
from collections.abc import Callable, Coroutine, Iterable, Mapping
from types import CoroutineType
from typing import Any

from msgspec import Struct

from gateway.actions import Action, Context, Controller, hand_over
from gateway.protocol.arguments import Arguments, NoArguments
from gateway.protocol.codec import ArgumentsDecoder
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Request
from gateway.protocol.sdk import check_sdk
from gateway.protocol.signatures import Signature, Signatures

__all__ = ["RegistrationError", "Router"]


class RegistrationError(Exception):
    """A controller cannot be registered; the text names the class, the handler and the fault."""


class _Route(Struct, frozen=True):
    """One action, ready to be called.

    `slots` says what goes to each parameter of the handler: its arguments, the context, the request.
    """

    handler: Callable[..., Any]
    decoder: ArgumentsDecoder[Any] | None
    slots: tuple[tuple[str, type], ...]
    logged_in_only: bool
    signature: Signature


class Router:
    """The innermost endpoint: runs the action that a request names.

    Args:
        controllers: in any order; those that share a wire name are merged.

    Raises:
        RegistrationError: two handlers for one action, or a handler whose parameters cannot be filled.
    """

    def __init__(self, controllers: Iterable[Controller]) -> None:
        self._routes: dict[str, dict[str, _Route]] = {}
        for controller in controllers:
            self._register(controller)

    @property
    def actions(self) -> Mapping[str, tuple[str, ...]]:
        """Controller name → names of its actions, in the order of registration."""
        return {name: tuple(routes) for name, routes in self._routes.items()}

    @property
    def signatures(self) -> Signatures:
        """What each action takes and gives, in the order of registration."""
        return {
            name: {action: route.signature for action, route in routes.items()} for name, routes in self._routes.items()
        }

    async def __call__(self, request: Request, context: Context) -> object:
        """Run the action.

        Raises:
            NotFoundError: `api.process.controller_not_found`, `api.process.action_not_found`.
            UnauthorizedError: the action is for those who are logged in.
            BadRequestError: the arguments do not fit; the SDK is too old.
        """
        routes = self._routes.get(request.controller)
        if routes is None:
            raise api_error("api.process.controller_not_found", request.controller)
        route = routes.get(request.action)
        if route is None:
            raise api_error("api.process.action_not_found", request.controller, request.action)
        if request.volatile is not None:
            check_sdk(request.volatile)
        if route.logged_in_only and context.principal.is_anonymous:
            raise api_error("security.rights.unauthorized", request.controller, request.action)
        # Many actions take nothing at all; to unpack an empty dictionary costs as much as the others' arguments.
        result = route.handler(**_arguments(route, request, context)) if route.slots else route.handler()
        return await _later(result) if isinstance(result, CoroutineType) else result

    def _register(self, controller: Controller) -> None:
        routes = self._routes.setdefault(controller.name, {})
        for member in _members(type(controller)):
            handler = getattr(controller, member)
            note: Action | None = getattr(handler, "__action__", None)
            if note is None:
                continue
            if note.name in routes:
                raise RegistrationError(f"{controller.name}:{note.name} is registered twice")
            routes[note.name] = _route(controller, handler, note)


async def _later(result: Coroutine[Any, Any, object]) -> object:
    try:
        await hand_over()
    except BaseException:
        result.close()  # it was cancelled before it began
        raise
    return await result


def _members(kind: type) -> Iterable[str]:
    """The names in a class, in the order of their definition, those of its bases first."""
    return dict.fromkeys(name for base in reversed(kind.__mro__) for name in vars(base))


def _arguments(route: _Route, request: Request, context: Context) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, kind in route.slots:
        if kind is Context:
            values[name] = context
        elif kind is Request:
            values[name] = request
        elif route.decoder is not None:
            values[name] = route.decoder.decode(request.payload)
        else:
            values[name] = NoArguments()
    return values


def _route(controller: Controller, handler: Callable[..., Any], note: Action) -> _Route:
    where = f"{type(controller).__name__}.{handler.__name__}"
    hints = typing.get_type_hints(handler)
    slots: list[tuple[str, type]] = []
    shape: type[Arguments] = NoArguments
    open_slots: set[type] = {Arguments, Context, Request}
    for name in inspect.signature(handler).parameters:
        kind = hints.get(name)
        slot = Arguments if isinstance(kind, type) and issubclass(kind, Arguments) else kind
        if kind is None or slot not in open_slots:
            raise RegistrationError(f"{where}: parameter {name} is no Arguments, Context or Request, or one too many")
        open_slots.remove(slot)
        slots.append((name, kind))
        if slot is Arguments:
            shape = kind
    return _Route(
        handler,
        _decoder(shape, where),
        tuple(slots),
        note.logged_in_only,
        Signature(shape, _result(hints.get("return", Any)), _summary(handler), note.logged_in_only),
    )


def _result(hint: Any) -> Any:
    """What an answer holds in the end, of a handler that returns it at once or a coroutine that will."""
    kinds = typing.get_args(hint)
    at_once = tuple(kind for kind in kinds if typing.get_origin(kind) is not Coroutine)
    return hint if len(at_once) == len(kinds) else functools.reduce(operator.or_, at_once)


def _summary(handler: Callable[..., Any]) -> str:
    return (inspect.getdoc(handler) or "").partition("\n")[0]


def _decoder(shape: type[Any], where: str) -> ArgumentsDecoder[Any] | None:
    if shape is NoArguments:
        return None
    try:
        return ArgumentsDecoder(shape)
    except TypeError as fault:
        raise RegistrationError(f"{where}: {fault}") from None
