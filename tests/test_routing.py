"""The router: what it refuses to register, how it fills a handler, and in which order it checks a request."""

import json
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.actions import NOBODY, Context, Controller, Principal, action
from gateway.protocol.arguments import Arguments, Body, NoArguments
from gateway.protocol.codec import decode_request
from gateway.protocol.errors import ApiError
from gateway.protocol.messages import Request
from gateway.protocol.signatures import Signature
from gateway.routing import Router
from gateway.system.server import ServerController
from tests.driving import SilentConnection, drive

ALICE = Principal(kuid="alice", profile_ids=("default",), rights=NOBODY.rights)
ANONYMOUS_CONTEXT = Context(SilentConnection())
ALICE_CONTEXT = Context(SilentConnection(), ALICE)


class Greeting(Arguments, frozen=True):
    """Whom to greet."""

    to: str


class Letter(Arguments, frozen=True):
    """What to write."""

    class Text(Body, frozen=True):
        """The body."""

        text: str

    body: Text


class Greeter(Controller):
    """One of each kind of handler."""

    name = "greeter"

    @action("plain")
    def plain(self, arguments: Greeting) -> str:
        """Answer at once."""
        return f"hello {arguments.to}"

    @action("waiting")
    async def waiting(self, arguments: Greeting) -> str:
        """Answer after giving way."""
        return f"hello {arguments.to}, at last"

    @action("seldom")
    def seldom(self, arguments: Greeting) -> str | Coroutine[Any, Any, str]:
        """Wait for those far away only."""
        return self.waiting(arguments) if arguments.to == "the far side" else f"hello {arguments.to}"

    @action("bare")
    def bare(self) -> str:
        """Take nothing."""
        return "hello"

    @action("context")
    def context(self, context: Context) -> str:
        """Take the context."""
        return context.principal.kuid

    @action("nothing")
    def nothing(self, arguments: NoArguments) -> bool:
        """Take no arguments by name."""
        return arguments == NoArguments()

    @action("forwards")
    def forwards(self, arguments: Greeting, context: Context, request: Request) -> list[str]:
        """Take everything."""
        return [arguments.to, context.principal.kuid, request.request_id]

    @action("backwards")
    async def backwards(self, request: Request, context: Context, arguments: Greeting) -> list[str]:
        """Take everything in another order."""
        return [arguments.to, context.principal.kuid, request.request_id]

    @action("members", logged_in_only=True)
    def members(self, arguments: Greeting) -> str:
        """Greet those who are logged in."""
        return f"welcome {arguments.to}"

    @action("write")
    def write(self, letter: Letter) -> str:
        """Take a body."""
        return letter.body.text

    def helper(self) -> None:
        """Be no action."""


def call(router: Router, name: str, context: Context = ALICE_CONTEXT, **arguments: Any) -> object:
    """Run one action."""
    controller, _, action_name = name.partition(":")
    frame = {"controller": controller, "action": action_name, "requestId": "r", **arguments}
    request = decode_request(json.dumps(frame).encode(), lambda: "made")
    return drive(router(request, context))


def fault(router: Router, name: str, context: Context = ALICE_CONTEXT, **arguments: Any) -> tuple[Any, ...]:
    """Status, id and props of a refusal."""
    with pytest.raises(ApiError) as caught:
        call(router, name, context, **arguments)
    return caught.value.status, caught.value.id, caught.value.props


@pytest.fixture
def router() -> Router:
    """A router with the greeter."""
    return Router([Greeter()])


@pytest.mark.parametrize(
    ("name", "result"),
    [
        ("plain", "hello you"),
        ("waiting", "hello you, at last"),
        ("seldom", "hello you"),
        ("bare", "hello"),
        ("context", "alice"),
        ("nothing", True),
        ("forwards", ["you", "alice", "r"]),
        ("backwards", ["you", "alice", "r"]),
        ("members", "welcome you"),
    ],
)
def test_a_handler_gets_what_its_annotations_ask_for(router: Router, name: str, result: object) -> None:
    """Plain or waiting, in any order, by type and not by name."""
    assert result == call(router, f"greeter:{name}", to="you", more="ignored")


def test_signatures_tell_what_each_action_takes_and_gives(router: Router) -> None:
    """In the order of registration: shape, annotation of the result, first line of the docstring, for whom."""
    signatures = router.signatures["greeter"]

    assert list(router.actions["greeter"]) == list(signatures)
    assert Signature(Greeting, str, "Greet those who are logged in.", logged_in_only=True) == signatures["members"]
    assert Signature(Greeting, list[str], "Take everything.", logged_in_only=False) == signatures["forwards"]
    assert Signature(Greeting, str, "Wait for those far away only.", logged_in_only=False) == signatures["seldom"]
    assert NoArguments == signatures["bare"].arguments == signatures["nothing"].arguments


def test_a_body_is_read_into_the_type_of_its_field(router: Router) -> None:
    """The argument's own class, defined inside another one."""
    assert "dear" == call(router, "greeter:write", body={"text": "dear"})


@pytest.mark.parametrize(("to", "steps"), [("you", 1), ("the far side", 2)])
def test_a_handler_that_seldom_waits_gives_way_only_then(router: Router, to: str, steps: int) -> None:
    """What is at hand is answered in the first step, and needs no task."""
    asking = router(Request("greeter", "seldom", "r", json.dumps({"to": to}).encode()), ALICE_CONTEXT)

    for _ in range(steps - 1):
        assert asking.send(None) is None
    with pytest.raises(StopIteration, match=f"hello {to}"):
        asking.send(None)


