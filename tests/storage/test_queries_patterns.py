"""User text that becomes a regular expression: what is refused, what it means, how long it may take (P02)."""

import re
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.protocol.errors import BadRequestError
from gateway.storage.queries import to_filter
from tests.storage.search_documents import SCHEMA, Measure, adverse_documents


@pytest.fixture(scope="module")
def measure(mongod: str) -> Iterator[Measure]:
    """Time a filter over adverse documents."""
    with adverse_documents(mongod) as timed:
        yield timed


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+",
        "(a*)*b",
        "(a|a)*",
        "(a|ab)*c",
        "(a?){0,100}",
        "((a{1,9}){1,9}){1,9}",
        "(a|b|ab){20}",
        ".*.*.*.*x",
        "a?" * 30 + "a" * 30,
        "(x|y|xy)" * 20,
        "(.{200}){6}",
        "a{1,1001}",
        "(ab)\\1",
        "(?=a)a",
        "(?:a)",
        "(?i)a",
        "a+?",
        "a**",
        "a++",
        "*a",
        "a{,5}",
        "a{5,2}",
        "[b-a]",
        "[]",
        "[a",
        "(a",
        "a)",
        "\\b",
        "\\p{L}",
        "\\Qa\\E",
        "a\\",
        "<1-10>",
        "~a",
        "a&b",
        "#",
        "@",
        '"a"',
        "(" * 30 + "a" + ")" * 30,
    ],
)
def test_regexps_that_could_take_long_or_are_unknown_are_refused(pattern: str) -> None:
    """Nested repetitions, repeated choices, too many of either, and constructs outside the list are refused."""
    for field in ("a", "description"):
        with pytest.raises(BadRequestError) as caught:
            to_filter({"regexp": {field: pattern}}, SCHEMA)
        assert "services.storage.unexpected_bad_request" == caught.value.id


@pytest.mark.parametrize(
    "query",
    [
        {"regexp": {"a": "a*a*a*[bc]"}},
        {"regexp": {"description": "a*a*a*[bc]"}},
        {"regexp": {"a": "a?a?a?a?a?a?a*a*[bc]"}},
        {"regexp": {"description": "[a ]*[a ]*[a ]*[bc]"}},
        {"wildcard": {"a": "*a" * 499 + "b"}},
        {"wildcard": {"description": "*a" * 499 + "b"}},
        {"wildcard": {"a": "*?a" * 300}},
        {"match_phrase": {"description": "a " * 499 + "b"}},
        {"match": {"description": "a " * 499 + "b"}},
        {"query_string": {"query": "a*" * 499 + "b"}},
    ],
)
def test_worst_accepted_patterns_end_soon(measure: Measure, query: Any) -> None:
    """The costliest patterns that pass need well under a second on texts of 100,000 characters (ReDoS, P02)."""
    assert measure(to_filter(query, SCHEMA)) < 3.0


@settings(max_examples=300, deadline=None)
@given(pattern=st.text(alphabet="ab.|()[]-?*+{}12,\\", max_size=10), text=st.text(alphabet="ab1-", max_size=6))
def test_regexps_mean_what_they_say(pattern: str, text: str) -> None:
    """An accepted pattern matches exactly the texts that it matches as an ordinary, anchored regular expression."""
    try:
        query_filter = to_filter({"regexp": {"a": pattern}}, SCHEMA)
    except BadRequestError:
        return
    ours = query_filter["content.a"]["$regex"].replace(r"\z", r"\Z")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of sets within sets, which are not meant
        expected = re.compile(pattern, re.DOTALL)
    assert bool(expected.fullmatch(text)) == bool(re.search(ours, text, re.DOTALL))


@settings(max_examples=300, deadline=None)
@given(glob=st.text(alphabet="ab*?.", max_size=8), text=st.text(alphabet="ab.\n", max_size=8))
def test_wildcards_mean_what_they_say(glob: str, text: str) -> None:
    """The pattern without backtracking matches what the plain one does."""
    ours = to_filter({"wildcard": {"a": glob}}, SCHEMA)["content.a"]["$regex"].replace(r"\z", r"\Z")
    plain = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in glob)
    assert bool(re.fullmatch(plain, text, re.DOTALL)) == bool(re.search(ours, text, re.DOTALL))
