"""URLs: every route is found with its parameters, nothing else is, and there is no way back from a literal."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.protocol.http.routing import RouteTree, parse_query, shown_path
from gateway.protocol.routes import ROUTES, Route
from tests.counting import lines_run

TREE = RouteTree(ROUTES)
VERBS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
WORDS = sorted({segment for route in ROUTES for segment in route.path.split("/")})
SEGMENTS = st.sampled_from([word for word in WORDS if not word.startswith(":")]) | st.text(max_size=6).map(quote)

SMALL = [
    Route("GET", path, "test", f"{number}")
    for number, path in enumerate(["/", "/a", "/:x", "/a/b", "/a/:x", "/:x/b", "/:x/:y", "/:x/:y/c", "/a/b/:z/c"])
]


def found(verb: str, path: str) -> tuple[str, dict[str, str]] | None:
    """Action and parameters."""
    hit = TREE.find(verb, path)
    return None if hit is None else (f"{hit[0].controller}:{hit[0].action}", hit[1])


def slowly(routes: Iterable[Route], verb: str, segments: list[str]) -> tuple[Route, dict[str, str]] | None:
    """The rules of http.md §2 as they stand there: level by level, the literal before the parameter, no way back."""
    left = [(route, [each for each in route.path.split("/") if each]) for route in routes if route.verb == verb]
    for level, segment in enumerate(segments):
        here = [(route, parts) for route, parts in left if len(parts) > level]
        literal = [(route, parts) for route, parts in here if parts[level] == segment]
        left = literal or [(route, parts) for route, parts in here if parts[level].startswith(":")]
    ends = [(route, parts) for route, parts in left if len(parts) == len(segments)]
    if not ends:
        return None
    route, parts = ends[-1]
    return route, {part[1:]: value for part, value in zip(parts, segments, strict=True) if part.startswith(":")}


def filled(route: Route) -> tuple[str, dict[str, str]]:
    """A path for a route, and the parameters in it, which need escapes."""
    values = {part[1:]: f"{part[1:]} /?%\u00e9" for part in route.path.split("/") if part.startswith(":")}
    path = "/".join(
        quote(values[part[1:]], safe="") if part.startswith(":") else part for part in route.path.split("/")
    )
    return path, values


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.verb} {route.path}")
def test_every_route_is_found_with_its_parameters(route: Route) -> None:
    """With a slash more or less at the end, too."""
    path, values = filled(route)

    for sent in (path, f"{path}/", path.rstrip("/") or "/", path.replace("/", "//")):
        assert (route, values) == TREE.find(route.verb, sent)


def test_no_route_hides_another() -> None:
    """Of two with the same verb and shape the later counts, so there are none in the table."""
    shapes = [
        (route.verb, *(":" if part.startswith(":") else part for part in route.path.split("/") if part))
        for route in ROUTES
    ]

    assert len(set(shapes)) == len(ROUTES)


def test_the_later_of_two_equal_routes_counts() -> None:
    """Whatever their parameters are called."""
    first, second = Route("GET", "/x/:a", "test", "first"), Route("GET", "/x/:b", "test", "second")
    one, other = Route("GET", "/y", "test", "one"), Route("GET", "/y", "test", "other")

    tree = RouteTree([first, second, one, other])

    assert (second, {"b": "v"}) == tree.find("GET", "/x/v")
    assert (other, {}) == tree.find("GET", "/y")


@pytest.mark.parametrize(
    ("verb", "path", "expected"),
    [
        ("GET", "/", ("server:info", {})),
        ("GET", "", ("server:info", {})),
        ("GET", "//", ("server:info", {})),
        ("GET", "/_now", ("server:now", {})),
        ("GET", "/_now/", ("server:now", {})),
        ("GET", "//_now", ("server:now", {})),
        ("GET", "///_now//", ("server:now", {})),
        ("GET", "/%5fnow", ("server:now", {})),
        ("GET", "/_healthCheck", ("server:healthCheck", {})),
        ("GET", "/users/al%69ce", ("security:getUser", {"_id": "alice"})),
        ("GET", "/users/a%2Fb", ("security:getUser", {"_id": "a/b"})),
        ("GET", "/users/a+b", ("security:getUser", {"_id": "a+b"})),
        ("GET", "/users/a%2Bb%20c", ("security:getUser", {"_id": "a+b c"})),
        ("GET", "/users/%C3%A9", ("security:getUser", {"_id": "\u00e9"})),
        ("GET", "/users/%zz", ("security:getUser", {"_id": "%zz"})),
        ("GET", "/users/%", ("security:getUser", {"_id": "%"})),
        ("GET", "/users/%4", ("security:getUser", {"_id": "%4"})),
        ("GET", "/users/%ff", ("security:getUser", {"_id": "%ff"})),
        ("GET", "/users/%ED%A0%80", ("security:getUser", {"_id": "%ED%A0%80"})),
        ("GET", "/users/%2541", ("security:getUser", {"_id": "%41"})),
        ("GET", "/users/%00", ("security:getUser", {"_id": "\0"})),
        ("GET", "/users/..", ("security:getUser", {"_id": ".."})),
        ("GET", "/users/%3A_id", ("security:getUser", {"_id": ":_id"})),
        ("GET", "/users/:_id", ("security:getUser", {"_id": ":_id"})),
        ("GET", '/users/{"$ne":null}', ("security:getUser", {"_id": '{"$ne":null}'})),
        ("GET", "/users/_me", ("auth:getCurrentUser", {})),
        ("GET", "/users/_m%65", ("auth:getCurrentUser", {})),
        ("GET", "/users/_ME", ("security:getUser", {"_id": "_ME"})),
        ("GET", "/users/_mGet", ("security:mGetUsers", {})),
        ("DELETE", "/users/u/api-keys/k", ("security:deleteApiKey", {"userId": "u", "_id": "k"})),
        ("DELETE", "/_now", ("index:delete", {"index": "_now"})),
        ("DELETE", "/index", ("index:delete", {"index": "index"})),
        ("POST", "/index/collection", ("collection:update", {"index": "index", "collection": "collection"})),
    ],
)
def test_a_path_is_read_segment_by_segment(verb: str, path: str, expected: tuple[str, dict[str, str]]) -> None:
    """Empty segments do not count, escapes are undone once and inside a segment, bad ones stand for themselves."""
    assert expected == found(verb, path)


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        ("GET", "/_NOW"),
        ("GET", "/_healthcheck"),
        ("GET", "/_now/x"),
        ("GET", "/_now%2F"),
        ("GET", "/users"),
        ("GET", "/users%2Falice"),
        ("GET", "/users/../_now"),
        ("GET", "/_me/.."),
        ("GET", "_nope"),
        ("GET", "*"),
        ("HEAD", "/_now"),
        ("PATCH", "/_now"),
        ("OPTIONS", "/_now"),
        ("get", "/_now"),
        ("BREW", "/_now"),
        ("", ""),
    ],
)
def test_what_is_no_route_is_none(verb: str, path: str) -> None:
    """Letter case matters, an escaped slash is no slash, dots mean nothing, and a verb has its own routes."""
    assert found(verb, path) is None


@pytest.mark.parametrize(
    ("verb", "shadowed", "open_"),
    [
        ("GET", "/users/_exists", "/foo/_exists"),
        ("GET", "/users/mycoll/_mapping", "/foo/mycoll/_mapping"),
        ("GET", "/profiles/mycoll/_settings", "/foo/mycoll/_settings"),
        ("GET", "/credentials/mycoll/_specifications", "/foo/mycoll/_specifications"),
        ("GET", "/validations/_list", "/foo/_list"),
        ("POST", "/users/mycoll/_refresh", "/foo/mycoll/_refresh"),
        ("POST", "/admin/_create", "/foo/_create"),
        ("POST", "/api-keys/mycoll", "/foo/mycoll"),
        ("PUT", "/roles/mycoll/_specifications", "/foo/mycoll/_specifications"),
        ("DELETE", "/credentials/mycoll/_truncate", "/foo/mycoll/_truncate"),
    ],
)
def test_there_is_no_way_back_from_a_literal(verb: str, shadowed: str, open_: str) -> None:
    """An index that is called like a literal is shadowed by it (http.md §2); any other is not."""
    hit, open_hit = found(verb, shadowed), found(verb, open_)

    assert open_hit is not None
    assert "foo" == open_hit[1]["index"]
    assert hit is None or hit[0] != open_hit[0]


@given(verb=st.sampled_from(VERBS), segments=st.lists(SEGMENTS, max_size=5))
@example(verb="GET", segments=["users", "mycoll", "_exists"])
def test_a_walk_through_the_tree_agrees_with_the_rules(verb: str, segments: list[str]) -> None:
    """Over the whole table; a text may hold a slash, and then it is more than one segment."""
    path = "/" + "/".join(segments)
    plain = [unquote(segment) for segment in path.split("/") if segment]

    assert slowly(ROUTES, verb, plain) == TREE.find(verb, path)


@given(
    routes=st.permutations(SMALL).flatmap(lambda order: st.integers(1, len(order)).map(lambda size: order[:size])),
    segments=st.lists(st.sampled_from("abcd"), max_size=5),
)
def test_any_table_agrees_with_the_rules(routes: list[Route], segments: list[str]) -> None:
    """In any order, with any of the routes missing."""
    assert slowly(routes, "GET", segments) == RouteTree(routes).find("GET", "/" + "/".join(segments))


@given(verb=st.sampled_from(VERBS) | st.text(), path=st.text())
def test_nothing_in_a_url_raises(verb: str, path: str) -> None:
    """A route or none, arguments, and something to show."""
    hit = TREE.find(verb, path)

    assert hit is None or hit[0] in ROUTES
    assert isinstance(parse_query(path), dict)
    assert isinstance(shown_path(path), str)


def test_a_long_path_is_one_walk() -> None:
    """The walk ends where the tree does, however long the path."""

    def steps(path: str) -> int:
        return lines_run(lambda: TREE.find("GET", path), "gateway/protocol/http/routing.py")

    assert steps("/users" + "/x" * 100) < 400
    assert steps("/users" + "/x" * 4000) < 10 * 4000


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {}),
        ("a=b", {"a": "b"}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=b", {"": "b"}),
        ("&&a=1&", {"a": "1"}),
        ("a=1&b=2&a=3&a=4", {"a": ["1", "3", "4"], "b": "2"}),
        ("a=&a=", {"a": ["", ""]}),
        ("a=b+c%2Bd%20e", {"a": "b c+d e"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=%C3%A9", {"a": "\u00e9"}),
        ("a=%zz%4", {"a": "%zz%4"}),
        ("a=%ff", {"a": "\ufffd"}),
        ("a?b=c?d", {"a?b": "c?d"}),
        ("_id[$ne]=x&b[]=1&c.d=2", {"_id[$ne]": "x", "b[]": "1", "c.d": "2"}),
        ('a={"$gt":""}', {"a": '{"$gt":""}'}),
        ("__proto__=x", {"__proto__": "x"}),
    ],
)
def test_a_query_string_is_texts(query: str, expected: dict[str, Any]) -> None:
    """Plus is a space, a bare name is the empty text, a repeated one has a list; brackets and dots mean nothing."""
    assert expected == parse_query(query)


@given(pairs=st.lists(st.tuples(st.text(), st.text()), max_size=8))
def test_a_query_string_comes_back_as_it_was_written(pairs: list[tuple[str, str]]) -> None:
    """Blank names and values included."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)

    assert {name: several if len(several) > 1 else several[0] for name, several in values.items()} == parse_query(
        urlencode(pairs)
    )


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/", "/"),
        ("/a", "/a"),
        ("/a/", "/a"),
        ("/a//", "/a/"),
        ("//", "/"),
        ("/a%20b", "/a b"),
        ("/%ff", "/\ufffd"),
        ("", ""),
    ],
)
def test_a_path_is_shown_as_it_is_meant(path: str, shown: str) -> None:
    """Without one slash at the end, escapes undone."""
    assert shown == shown_path(path)