def test_a_handler_that_waits_gives_way_before_it_runs() -> None:
    """Code that is not ours begins inside a task; one that does not wait is done in the first step."""
    began: list[str] = []

    class Recorder(Controller):
        name = "recorder"

        @action("plain")
        def plain(self) -> None:
            """Note it."""
            began.append("plain")

        @action("waiting")
        async def waiting(self) -> None:
            """Note it."""
            began.append("waiting")

    router = Router([Recorder()])
    plain, waiting = (router(Request("recorder", name, "r", b"{}"), ALICE_CONTEXT) for name in ("plain", "waiting"))

    with pytest.raises(StopIteration):
        plain.send(None)
    assert waiting.send(None) is None
    assert ["plain"] == began
    with pytest.raises(StopIteration):
        waiting.send(None)
    assert ["plain", "waiting"] == began


def test_actions_are_listed_in_the_order_of_registration() -> None:
    """`server:publicApi` describes what is there; helpers are not."""
    names = ("plain", "waiting", "seldom", "bare", "context", "nothing", "forwards", "backwards", "members", "write")

    assert {"greeter": names} == Router([Greeter()]).actions


@pytest.mark.parametrize("name", ["nobody:plain", "Greeter:plain", ":plain", "__class__:name"])
def test_an_unknown_controller_is_not_found(router: Router, name: str) -> None:
    """Letter case counts."""
    controller = name.partition(":")[0]

    assert (404, "api.process.controller_not_found", (controller,)) == fault(router, name)


@pytest.mark.parametrize("name", ["helper", "Plain", "constructor", "__init__", "name", ""])
def test_an_unknown_action_is_not_found(router: Router, name: str) -> None:
    """A method that is no action does not exist, and neither does anything that every object has."""
    assert (404, "api.process.action_not_found", ("greeter", name)) == fault(router, f"greeter:{name}")


def test_anonymous_callers_are_refused_where_one_must_be_logged_in(router: Router) -> None:
    """Whatever their rights; the refusal comes before the arguments are read."""
    expected = (401, "security.rights.unauthorized", ("greeter", "members"))

    assert expected == fault(router, "greeter:members", ANONYMOUS_CONTEXT, to="you")
    assert expected == fault(router, "greeter:members", ANONYMOUS_CONTEXT, to=5)
    assert "hello you" == call(router, "greeter:plain", ANONYMOUS_CONTEXT, to="you")


def test_the_sdk_is_checked_after_the_look_up_and_before_the_action(router: Router) -> None:
    """An old SDK that asks for nonsense hears that it is nonsense; one that asks for something is told its age."""
    old = {"sdkName": "js@6.0.0"}
    refusal = (400, "api.process.incompatible_sdk_version", ("js@6.0.0", "js 7 or later"))

    assert "api.process.controller_not_found" == fault(router, "nobody:plain", volatile=old)[1]
    assert "api.process.action_not_found" == fault(router, "greeter:nobody", volatile=old)[1]
    assert refusal == fault(router, "greeter:plain", volatile=old, to=5)
    assert refusal == fault(router, "greeter:members", ANONYMOUS_CONTEXT, volatile=old)
    assert "hello you" == call(router, "greeter:plain", volatile={"sdkName": "js@7.17.1-beta.1"}, to="you")


def test_arguments_that_do_not_fit_are_refused_before_the_handler_runs(router: Router) -> None:
    """With the documented error of the first one."""
    assert (400, "api.assert.missing_argument", ("to",)) == fault(router, "greeter:plain")
    assert (400, "api.assert.invalid_type", ("to", "string")) == fault(router, "greeter:waiting", to=5)
    assert (400, "api.assert.body_required", ()) == fault(router, "greeter:write")
    assert (400, "api.assert.missing_argument", ("body.text",)) == fault(router, "greeter:write", body={})


def test_controllers_that_share_a_name_are_merged() -> None:
    """One wire name, several classes, in any order."""

    class Second(Controller):
        name = "greeter"

        @action("second")
        def second(self) -> str:
            """Answer."""
            return "second"

    router = Router([Second(), Greeter()])

    assert "second" == call(router, "greeter:second")
    assert "hello" == call(router, "greeter:bare")
    assert 11 == len(router.actions["greeter"])


def test_a_controller_of_a_user_stands_beside_ours() -> None:
    """Ours come in through the same list and have no privilege there; theirs may add to a name of ours."""

    class Clock(Controller):
        name = "server"

        @action("tick")
        def tick(self, context: Context) -> str:
            """Answer."""
            return f"tick for {context.principal.kuid}"

    router = Router([ServerController.__new__(ServerController), Clock()])

    assert "tick for alice" == call(router, "server:tick")
    assert {"now", "adminExists", "tick"} <= set(router.actions["server"])


def test_a_class_inherits_the_actions_of_its_base_and_may_change_them() -> None:
    """What a subclass overrides is its own; what it does not is there all the same."""

    class Politer(Greeter):
        name = "politer"

        @action("bare")
        def bare(self) -> str:
            """Answer more politely."""
            return "good day"

        def plain(self, arguments: Greeting) -> str:
            """Be an action no longer."""
            return arguments.to

    router = Router([Greeter(), Politer()])

    assert "good day" == call(router, "politer:bare")
    assert "hello" == call(router, "greeter:bare")
    assert "hello you, at last" == call(router, "politer:waiting", to="you")
    assert "api.process.action_not_found" == fault(router, "politer:plain", to="you")[1]


def test_a_router_without_controllers_knows_nothing() -> None:
    """And says so like any other."""
    assert {} == Router([]).actions
    assert "api.process.controller_not_found" == fault(Router([]), "server:now")[1]
