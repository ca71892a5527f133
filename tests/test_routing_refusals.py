"""What cannot be registered: two handlers for one action, and handlers whose parameters nobody can fill."""

from typing import Any

import pytest

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, NoArguments
from gateway.protocol.messages import Request
from gateway.routing import RegistrationError, Router
from gateway.system.server import ServerController


class Greeting(Arguments, frozen=True):
    """Whom to greet."""

    to: str


class Letter(Arguments, frozen=True):
    """What to write."""

    text: str


def test_an_action_that_ours_have_cannot_be_replaced() -> None:
    """A second handler for one action is refused at start, whoever brings it."""

    class Impostor(Controller):
        name = "server"

        @action("now")
        def now(self) -> int:
            """Lie."""
            return 0

    with pytest.raises(RegistrationError, match="server:now is registered twice"):
        Router([ServerController.__new__(ServerController), Impostor()])


def test_two_handlers_of_one_class_cannot_share_an_action() -> None:
    """The wire name counts, not the method's."""

    class Twice(Controller):
        name = "twice"

        @action("same")
        def first(self) -> None:
            """Be the first."""

        @action("same")
        def second(self) -> None:
            """Be the second."""

    with pytest.raises(RegistrationError, match="twice:same is registered twice"):
        Router([Twice()])


def _controller(handler: Any) -> Controller:
    marked = action("wrong")(handler)
    kind = type("Wrong", (Controller,), {"name": "wrong", handler.__name__: marked})
    instance: Controller = kind()
    return instance


def _without_annotation(self: Any, arguments) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001 - that is the fault


def _of_a_plain_type(self: Any, arguments: str) -> None: ...


def _of_a_generic_type(self: Any, arguments: list[Greeting]) -> None: ...


def _of_two_arguments(self: Any, first: Greeting, second: Letter) -> None: ...


def _of_none_and_some(self: Any, first: NoArguments, second: Letter) -> None: ...


def _of_two_contexts(self: Any, first: Context, second: Context) -> None: ...


def _of_two_requests(self: Any, first: Request, second: Request) -> None: ...


def _of_many(self: Any, *arguments: Any) -> None: ...


def _of_keywords(self: Any, **arguments: Any) -> None: ...


@pytest.mark.parametrize(
    ("handler", "parameter"),
    [
        (_without_annotation, "arguments"),
        (_of_a_plain_type, "arguments"),
        (_of_a_generic_type, "arguments"),
        (_of_two_arguments, "second"),
        (_of_none_and_some, "second"),
        (_of_two_contexts, "second"),
        (_of_two_requests, "second"),
        (_of_many, "arguments"),
        (_of_keywords, "arguments"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_parameter_that_cannot_be_filled_is_refused_at_start(handler: Any, parameter: str) -> None:
    """The text names class, handler and parameter, so that its author finds it."""
    with pytest.raises(RegistrationError, match=rf"^Wrong\.{handler.__name__}: parameter {parameter} "):
        Router([_controller(handler)])


class Unreadable(Arguments, frozen=True):
    """A shape with a type that no getter reads."""

    ratio: float


def _of_an_unreadable_shape(self: Any, arguments: Unreadable) -> None: ...


def test_a_shape_that_no_getter_reads_is_refused_at_start() -> None:
    """Rather than answered with a fault of the server when a client sends something else."""
    with pytest.raises(RegistrationError, match=r"^Wrong\._of_an_unreadable_shape: .* Unreadable\.ratio$"):
        Router([_controller(_of_an_unreadable_shape)])
