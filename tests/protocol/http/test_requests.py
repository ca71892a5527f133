"""HTTP request → request: where each part comes from, what wins, and what is refused in which order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.protocol.errors import ApiError
from gateway.protocol.http.requests import METHODS, HttpRequest, read_request, request_id_of
from gateway.protocol.messages import Request
from tests.protocol.http.asking import RULES, TREE, UNREADABLE, VOLATILE, asked, refusal_of
from tests.protocol.http.refusals import outcome
from tests.protocol.reading import echoed


def test_the_first_example_of_the_documentation() -> None:
    """The path, the query string and the body give the arguments; the route gives the action."""
    request = asked(
        "POST",
        "/users/alice/api-keys/_create?refresh=wait_for&expiresIn=-1&_id=k",
        {"authorization": "Bearer kauth-x", "content-type": "application/json"},
        {"description": "d"},
    )

    assert ("security", "createApiKey", "the-id", "kauth-x") == (
        request.controller,
        request.action,
        request.request_id,
        request.jwt,
    )
    assert {
        "userId": "alice",
        "refresh": "wait_for",
        "expiresIn": "-1",
        "_id": "k",
        "body": {"description": "d"},
    } == request.payload
    assert (None, UNSET, UNSET, UNSET) == (request.volatile, request.index, request.collection, request.targets)


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        ("Bearer t", "t"),
        ("bearer t", "t"),
        ("BEARER t", "t"),
        ("Bearer  t ", " t "),
        ("Bearer ", ""),
        ("Bearer", None),
        ("Bearer\tt", None),
        ("BearerX t", None),
        ("Basic YTpi", None),
        ("kauth-t", None),
        ("", None),
    ],
)
def test_a_token_stands_behind_its_scheme(authorization: str, expected: str | None) -> None:
    """The scheme in any letter case, the token as it is; another scheme is nobody's token (http.md §1)."""
    assert expected == asked("GET", "/_now", {"authorization": authorization}).jwt
    assert asked("GET", "/_now").jwt is None


def test_a_token_may_stand_in_the_query_string_if_the_header_has_none() -> None:
    """An empty one is a token too; it is never an argument."""
    for query, header, expected in [
        ("?jwt=q", None, "q"),
        ("?jwt=q", "Bearer h", "h"),
        ("?jwt=q", "Basic h", "q"),
        ("?jwt=", None, ""),
        ("?jwt", None, ""),
        ("?jwt=q", "Bearer ", ""),
        ("?jwt=q&jwt=r", "Bearer h", "h"),
        ("?JWT=q", None, None),
    ]:
        request = asked("GET", f"/_now{query}", {} if header is None else {"authorization": header})
        assert expected == request.jwt
        assert "jwt" not in request.payload


def test_two_tokens_in_the_query_string_are_refused() -> None:
    """Which one is meant cannot be told."""
    assert (400, UNREADABLE) == refusal_of("GET", "/_now?jwt=a&jwt=a")[:2]


def test_the_path_wins_over_the_query_string_and_the_query_string_is_no_route() -> None:
    """Controller and action are those of the route; what they, or an id, say in the query string is left out."""
    request = asked("GET", "/users/alice?_id=bob&controller=server&action=now&requestId=x&volatile={}&a=1")

    assert ("security", "getUser", "the-id", None) == (
        request.controller,
        request.action,
        request.request_id,
        request.volatile,
    )
    assert {"_id": "alice", "a": "1"} == request.payload


@pytest.mark.parametrize("query", ["body=x", "body", "body={}", "a=1&body=x&body=y", "%62ody=x"])
def test_a_body_does_not_stand_in_the_query_string(query: str) -> None:
    """With or without a body of its own (http.md §1)."""
    assert (400, UNREADABLE) == refusal_of("POST", f"/_createToken?{query}")[:2]
    assert (400, UNREADABLE) == refusal_of("POST", f"/_createToken?{query}", {}, {"a": 1})[:2]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("_id[$ne]=x", {"_id[$ne]": "x"}),
        ('_id={"$gt":""}', {"_id": '{"$gt":""}'}),
        ("_id=%7B%22%24where%22%3A%22sleep(5000)%22%7D", {"_id": '{"$where":"sleep(5000)"}'}),
        ("$where=1&a.b=2", {"$where": "1", "a.b": "2"}),
        ("_id=a&_id=b", {"_id": ["a", "b"]}),
        ("__proto__[x]=1", {"__proto__[x]": "1"}),
    ],
)
def test_p01_operators_in_a_query_string_are_text(query: str, expected: dict[str, Any]) -> None:
    """No name and no value becomes an object."""
    assert expected == asked("GET", f"/_me?{query}").payload
    assert {"_id": '{"$ne":null}'} == asked("GET", '/users/{"$ne":null}').payload
    assert {"_id": '{"$ne":null}'} == asked("GET", "/users/%7B%22$ne%22:null%7D").payload


@pytest.mark.parametrize("text", ['{"a" : 1}', "{}", '{"sdkName":"js@7"}', '{"b":1,"b":2}', '  {"a":[1.50]} '])
def test_volatile_is_echoed_as_it_came(text: str) -> None:
    """Byte for byte; UTF-8 in a header is no less UTF-8."""
    utf8 = '{"a":"\u00e9\U0001f600"}'

    assert text.encode() == echoed(asked("GET", "/_now", {"x-kuzzle-volatile": text}).volatile)
    assert utf8.encode() == echoed(
        asked("GET", "/_now", {"x-kuzzle-volatile": utf8.encode().decode("latin-1")}).volatile
    )


