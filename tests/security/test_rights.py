"""What roles and profiles allow: the tables of the protocol page, and a slow reference that nobody can doubt."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.security.rights import _MOST_VERDICTS, CompiledRights, Policy, compile_restriction

RawPolicy = tuple[Mapping[str, Mapping[str, bool]], Sequence[Mapping[str, Any]] | None]
"""A role's table and a policy's `restrictedTo` as a client wrote it."""

EVERYTHING = {"*": {"*": True}}


def compiled(*policies: RawPolicy) -> CompiledRights:
    """Compile policies as a profile holds them."""
    return CompiledRights(Policy(table, compile_restriction(restricted_to)) for table, restricted_to in policies)


@pytest.mark.parametrize(
    ("table", "controller", "action", "allowed"),
    [
        pytest.param({}, "auth", "login", False, id="an empty role gives nothing"),
        pytest.param({"auth": {"login": True}}, "auth", "login", True, id="an exact name"),
        pytest.param({"auth": {"login": True}}, "auth", "logout", False, id="another action"),
        pytest.param({"auth": {"login": True}}, "server", "login", False, id="another controller"),
        pytest.param({"auth": {"*": True}}, "auth", "logout", True, id="any action"),
        pytest.param({"*": {"login": True}}, "auth", "login", True, id="any controller"),
        pytest.param(EVERYTHING, "no", "such", True, id="anything, registered or not"),
        pytest.param({"auth": {"login": False}}, "auth", "login", False, id="an exact no"),
        pytest.param({"*": {"*": False}}, "auth", "login", False, id="no to anything"),
        pytest.param(EVERYTHING | {"auth": {"login": False}}, "auth", "logout", False, id="exact controller hides *"),
        pytest.param(EVERYTHING | {"auth": {"login": False}}, "server", "now", True, id="* for the other controllers"),
        pytest.param(EVERYTHING | {"auth": {}}, "auth", "login", False, id="even an empty controller hides *"),
        pytest.param({"auth": {"*": True, "login": False}}, "auth", "login", False, id="exact action hides *"),
        pytest.param({"auth": {"*": True, "login": False}}, "auth", "logout", True, id="* for the other actions"),
        pytest.param({"auth": {"*": False, "login": True}}, "auth", "login", True, id="exact yes hides no to *"),
        pytest.param({"Auth": {"login": True}}, "auth", "login", False, id="letter case counts"),
        pytest.param({"auth": {"login": True}}, "*", "login", False, id="a request cannot ask as *"),
    ],
)
def test_a_role_allows_by_exact_name_before_wildcard(
    table: dict[str, dict[str, bool]], controller: str, action: str, *, allowed: bool
) -> None:
    """Within one role an exact name hides `*` completely, and the value must be true."""
    assert allowed is compiled((table, None)).allow(controller, action, None, None)


LISTED = [{"index": "sea"}, {"index": "air", "collections": ["birds", "planes"]}]


@pytest.mark.parametrize(
    ("restricted_to", "index", "collection", "allowed"),
    [
        pytest.param(None, "any", "any", True, id="no restriction"),
        pytest.param([], "any", "any", True, id="an empty restriction is none"),
        pytest.param(LISTED, None, None, True, id="no index in the request"),
        pytest.param(LISTED, "", None, True, id="empty index in the request"),
        pytest.param(LISTED, None, "stones", True, id="no index but a collection"),
        pytest.param(LISTED, "land", None, False, id="index not listed"),
        pytest.param(LISTED, "land", "birds", False, id="index not listed, collection of another"),
        pytest.param(LISTED, "sea", None, True, id="whole index"),
        pytest.param(LISTED, "sea", "fish", True, id="whole index, any collection"),
        pytest.param(LISTED, "sea", "", True, id="whole index, empty collection"),
        pytest.param(LISTED, "air", "birds", True, id="listed collection"),
        pytest.param(LISTED, "air", "fish", False, id="collection not listed"),
        pytest.param(LISTED, "air", "", False, id="empty collection is not listed"),
        pytest.param(LISTED, "air", None, True, id="the odd one: collection absent"),
        pytest.param([{"index": "sea", "collections": []}], "sea", "fish", True, id="empty collections mean all"),
        pytest.param([{"index": "sea", "collections": None}], "sea", "fish", True, id="null collections mean all"),
        pytest.param([{"index": "*"}], "sea", None, False, id="no wildcards among indexes"),
        pytest.param([{"index": "sea", "collections": ["*"]}], "sea", "fish", False, id="no wildcards in collections"),
    ],
)
def test_a_restriction_is_asked_with_index_and_collection(
    restricted_to: list[dict[str, Any]] | None, index: str | None, collection: str | None, *, allowed: bool
) -> None:
    """Every row of the table "One policy's restriction"."""
    assert allowed is compiled((EVERYTHING, restricted_to)).allow("document", "get", index, collection)


@pytest.mark.parametrize(
    ("collection", "allowed"), [("x", True), ("y", True), ("z", False), (None, True)], ids=["x", "y", "z", "none"]
)
def test_entries_of_one_index_are_merged(collection: str | None, *, allowed: bool) -> None:
    """Two lists are one list; an entry without collections beside them does not widen it."""
    entries: list[dict[str, Any]] = [
        {"index": "i", "collections": ["x"]},
        {"index": "i"},
        {"index": "i", "collections": ["y", "x"]},
    ]

    assert {"i": frozenset({"x", "y"})} == compile_restriction(entries)
    assert allowed is compiled((EVERYTHING, entries)).allow("document", "get", "i", collection)


def test_a_no_never_takes_away_what_another_role_gives() -> None:
    """One policy that allows is enough, in whichever order."""
    yes: RawPolicy = ({"auth": {"login": True}}, None)
    no: RawPolicy = ({"auth": {"login": False}, "*": {"*": False}}, None)

    assert compiled(yes, no).allow("auth", "login", None, None)
    assert compiled(no, yes).allow("auth", "login", None, None)


def test_a_policy_without_restriction_frees_from_those_of_others() -> None:
    """Restrictions are each policy's own."""
    narrow: RawPolicy = (EVERYTHING, [{"index": "sea"}])

    assert not compiled(narrow).allow("document", "get", "air", None)
    assert compiled(narrow, (EVERYTHING, None)).allow("document", "get", "air", None)
    assert compiled(narrow, (EVERYTHING, [{"index": "air"}])).allow("document", "get", "air", None)


