"""What goes wrong before the dispatcher or behind it: answered where its sender waits, without a look inside."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from gateway.protocol.errors import ApiError, BadRequestError, Disconnect, PartialError, api_error
from gateway.protocol.messages import Request
from tests.desk import ORDINARY, Desk, as_bytes, error_of, raising
from tests.driving import drive

SECRET = "hunter2-do-not-show"


@pytest.mark.parametrize(
    "error",
    [
        api_error("security.user.not_found", "alice"),
        api_error("services.storage.incomplete_delete", "one of two", result=["a"]),
        PartialError("some of it", result={"done": 1}),
    ],
    ids=lambda error: error.id,
)
def test_an_error_of_the_api_is_an_answer_like_any_other(error: ApiError) -> None:
    """What was achieved all the same stands beside it; nobody is told but the client."""
    desk = Desk(raising(error))

    answer = desk.ask(ORDINARY)

    assert (error.status, error.result) == (answer["status"], answer["result"])
    assert ("r", {"a": 1}) == (answer["requestId"], answer["volatile"])
    assert [] == desk.reports


def test_an_error_of_the_catalogue_shows_its_keys_in_the_order_of_the_original() -> None:
    """Code, id, message, props, status."""
    answer = Desk(raising(api_error("security.user.not_found", "alice"))).ask(ORDINARY)

    assert ["code", "id", "message", "props", "status"] == list(answer["error"])
    assert {
        "code": 117_702_658,
        "id": "security.user.not_found",
        "message": 'There is no user "alice".',
        "props": ["alice"],
        "status": 404,
    } == answer["error"]


def test_an_error_of_an_extension_without_an_id_has_a_message_and_a_status() -> None:
    """And no empty keys."""
    answer = Desk(raising(BadRequestError("not like this"))).ask(ORDINARY)

    assert {"message": "not like this", "status": 400} == answer["error"]


@pytest.mark.parametrize(
    "error",
    [ValueError(SECRET), KeyError(SECRET), RecursionError(SECRET), MemoryError(SECRET), AssertionError(SECRET)],
    ids=lambda error: type(error).__name__,
)
def test_an_unknown_exception_shows_nothing_and_is_reported(error: Exception) -> None:
    """The client learns that it was not its fault; the log gets the exception with its request."""
    desk = Desk(raising(error))

    answer = desk.ask(ORDINARY)

    assert (500, "plugin.runtime.unexpected_error") == error_of(answer)[:2]
    assert SECRET not in json.dumps(answer)
    assert type(error).__name__ not in json.dumps(answer)
    [(reported, request)] = desk.reports
    assert error is reported
    assert "r" == request.request_id


def test_a_disconnect_passes_through() -> None:
    """It ends the connection and answers nothing."""
    desk = Desk(raising(Disconnect(4401, "revoked")))

    with pytest.raises(Disconnect, match="4401 revoked"):
        drive(desk.dispatcher.handle(as_bytes(ORDINARY), desk.connection))
    assert [] == desk.reports


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), KeyboardInterrupt()], ids=lambda error: type(error).__name__
)
def test_a_request_that_is_stopped_from_outside_stops(error: BaseException) -> None:
    """Cancelling a task or the process is no exception of an action."""
    desk = Desk(raising(error))

    with pytest.raises(type(error)):
        drive(desk.dispatcher.handle(as_bytes(ORDINARY), desk.connection))


def bottomless() -> list[Any]:
    """A list that holds itself."""
    loop: list[Any] = []
    loop.append(loop)
    return loop


@pytest.mark.parametrize(
    "value",
    [object(), {"a": {1: object()}}, "\ud800", {None: 1}, bottomless()],
    ids=["object", "inner", "text", "key", "loop"],
)
@pytest.mark.parametrize("place", ["result", "props", "achieved", "message"])
def test_what_cannot_be_written_is_answered_all_the_same(place: str, value: Any) -> None:
    """A result, or an error with props or a message, that has no form in JSON is a fault of the server."""
    outcomes: dict[str, Callable[[Request], object]] = {
        "result": lambda _: value,
        "props": raising(BadRequestError("no", id="plugin.mine.no", code=1, props=(value,))),
        "achieved": raising(PartialError("some", result=value)),
        "message": raising(BadRequestError(value)),
    }
    desk = Desk(outcomes[place])

    answer = desk.ask(ORDINARY)

    assert (500, "plugin.runtime.unexpected_error") == error_of(answer)[:2]
    assert ("r", None, {"a": 1}) == (answer["requestId"], answer["result"], answer["volatile"])
    assert 1 == len(desk.reports)


@pytest.mark.parametrize(
    ("frame", "request_id", "room"),
    [
        (b"not json", "made-1", "made-1"),
        (b'{"requestId":"r","controller":', "r", "r"),
        (b"[]", "made-1", "made-1"),
        (b"null", "made-1", "made-1"),
        (b"5", "made-1", "made-1"),
        (b'"text"', "made-1", "made-1"),
        (b"\xff", "made-1", "made-1"),
        (b'{"requestId":"r","x":"\xff"}', "r", "r"),
        (b'{"requestId":"r","x":"\\ud800"}', "r", "r"),
        (b'{"requestId":"r","x":' + b"[" * 90 + b"]" * 90 + b"}", "r", "r"),
        (b'{"requestId":"r","controller":12}', "r", "r"),
        (b'{"requestId":"r","action":["now"]}', "r", "r"),
        (b'{"requestId":"r","jwt":{}}', "r", "r"),
        (b'{"requestId":"r","body":"text"}', "r", "r"),
        (b'{"requestId":"r","volatile":"text"}', "r", "r"),
        (b'{"controller":12}', "made-1", "made-1"),
        (b'{"requestId":"","body":5}', "made-1", "made-1"),
        (b'{"requestId":0,"controller":12}', "made-1", "made-1"),
        (b'{"requestId":5}', 5, "made-1"),
        (b'{"requestId":true}', True, "made-1"),
        (b'{"requestId":{"a":[1]}}', {"a": [1]}, "made-1"),
        (b'{"requestId":[]}', [], "made-1"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_bad_frame_is_answered_where_its_sender_waits(frame: bytes, request_id: Any, room: str) -> None:
    """The room is the id if a string can be read, else a new one; another type is echoed as the id only."""
    desk = Desk()

    answer = desk.ask(frame)

    assert (400, "network.websocket.unexpected_error") == error_of(answer)[:2]
    assert (request_id, room) == (answer["requestId"], answer["room"])
    assert [None] * 4 == [answer[key] for key in ("action", "controller", "result", "volatile")]
    assert ([], []) == (desk.seen, desk.reports)
