"""What users, profiles and roles have in common: ids, content, history."""

from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.security.records import check_content, check_id, history, new_document, present


def test_history_begins_with_its_author() -> None:
    """Nobody has updated what was just made."""
    assert {"author": "alice", "createdAt": 5, "updatedAt": None, "updater": None} == history("alice", 5)


def test_content_is_kept_apart_from_what_is_ours() -> None:
    """`_id` and `_kuzzle_info` of a client are left out; every other name is theirs, even one that we use inside."""
    content = {"_id": "mallory", "_kuzzle_info": {"author": "mallory"}, "content": 1, "name": "Bob"}

    document = new_document("bob", content, author="admin", now=5)

    assert {
        "_id": "bob",
        "content": {"content": 1, "name": "Bob"},
        "_kuzzle_info": {"author": "admin", "createdAt": 5, "updatedAt": None, "updater": None},
    } == document


def test_the_wire_shows_content_and_history_side_by_side() -> None:
    """`{_id, _source: {…content, _kuzzle_info}}`."""
    document = new_document("bob", {"name": "Bob", "profileIds": ["p"]}, author="admin", now=5)

    assert {
        "_id": "bob",
        "_source": {"name": "Bob", "profileIds": ["p"], "_kuzzle_info": history("admin", 5)},
    } == present(document)


@pytest.mark.parametrize(
    "document_id", ["a", "a/b", "..", "with space", "é", "\u20ac" * 170, "x" * 512, "-1", "$ne", "{}", "名前"]
)
def test_an_id_is_any_printable_text(document_id: str) -> None:
    """1 to 512 bytes of UTF-8."""
    assert document_id == check_id(document_id)


@pytest.mark.parametrize(
    "document_id",
    ["", "x" * 513, "\u20ac" * 171, "a\nb", "a\0b", "\x7f", "\u2028", "\u200b", "\u202e", "\ufeff", "\u00a0"],
    ids=ascii,
)
def test_an_id_that_would_spoil_logs_and_addresses_is_refused(document_id: str) -> None:
    """Too long, control characters, and characters that cannot be seen."""
    with pytest.raises(ApiError) as refused:
        check_id(document_id, "username")

    assert ("api.assert.invalid_argument", 400) == (refused.value.id, refused.value.status)
    assert "username" == refused.value.props[0]


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"a.b": 1, "a$": "$ne", "": None},
        {"numbers": [2**63 - 1, -(2**63), 1.5, True]},
        {"deep": {"deeper": [{"deepest": "$where"}]}},
    ],
    ids=["nothing", "odd names", "the largest numbers", "operators as values"],
)
def test_content_may_be_whatever_can_be_stored(content: dict[str, Any]) -> None:
    """Names with dots, dollars within or at the end, empty ones; numbers of 64 bits."""
    check_content(content)


def test_a_number_of_the_database_is_looked_at_once() -> None:
    """It is a subclass of int; a look for it in a range would compare it with every number there is."""

    class Long(int):
        def __eq__(self, other: object) -> bool:
            pytest.fail("the number is compared one by one")

        __hash__ = int.__hash__

    check_content({"number": Long(2**40)})


@pytest.mark.parametrize(
    "content",
    [
        {"$set": 1},
        {"a": {"$ne": None}},
        {"a": [1, {"b": [{"$where": "1"}]}]},
        {"a\0b": 1},
        {"a": 2**63},
        {"a": [-(2**63) - 1]},
        {"a": {"b": 10**30}},
    ],
    ids=["operator", "inner operator", "operator in arrays", "NUL", "2^63", "below -2^63", "10^30"],
)
def test_content_that_the_database_would_misread_is_refused(content: dict[str, Any]) -> None:
    """Operators as names, NUL in names, numbers above 64 bits, at any depth."""
    with pytest.raises(ApiError) as refused:
        check_content(content)

    assert ("services.storage.unexpected_bad_request", 400) == (refused.value.id, refused.value.status)
