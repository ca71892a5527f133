"""What can be wrong with the parts of a request: users, credentials, rights, searches, mappings.

The rows of `faults.py` put together; like there, a path is dotted and a row is named by it.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tests.security.identity import faults as bad
from tests.security.identity.faults import Row

__all__ = [
    "PAIR",
    "STORED",
    "Request",
    "content",
    "controllers",
    "credentials",
    "documents",
    "ids",
    "key",
    "keys",
    "mapping",
    "negative",
    "new_user",
    "pair",
    "policies",
    "profile_ids",
    "rights_of",
    "row",
    "searched",
    "strategy",
    "too_many",
]

Request = tuple[dict[str, Any], Sequence[Iterable[Row]]]
"""Arguments that would do, and what can be wrong with them."""

PAIR = {"username": "new-name", "password": "p"}

PROFILE, ROLE = "security.profile.not_found", "security.role.not_found"
STORED = "services.storage."
STRATEGY = (400, "security.credentials.unknown_strategy")
DOLLAR = {"$set": {"a": 1}}


def search() -> Iterator[Row]:
    """Pages and languages."""
    yield from bad.number("from")
    yield from bad.number("size", "null")
    yield from negative("from", "size")
    yield from bad.lang()
    yield from bad.body(is_optional=True)


def negative(*paths: str) -> Iterator[Row]:
    """Numbers below zero."""
    for path in paths:
        yield Row(path, "negative", -1, 400, f"{STORED}unexpected_bad_request")


def ids(name: str = "body.ids") -> Iterator[Row]:
    """A list of ids in the body."""
    yield from bad.body()
    yield from bad.array(name)
    for fault, value in (("number in it", ["x", 5]), ("operator in it", [{"$ne": ""}]), ("null in it", [None])):
        yield Row(name, fault, value, 400, "api.assert.invalid_type", name)


def too_many() -> Iterator[Row]:
    """More deletions than one request may ask for."""
    yield Row("body.ids", "too many", [f"g{n}" for n in range(201)], 413, f"{STORED}write_limit_exceeded")


def content(path: str = "body") -> Iterator[Row]:
    """Free content that the database would misread."""
    for fault, value in (("operator", DOLLAR), ("operator within", [DOLLAR]), ("too large", {"n": 2**64})):
        yield Row(f"{path}.extra", fault, value, 400, f"{STORED}unexpected_bad_request")


def profile_ids(path: str) -> Iterator[Row]:
    """The profiles of a user."""
    yield Row(path, "number in it", [5], 400, "api.assert.invalid_type", "profileIds")
    yield Row(path, "operator in it", [{"$ne": ""}], 400, "api.assert.invalid_type", "profileIds")
    yield Row(path, "none in it", [], 400, "security.user.no_profile")
    yield Row(path, "unknown in it", ["default", "ghost"], 404, PROFILE, "ghost")


def rights_of(path: str) -> Iterator[Row]:
    """The request whose rights are checked."""
    yield from bad.body()
    for name in ("controller", "action"):
        for fault, value in (("missing", bad.DROP), ("null", None), ("number", 5), ("operator", {"$ne": ""})):
            yield Row(f"{path}.{name}", fault, value, 400, "api.assert.missing_argument", f"body.{name}")


def strategy() -> Iterator[Row]:
    """The name of a strategy."""
    yield from bad.text("strategy")
    yield from bad.unknown("strategy", *STRATEGY)


def pair(path: str) -> Iterator[Row]:
    """User name and password."""
    for name in ("username", "password"):
        for fault, value in (("number", 5), ("array", ["x"]), ("operator", {"$ne": ""}), ("true", True)):
            yield Row(path, f"{name} {fault}", PAIR | {name: value}, 400, "api.assert.invalid_type", name)
    for fault, name in (("too long", bad.LONG), ("NUL", "a\0b")):
        yield Row(path, f"username {fault}", PAIR | {"username": name}, 400, "api.assert.invalid_argument", "username")
    yield Row(path, "username taken", PAIR | {"username": "admin"}, 412, None)
    yield Row(path, "kuid named", PAIR | {"kuid": "u"}, 400, None)


def credentials(path: str) -> Iterator[Row]:
    """Credentials of a new user."""
    yield from bad.maybe_object(path)
    yield Row(path, "unknown strategy", {"ghost": {}}, *STRATEGY, "ghost")
    for fault, value in (("null", None), ("array", []), ("text", "x")):
        yield Row(f"{path}.local", fault, value, 400, "api.assert.invalid_type")
    yield Row(f"{path}.local", "empty", {}, 400, None)
    yield from pair(f"{path}.local")


def mapping() -> Iterator[Row]:
    """A mapping."""
    yield from bad.body()
    yield from bad.obj("body.properties")
    yield Row("body.properties", "no property", {"a": 5}, 400, "api.assert.invalid_type", "body.properties.a")
    yield from bad.maybe_object("body._meta")
    yield Row("body.dynamic", "word", "perhaps", 400, "api.assert.invalid_argument", "body.dynamic")
    yield from content("body.properties.a")


def policies(path: str) -> Iterator[Row]:
    """The policies and the limit of a profile."""
    for fault, value in (("text in it", ["r"]), ("null in it", [None])):
        yield Row(path, fault, value, 400, "api.assert.invalid_type")
    yield Row(path, "no role in it", [{}], 400, "api.assert.missing_argument")
    yield Row(path, "operator as role", [{"roleId": {"$ne": ""}}], 400, "api.assert.invalid_type")
    yield Row(path, "unknown role", [{"roleId": "ghost"}], 404, ROLE, "ghost")
    yield Row(path, "unknown field", [{"roleId": "r", "x": 1}], 400, "api.assert.unexpected_argument")
    yield from bad.anything_but("body.rateLimit", "number", "null", named="rateLimit")
    yield Row("body.rateLimit", "negative", -1, 400, "api.assert.invalid_argument", "rateLimit")
    yield Row("body.rateLimit", "too large", 2**64, 400, f"{STORED}unexpected_bad_request")


def controllers() -> Iterator[Row]:
    """The definition of a role."""
    yield from bad.anything_but("body.controllers", "null", "operator", named=None)
    for fault, value in (("missing", bad.DROP), ("null", None), ("empty", {})):
        yield Row("body.controllers", fault, value, 400, "api.assert.empty_argument")
    yield Row(
        "body.controllers", "operator", {"$ne": {"actions": {"*": True}}}, 400, "security.role.unknown_controller"
    )
    yield Row("body.controllers.auth", "empty", {}, 400, "api.assert.empty_argument", "auth")
    yield from bad.anything_but("body.controllers.auth.actions", "operator", named="auth.actions")
    yield Row("body.controllers.auth.actions", "text in it", {"login": "yes"}, 400, "api.assert.invalid_type")
    yield Row("body.controllers.auth.actions", "unknown", {"dance": True}, 400, "security.role.unknown_action")


def row(path: str, fault: str, value: Any, *error: Any) -> list[Row]:
    """One particular mistake; the error is a status, an id, and perhaps what it names first."""
    return [Row(path, fault, value, *error)]


def key(*more: Iterable[Row]) -> list[Iterable[Row]]:
    """Of a new key."""
    taken = row("_id", "taken", "k", 400, f"{STORED}document_already_exists")
    bodies = {"missing": bad.DROP, "null": None}
    absent = [Row("body", fault, body, 400, "api.assert.body_required") for fault, body in bodies.items()]
    absent += row("body", "array", ["x"], 400, "api.assert.missing_argument", "body.description")
    return [absent, bad.text("body.description"), bad.span(), bad.maybe_ident(), bad.new_ident(), taken, *more]


def keys(*more: Iterable[Row]) -> list[Iterable[Row]]:
    """Of a search for keys, whose body is the query."""
    bodies: dict[str, Any] = {"operator": {"$where": "1"}, "two clauses": {"term": {"a": 1}, "match_all": {}}}
    wrong = [Row("body", fault, body, 400, f"{STORED}unexpected_bad_request") for fault, body in bodies.items()]
    wrong += [Row(path, "negative", -1, 400, "api.assert.invalid_argument", path) for path in ("from", "size")]
    return [bad.number("from"), bad.number("size"), bad.lang(), wrong, *more]


def documents(error_id: str, *more: Iterable[Row]) -> list[Iterable[Row]]:
    """Of a look at one document."""
    return [bad.ident(), bad.unknown("_id", 404, error_id), *more]


def searched(*more: Iterable[Row]) -> list[Iterable[Row]]:
    """Of a search."""
    many = row("size", "too many", 10_001, 413, f"{STORED}get_limit_exceeded")
    return [search(), many, row("body.foo", "unknown key", 1, 400, f"{STORED}invalid_search_query"), *more]


def new_user() -> list[Iterable[Row]]:
    """Of a new user, beside the content."""
    kuid = bad.anything_but("kuid", "text")
    return [bad.maybe_ident(), bad.new_ident(), kuid, credentials("body.credentials")]