def test_volatile_of_null_is_none() -> None:
    """As on a socket."""
    assert asked("GET", "/_now", {"x-kuzzle-volatile": "null"}).volatile is None
    assert asked("GET", "/_now").volatile is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{nope",
        "{} x",
        "5",
        '"text"',
        "[]",
        "false",
        "\xff",
        '{"a":"\xe9"}',
        '{"a":"\\ud800"}',
        '{"a":1e999}',
        "[" * 8000,
    ],
    ids=lambda text: repr(text)[:20],
)
def test_volatile_that_is_no_object_is_refused(text: str) -> None:
    """Whatever is wrong with it, it is told of the header."""
    assert (400, VOLATILE) == refusal_of("GET", "/_now", {"x-kuzzle-volatile": text})[:2]


def test_the_answer_carries_the_id_of_the_header_or_a_new_one() -> None:
    """An empty header is none; ids of a query string or a body never count."""
    assert "mine" == request_id_of({"x-kuzzle-request-id": "mine"}, "new")
    assert "new" == request_id_of({"x-kuzzle-request-id": ""}, "new")
    assert "new" == request_id_of({}, "new")


@pytest.mark.parametrize(
    ("url", "index", "collection"),
    [
        ("/i/_list", b'"i"', None),
        ("/i/c/_mapping", b'"i"', b'"c"'),
        ("/i/c/_mapping?index=x", b'"i"', b'"c"'),
        ("/_now?index=i&collection=", b'"i"', b'""'),
        ("/_now?index=a&index=b", b'["a","b"]', None),
        ("/%22%0A/_list", b'"\\"\\n"', None),
    ],
)
def test_index_and_collection_are_echoed_from_path_and_query(
    url: str, index: bytes | None, collection: bytes | None
) -> None:
    """As JSON, whatever stands in them."""
    request = asked("GET", url)

    assert (index, collection) == (echoed(request.index), echoed(request.collection))


@pytest.mark.parametrize(("query", "targets"), [("targets=x", b'"x"'), ("targets=a&targets=b", b'["a","b"]')])
def test_targets_are_kept_for_those_who_check_them(query: str, targets: bytes) -> None:
    """They are looked at for every request, over HTTP too."""
    assert targets == echoed(asked("GET", f"/_now?{query}").targets)


@pytest.mark.parametrize(
    ("method", "url", "shown"),
    [
        ("GET", "/nowhere/at/all", "/nowhere/at/all"),
        ("GET", "/nowhere/at/all/?a=b", "/nowhere/at/all"),
        ("GET", "/_healthcheck", "/_healthcheck"),
        ("HEAD", "/_now", "/_now"),
        ("HEAD", "/", "/"),
        ("PATCH", "/_now", "/_now"),
        ("OPTIONS", "/_now", "/_now"),
        ("GET", "/_query", "/_query"),
        ("GET", "/_nope%20%0d%0a", "/_nope \r\n"),
    ],
)
def test_where_no_route_leads_there_is_nothing(method: str, url: str, shown: str) -> None:
    """The path is shown without its query (http.md §2)."""
    assert (404, "network.http.url_not_found", (shown,)) == refusal_of(method, url)


@pytest.mark.parametrize(
    ("headers", "body", "url", "expected"),
    [
        ("content-type content-encoding x-kuzzle-volatile", b"nope", "/nowhere", "network.http.unsupported_content"),
        ("content-encoding x-kuzzle-volatile", b"nope", "/nowhere", "network.http.unsupported_compression"),
        ("x-kuzzle-volatile", b"nope", "/nowhere", "network.http.body_parse_failed"),
        ("x-kuzzle-volatile", b"5", "/nowhere", UNREADABLE),
        ("x-kuzzle-volatile", b"{}", "/nowhere", VOLATILE),
        ("", b"{}", "/nowhere", "network.http.url_not_found"),
        ("", b"{}", "/_createToken", UNREADABLE),
    ],
)
def test_of_several_faults_the_first_of_the_page_is_told(headers: str, body: bytes, url: str, expected: str) -> None:
    """Type, encoding, syntax and kind of the body, volatile, the route, the query string (http.md §1)."""
    faults = dict.fromkeys(headers.split(), "nope")

    assert expected == refusal_of("POST", f"{url}?body=x", faults, body)[1]


@given(
    method=st.sampled_from(sorted(METHODS)),
    url=st.text(max_size=30) | st.sampled_from(["/_query", "/_now", "/users/a", "/i/c"]),
    query=st.text(max_size=20),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "content-encoding", "authorization", "x-kuzzle-volatile", "cookie"]),
        st.sampled_from(["application/json", "gzip", "Bearer t", "{}"])
        | st.text(st.characters(max_codepoint=255), max_size=10),
    ),
    body=st.binary(max_size=30) | st.sampled_from([b"{}", b'{"controller":"a"}', b"a=b"]),
)
def test_any_request_is_read_or_refused_by_an_error_of_the_protocol(
    method: str, url: str, query: str, headers: dict[str, str], body: bytes
) -> None:
    """Nothing else ever comes out, and what is read carries the id of the answer."""
    result = outcome(lambda: read_request(HttpRequest(method, url, query, headers, body), TREE, RULES, "the-id"))

    assert isinstance(result, Request | ApiError)
    if isinstance(result, Request):
        assert "the-id" == result.request_id
    else:
        assert result.status in (400, 404, 413)
        assert str(result.id).startswith("network.http.")
