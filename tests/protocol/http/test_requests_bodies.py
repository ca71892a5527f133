"""Bodies of HTTP requests: forms, compressed ones, scalars, and what is known before they come."""

import gzip
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.protocol.http.requests import METHODS, BodyRules, HttpRequest, check_head
from tests.protocol.http.asking import FORM, UNREADABLE, asked, body_of, refusal_of
from tests.protocol.http.refusals import outcome, refused


def test_a_form_is_a_body_of_texts() -> None:
    """Urlencoded or in parts."""
    parts = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--b--\r\n'

    assert {"body": {"a": ["1", "2"]}} == asked("POST", "/_createToken", FORM, b"a=1&a=2").payload
    assert {"body": {"a": "1"}} == asked(
        "POST", "/_createToken", {"content-type": "multipart/form-data; boundary=b"}, parts
    ).payload
    assert {"body": {}} == asked("POST", "/_createToken", FORM, b"&").payload


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"0", b"false", b'""'], ids=repr)
def test_a_body_that_says_nothing_is_none(body: bytes) -> None:
    """Its action will say whether it wants one."""
    assert {} == asked("POST", "/_createToken", {}, body).payload


def test_a_body_may_be_an_object_or_an_array() -> None:
    """On any method."""
    for method, url in [("POST", "/_createToken"), ("GET", "/_now"), ("DELETE", "/users/u")]:
        assert {"a": 1} == body_of(asked(method, url, {}, {"a": 1}))
        assert [1] == body_of(asked(method, url, {}, [1]))


@pytest.mark.parametrize("body", [b'"x"', b"5", b"true", b"1e999"])
def test_a_body_that_is_a_scalar_is_refused(body: bytes) -> None:
    """Before a route is looked for, as in the original."""
    assert (400, UNREADABLE) == refusal_of("POST", "/_createToken", {}, body)[:2]
    assert (400, UNREADABLE) == refusal_of("POST", "/nowhere/at/all", {}, body)[:2]


def test_a_compressed_body_is_inflated_within_the_bound() -> None:
    """The bound of a body is that of what it becomes."""
    headers = {"content-encoding": "gzip"}
    body = gzip.compress(b'{"a":"' + b"x" * 100 + b'"}')

    assert {"a": "x" * 100} == body_of(asked("POST", "/_createToken", headers, body))
    assert (413, "network.http.request_too_large", ()) == refusal_of(
        "POST", "/_createToken", headers, body, rules=BodyRules(most_bytes=100)
    )
    assert {} == asked("POST", "/_createToken", headers).payload


def test_further_types_are_read_as_json() -> None:
    """If the operator names them."""
    headers = {"content-type": "application/vnd.mine"}

    assert {"body": {"a": 1}} == asked(
        "POST", "/_createToken", headers, {"a": 1}, BodyRules(extra_types=["application/vnd.mine"])
    ).payload
    assert (400, "network.http.unsupported_content", ("application/vnd.mine",)) == refusal_of(
        "POST", "/_createToken", headers, {"a": 1}
    )


def test_what_needs_no_body_is_checked_before_it_comes() -> None:
    """Verb, length, type, charset, in this order; the bound of the length is exact."""
    rules = BodyRules(most_bytes=10)

    def checked(method: str, **headers: str) -> tuple[int, str | None, tuple[Any, ...]]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return refused(lambda: check_head(HttpRequest(method, "/", "", named), rules))

    assert (400, "network.http.unsupported_verb", ("BREW",)) == checked("BREW", content_length="11")
    assert (413, "network.http.request_too_large", ()) == checked(
        "POST", content_length="11", content_type="text/plain"
    )
    assert (400, "network.http.unsupported_content", ("text/plain",)) == checked(
        "GET", content_length="10", content_type="text/plain; charset=latin1"
    )
    assert (400, "network.http.unsupported_charset", ("latin1",)) == checked(
        "GET", content_type="application/json; charset=latin1"
    )
    for method in METHODS:
        check_head(HttpRequest(method, "/", "", {"content-length": "10"}), rules)


@pytest.mark.parametrize(
    ("encoding", "is_taken"), [("gzip", False), ("br", False), ("identity", True), ("Identity", True)]
)
def test_compression_can_be_switched_off(encoding: str, *, is_taken: bool) -> None:
    """Then a body is as it is, and said to be so or nothing."""
    request = HttpRequest("POST", "/", "", {"content-encoding": encoding})
    check_head(request, BodyRules())

    result = outcome(lambda: check_head(request, BodyRules(compressed=False)))

    assert is_taken is (result is None)
    assert is_taken or (isinstance(result, ApiError) and result.id == "network.http.compression_disabled")
    check_head(HttpRequest("POST", "/", "", {}), BodyRules(compressed=False))
