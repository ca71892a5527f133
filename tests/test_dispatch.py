"""The dispatcher: every message gets exactly one answer, in the envelope of its request.

No test here has an event loop: the middle of the gateway waits only for what it was handed.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import UNSET, Raw

from gateway.actions import NOBODY, Reply
from gateway.dispatch import Encode
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Cookie, Request, Response
from tests.desk import NODE, ORDINARY, Desk, as_bytes, checked, error_of, raising
from tests.driving import drive


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
    "error_id", ["api.process.overloaded", "network.entrypoint.shutting_down"], ids=["overloaded", "shutting down"]
)
def test_a_message_that_is_turned_away_is_answered_in_its_own_envelope(error_id: str) -> None:
    """The client can match it; nothing runs; a bad frame is still a bad frame."""
    desk = Desk()

    answer = checked(desk.dispatcher.turn_away(as_bytes(ORDINARY | {"index": "i"}), api_error(error_id)))
    bad = checked(desk.dispatcher.turn_away(b'{"requestId":"r","controller":5}', api_error(error_id)))

    assert (503, error_id) == error_of(answer)[:2]
    assert ("r", "server", "now", {"a": 1}, "i") == tuple(
        answer[key] for key in ("requestId", "controller", "action", "volatile", "index")
    )
    assert (400, "network.websocket.unexpected_error", "r") == (*error_of(bad)[:2], bad["room"])
    assert [] == desk.seen


def test_a_reply_may_have_headers_and_keeps_its_cookie_to_itself() -> None:
    """On a socket there is nowhere to put a cookie; the headers are shown in the envelope (frames.md §3)."""
    answer = Desk(lambda _: Reply({"a": 1}, {"x-mine": "1"}, Cookie("secret", 5))).ask(ORDINARY)

    assert ({"a": 1}, {"x-mine": "1"}, 200) == (answer["result"], answer["headers"], answer["status"])
    assert "secret" not in json.dumps(answer)
    assert {} == Desk(lambda _: Reply(None)).ask(ORDINARY)["headers"]
    assert "result" not in Desk(lambda _: Reply(UNSET)).ask(ORDINARY)


def test_a_raw_reply_is_its_result_with_a_room() -> None:
    """No envelope; an error of the same action has one."""
    desk = Desk(lambda _: Reply({"openapi": "3.1.0"}, content_type="application/json"))

    assert b'{"openapi":"3.1.0","room":"r"}' == drive(desk.dispatcher.handle(as_bytes(ORDINARY), desk.connection))
    assert 404 == Desk(raising(api_error("security.user.not_found", "u"))).ask(ORDINARY)["status"]


def seen_by_transport(desk: Desk, outcome: Callable[[Encode], bytes]) -> Response:
    """The answer that a transport is given to encode."""
    responses: list[Response] = []

    def encode(response: Response) -> bytes:
        responses.append(response)
        return b"encoded"

    assert b"encoded" == outcome(encode)
    [response] = responses
    return response


def test_a_transport_gives_an_answer_its_form() -> None:
    """It is told of everything: result, headers, cookie, type, and what the request wants echoed."""
    request = Request("server", "now", "r", {"a": "1"}, volatile=Raw(b"{}"), index=Raw(b'"i"'))
    desk = Desk(lambda _: Reply("text", {"x": "1"}, Cookie("t", 5), "text/plain"))

    response = seen_by_transport(desk, lambda encode: drive(desk.dispatcher.answer(request, desk.connection, encode)))

    assert ("text", {"x": "1"}, Cookie("t", 5), "text/plain") == (
        response.result,
        response.headers,
        response.cookie,
        response.content_type,
    )
    assert ("server", "now", "r", Raw(b"{}"), Raw(b'"i"'), UNSET) == (
        response.controller,
        response.action,
        response.request_id,
        response.volatile,
        response.index,
        response.collection,
    )


def test_what_is_no_action_is_answered_in_the_same_form() -> None:
    """A result, or an error, for a request that names nothing."""
    desk = Desk()
    blank = Request("", "", "r", {})
    error = api_error("network.http.url_not_found", "/x")

    told = seen_by_transport(desk, lambda encode: desk.dispatcher.tell(blank, {"a": 1}, encode))
    refused = seen_by_transport(desk, lambda encode: desk.dispatcher.refuse(blank, error, encode))

    assert (None, None, 200, {"a": 1}, None) == (told.controller, told.action, told.status, told.result, told.error)
    assert (None, None, 404, None) == (refused.controller, refused.action, refused.status, refused.result)
    assert refused.error is not None
    assert "network.http.url_not_found" == refused.error["id"]
    assert [] == desk.seen


def test_an_answer_that_its_transport_cannot_write_is_a_fault_of_the_server() -> None:
    """It is reported, and the client hears a plain sentence: that can be written."""
    desk = Desk(lambda _: Reply(1, {"x": "a\r\nb"}))
    responses: list[Response] = []

    def encode(response: Response) -> bytes:
        responses.append(response)
        if response.headers:
            raise ValueError("an action cannot set the header 'X'")
        return b"encoded"

    request = Request("server", "now", "r", {})

    assert b"encoded" == drive(desk.dispatcher.answer(request, desk.connection, encode))
    assert [200, 500] == [response.status for response in responses]
    assert [ValueError] == [type(error) for error, _ in desk.reports]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
def test_a_page_that_may_not_call_is_refused_whatever_it_asks(origin: str) -> None:
    """401 that the page can read (http.md §5); what a request lacks comes first, nothing runs."""
    desk = Desk()
    desk.connection.refused_origin = origin

    for frame in (ORDINARY, ORDINARY | {"controller": "nope"}, ORDINARY | {"jwt": "t"}):
        assert (401, "api.process.unauthorized_origin", [origin]) == error_of(desk.ask(frame))
    assert "api.assert.missing_argument" == error_of(desk.ask({"action": "now"}))[1]
    assert "api.assert.invalid_type" == error_of(desk.ask(ORDINARY | {"targets": 5}))[1]
    assert [] == desk.seen