def test_nobody_without_policies_is_allowed_anything() -> None:
    """No profile, no rights."""
    assert not compiled().allow("auth", "login", None, None)
    assert [] == compiled().effective()


def test_made_up_names_do_not_fill_the_memory() -> None:
    """Verdicts are remembered up to a bound; beyond it the answers stay right."""
    rights = compiled(({"a": {"*": True}}, None))
    for number in range(_MOST_VERDICTS + 100):
        assert rights.allow("a", f"made-up-{number}", None, None)
        assert not rights.allow("b", f"made-up-{number}", None, None)

    assert _MOST_VERDICTS == len(rights._verdicts)


def test_effective_rights_have_the_keys_of_the_wire_in_order() -> None:
    """`action, collection, controller, index, value`, with `*` where nothing restricts."""
    rights = compiled(({"auth": {"login": True, "logout": False}}, None))

    assert [
        [("action", "login"), ("collection", "*"), ("controller", "auth"), ("index", "*"), ("value", "allowed")],
        [("action", "logout"), ("collection", "*"), ("controller", "auth"), ("index", "*"), ("value", "denied")],
    ] == [list(entry.items()) for entry in rights.effective()]


# Few names, so that questions and tables meet often.
names = st.sampled_from(["*", "a"])
tables = st.dictionaries(names, st.dictionaries(names, st.booleans(), max_size=2), min_size=1, max_size=2)
places = st.fixed_dictionaries(
    {"index": st.sampled_from(["i", "i", "j"])},
    optional={"collections": st.none() | st.lists(st.sampled_from(["x", "y"]), max_size=2)},
)
raw_policies = st.lists(st.tuples(tables, st.none() | st.lists(places, max_size=3)), max_size=3)


def allowed_slowly(
    policies: list[RawPolicy], controller: str, action: str, index: str | None, wanted: str | None
) -> bool:
    """The protocol page, read aloud."""
    for table, restricted_to in policies:
        actions = table[controller] if controller in table else table.get("*", {})
        value = actions[action] if action in actions else actions.get("*")
        if value is not True:
            continue
        if not restricted_to or not index:
            return True
        entries = [entry for entry in restricted_to if entry["index"] == index]
        collections = [name for entry in entries for name in entry.get("collections") or []]
        if entries and (collections == [] or wanted is None or wanted in collections):
            return True
    return False


QUESTIONS = list(itertools.product("ab", "ab", ("i", "j", "", None), ("x", "y", "", None)))


@given(raw_policies)
@settings(max_examples=200, deadline=None)
def test_allow_agrees_with_a_slow_reference(policies: list[RawPolicy]) -> None:
    """Whatever the policies, in whichever order, and whatever the question, asked once or again."""
    rights, turned = compiled(*policies), compiled(*reversed(policies))
    expected = [allowed_slowly(policies, *question) for question in QUESTIONS]

    assert expected == [rights.allow(*question) for question in QUESTIONS]
    assert expected == [rights.allow(*question) for question in reversed(QUESTIONS)][::-1]
    assert expected == [turned.allow(*question) for question in QUESTIONS]


def listed_slowly(policies: list[RawPolicy]) -> dict[tuple[str, str, str, str], str]:
    """(controller, action, index, collection) → value: every role at every place where its policy grants it."""
    listed: dict[tuple[str, str, str, str], str] = {}
    for table, restricted_to in policies:
        spots = []
        for index in {entry["index"] for entry in restricted_to or []}:
            entries = [entry for entry in restricted_to or [] if entry["index"] == index]
            merged = {name for entry in entries for name in entry.get("collections") or []}
            spots += [(index, name) for name in merged or {"*"}]
        for controller, actions in table.items():
            for action, allowed in actions.items():
                for index, collection in spots or [("*", "*")]:
                    key = (controller, action, index, collection)
                    listed[key] = "allowed" if allowed or listed.get(key) == "allowed" else "denied"
    return listed


@given(raw_policies)
@settings(max_examples=200, deadline=None)
def test_effective_agrees_with_a_slow_reference(policies: list[RawPolicy]) -> None:
    """One entry for each combination, allowed if any policy allows it."""
    entries = compiled(*policies).effective()
    actual = {(hit["controller"], hit["action"], hit["index"], hit["collection"]): hit["value"] for hit in entries}

    assert listed_slowly(policies) == actual
    assert len(entries) == len(actual)


def test_long_names_are_judged_and_not_remembered() -> None:
    """Anybody can ask for anything; what is kept of it must stay small."""
    rights = CompiledRights([Policy({"*": {"*": True}})])

    assert rights.allow("c" * 1_000_000, "a", None, None)
    assert {} == rights._verdicts
