"""`POST /_query`: a body that is a whole request."""

import json

import pytest

from tests.protocol.http.asking import FORM, UNREADABLE, asked, refusal_of
from tests.protocol.reading import echoed

QUERY = {
    "controller": "server",
    "action": "now",
    "requestId": "inner",
    "volatile": {"a": 1},
    "index": "i",
    "reset": False,
}


@pytest.mark.parametrize("path", ["/_query", "/_query/", "//_query"])
def test_a_body_can_be_a_whole_request(path: str) -> None:
    """As on a socket, false flags included; the id is that of the answer; URL and volatile header say nothing."""
    body = json.dumps(QUERY).encode()

    request = asked("POST", f"{path}?controller=x&body=y&jwt=z", {"x-kuzzle-volatile": "nope"}, body)

    assert ("server", "now", "the-id", None) == (request.controller, request.action, request.request_id, request.jwt)
    assert (b'{"a": 1}', b'"i"') == (echoed(request.volatile), echoed(request.index))
    assert body == request.payload


@pytest.mark.parametrize(
    ("inner", "header", "expected"),
    [
        ("in", None, "in"),
        ("in", "Bearer out", "in"),
        (None, "Bearer out", "out"),
        ("", "Bearer out", ""),
        (None, None, None),
    ],
)
def test_the_token_inside_comes_before_the_one_outside(
    inner: str | None, header: str | None, expected: str | None
) -> None:
    """The header counts where the body has none; an empty one is a token."""
    headers = {} if header is None else {"authorization": header}

    assert expected == asked("POST", "/_query", headers, QUERY | {"jwt": inner}).jwt


def test_a_request_inside_lacks_what_it_lacks() -> None:
    """Names that are missing are the dispatcher's to tell; an empty object is the test of a connection."""
    request = asked("POST", "/_query", {}, {})

    assert ("", "", "the-id") == (request.controller, request.action, request.request_id)


def test_a_form_can_be_a_whole_request() -> None:
    """Its texts are those of a request."""
    request = asked("POST", "/_query", FORM, b"controller=server&action=now&requestId=inner&jwt=t")

    assert ("server", "now", "the-id", "t") == (request.controller, request.action, request.request_id, request.jwt)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[{}]",
        b"5",
        b'"text"',
        b'{"controller":5}',
        b'{"requestId":5}',
        b'{"jwt":{}}',
        b'{"body":"text"}',
        b'{"volatile":[]}',
    ],
)
def test_a_body_that_is_no_request_is_refused(body: bytes) -> None:
    """With the error of HTTP, empty ones too (http.md §2, deviation 23)."""
    assert (400, UNREADABLE) == refusal_of("POST", "/_query", {}, body)[:2]


def test_a_form_whose_names_are_there_twice_is_no_request() -> None:
    """A list is no name."""
    assert (400, UNREADABLE) == refusal_of("POST", "/_query", FORM, b"controller=a&controller=b")[:2]


@pytest.mark.parametrize("body", [b"{", b"\xff", b"nope", b'{"a":"\\ud800"}', b"[" * 100])
def test_a_body_that_is_no_json_is_no_request_either(body: bytes) -> None:
    """With the error of any other body."""
    assert (400, "network.http.body_parse_failed") == refusal_of("POST", "/_query", {}, body)[:2]
