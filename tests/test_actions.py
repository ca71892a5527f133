"""The seam: what a decorator notes, who nobody is, and giving way without a loop."""

from typing import Any, get_type_hints

import pytest

from gateway.actions import (
    ANONYMOUS_ID,
    NOBODY,
    Action,
    Context,
    Controller,
    Principal,
    Session,
    action,
    hand_over,
)
from tests.driving import SilentConnection


class Everything:
    """Rights that allow all."""

    def allow(self, controller: str, action: str, index: str | None, collection: str | None) -> bool:
        """Yes."""
        return True

    def effective(self) -> list[dict[str, str]]:
        """Not asked for."""
        return []


def test_the_decorator_notes_the_name_and_leaves_the_handler_alone() -> None:
    """A handler can still be called like any function, and keeps its annotations."""

    class Greeter(Controller):
        name = "greeter"

        @action("sayHello", logged_in_only=True)
        def hello(self, context: Context) -> str:
            """Greet."""
            return f"hello {context.principal.kuid}"

    context = Context(SilentConnection())

    assert Action("sayHello", logged_in_only=True) == Greeter.hello.__action__  # type: ignore[attr-defined]
    assert f"hello {ANONYMOUS_ID}" == Greeter().hello(context)
    assert {"context": Context, "return": str} == get_type_hints(Greeter.hello)


def test_an_action_is_open_to_everybody_with_the_right_unless_it_says_otherwise() -> None:
    """Being logged in is asked for by name."""

    @action("open")
    def handler() -> None:
        """Do nothing."""

    assert Action("open", logged_in_only=False) == handler.__action__  # type: ignore[attr-defined]


def test_a_request_that_was_not_looked_at_may_do_nothing() -> None:
    """A context begins with nobody: a forgotten middleware opens no door."""
    context = Context(SilentConnection())

    assert (NOBODY, None) == (context.principal, context.session)
    assert NOBODY.is_anonymous
    assert not NOBODY.rights.allow("server", "now", None, None)
    assert [] == NOBODY.rights.effective()


@pytest.mark.parametrize(("kuid", "anonymous"), [("-1", True), ("", False), ("anonymous", False), ("alice", False)])
def test_anonymous_is_one_user_id(kuid: str, *, anonymous: bool) -> None:
    """Neither a profile nor a lack of rights makes somebody anonymous."""
    assert anonymous is Principal(kuid=kuid, profile_ids=("anonymous",), rights=Everything()).is_anonymous


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Context(SilentConnection()), "principal"),
        (NOBODY, "rights"),
        (Session(kuid="a", fingerprint="f", expires_at=-1, is_api_key=True), "expires_at"),
        (Action("a"), "name"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_surrounds_a_request_cannot_be_changed_on_the_way(value: Any, name: str) -> None:
    """A middleware that knows more makes a new context."""
    with pytest.raises(AttributeError):
        setattr(value, name, None)


def test_handing_over_gives_way_exactly_once_and_waits_for_nothing() -> None:
    """Whoever drives the request gets None, goes on, and no loop is needed."""

    async def handler() -> str:
        await hand_over()
        return "done"

    coroutine = handler()

    assert coroutine.send(None) is None
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert "done" == end.value.value
