"""The dispatcher: every message gets exactly one answer, in the envelope of its request.

No test here has an event loop: the middle of the gateway waits only for what it was handed.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET

from gateway.actions import NOBODY
from gateway.dispatch import Dispatcher
from gateway.protocol.errors import api_error
from tests.desk import NODE, ORDINARY, Desk, as_bytes, checked, error_of, raising


def test_a_result_goes_back_to_where_the_request_came_from() -> None:
    """Controller, action, id and volatile are copied; the room is the id."""
    desk = Desk(lambda _: {"now": 5})

    answer = desk.ask(ORDINARY)

    assert {
        "action": "now",
        "controller": "server",
        "error": None,
        "headers": {},
        "node": NODE,
        "requestId": "r",
        "result": {"now": 5},
        "status": 200,
        "volatile": {"a": 1},
        "room": "r",
    } == answer


def test_the_action_sees_the_request_on_its_connection_as_nobody() -> None:
    """Who is asking is for the middleware to find out."""
    desk = Desk()

    desk.ask(ORDINARY)

    [(request, context)] = desk.seen
    assert ("server", "now", "r") == (request.controller, request.action, request.request_id)
    assert desk.connection is context.connection
    assert (NOBODY, None) == (context.principal, context.session)


def test_a_request_without_an_id_gets_one() -> None:
    """The id and the room of the answer are the one that the action saw."""
    desk = Desk(lambda request: request.request_id)

    answer = desk.ask({"controller": "server", "action": "now"})

    assert ["made-1"] * 3 == [answer["requestId"], answer["room"], answer["result"]]


@pytest.mark.parametrize("sent", ["i", "", None, 5, ["i"]], ids=repr)
def test_index_and_collection_are_echoed_if_they_were_sent(sent: Any) -> None:
    """Whatever their value, on success and on failure."""
    for action in (lambda _: None, raising(api_error("security.token.invalid"))):
        answer = Desk(action).ask(ORDINARY | {"index": sent, "collection": sent})
        assert (sent, sent) == (answer["index"], answer["collection"])
        assert {"index", "collection"}.isdisjoint(Desk(action).ask(ORDINARY))


def test_an_action_that_returns_nothing_has_no_result() -> None:
    """The key is left out."""
    assert "result" not in Desk(lambda _: UNSET).ask(ORDINARY)
    assert Desk(lambda _: None).ask(ORDINARY)["result"] is None


@pytest.mark.parametrize(
    ("frame", "name", "controller", "action"),
    [
        ({}, "controller", None, None),
        ({"controller": None, "action": "now"}, "controller", None, "now"),
        ({"controller": "", "action": "now"}, "controller", "", "now"),
        ({"controller": "", "action": ""}, "controller", "", ""),
        ({"controller": "server"}, "action", "server", None),
        ({"controller": "server", "action": None}, "action", "server", None),
        ({"controller": "server", "action": ""}, "action", "server", ""),
        ({"targets": 5}, "controller", None, None),
    ],
    ids=json.dumps,
)
def test_what_a_request_lacks_is_told_in_a_normal_envelope(
    frame: dict[str, Any], name: str, controller: str | None, action: str | None
) -> None:
    """Controller before action before anything else; names come back as they were sent, null for none."""
    desk = Desk()

    answer = desk.ask(frame | {"requestId": "r", "volatile": {"a": 1}})

    assert (400, "api.assert.missing_argument", [name]) == error_of(answer)
    assert (controller, action, "r", {"a": 1}) == (
        answer["controller"],
        answer["action"],
        answer["requestId"],
        answer["volatile"],
    )
    assert [] == desk.seen


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"targets": 5}, (400, "api.assert.invalid_type", ["targets", "array"])),
        ({"targets": {}}, (400, "api.assert.invalid_type", ["targets", "array"])),
        ({"targets": "i"}, (400, "api.assert.invalid_type", ["targets", "array"])),
        ({"targets": [], "index": "i"}, (400, "api.assert.mutually_exclusive", ["index, collection", "targets"])),
        ({"targets": [], "collection": "c"}, (400, "api.assert.mutually_exclusive", ["index, collection", "targets"])),
    ],
    ids=json.dumps,
)
def test_targets_are_looked_at_for_every_request(arguments: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """They must be a list and stand alone; the original gives no answer to some of these."""
    desk = Desk()

    assert expected == error_of(desk.ask(ORDINARY | arguments))
    assert [] == desk.seen


@pytest.mark.parametrize(
    "arguments",
    [{"targets": None, "index": "i"}, {"targets": []}, {"targets": [{"index": "i"}], "index": ""}],
    ids=json.dumps,
)
def test_targets_that_stand_alone_pass(arguments: dict[str, Any]) -> None:
    """Null counts as absent, an empty index as none."""
    assert 200 == Desk().ask(ORDINARY | arguments)["status"]


@pytest.mark.parametrize("targets", ["1e999", "[1e999]"])
def test_targets_with_infinity_are_a_mistake_of_the_client(targets: str) -> None:
    """A number that nobody can hold is no fault of the server."""
    desk = Desk()
    answer = desk.ask(f'{{"controller":"c","action":"a","targets":{targets},"index":1e999}}')

    assert 400 == answer["status"]
    assert [] == desk.reports


@pytest.mark.parametrize(
    ("door", "status", "error_id"),
    [
        (Dispatcher.overloaded, 503, "api.process.overloaded"),
        (Dispatcher.shutting_down, 503, "network.entrypoint.shutting_down"),
    ],
    ids=["overloaded", "shutting down"],
)
def test_a_message_that_is_turned_away_is_answered_in_its_own_envelope(
    door: Callable[[Dispatcher, bytes], bytes], status: int, error_id: str
) -> None:
    """The client can match it; nothing runs; a bad frame is still a bad frame."""
    desk = Desk()

    answer = checked(door(desk.dispatcher, as_bytes(ORDINARY | {"index": "i"})))
    bad = checked(door(desk.dispatcher, b'{"requestId":"r","controller":5}'))

    assert (status, error_id) == error_of(answer)[:2]
    assert ("r", "server", "now", {"a": 1}, "i") == tuple(
        answer[key] for key in ("requestId", "controller", "action", "volatile", "index")
    )
    assert (400, "network.websocket.unexpected_error", "r") == (*error_of(bad)[:2], bad["room"])
    assert [] == desk.seen
