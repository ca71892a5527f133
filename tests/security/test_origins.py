"""Whose pages may call, and whose cookies count: by name, letter for letter, or by a pattern that names somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.security.origins import Origins

LISTED = "https://app.example"

STRANGERS = [
    "",
    "null",
    "https://evil.example",
    "https://app.example.evil.example",
    "https://evilapp.example",
    "https://app.example:444",
    "https://app.example:443",
    "http://app.example",
    "https://app.example/",
    "https://APP.example",
    "https://app.example.",
    "https://app.example\n",
    " https://app.example",
    "https://app.example, https://app.example",
    "https://user@app.example",
    "https://app.example#",
    "app.example",
    "https://appXexample",
    "https://app",
    "*",
]


def told(origins: Origins, origin: str) -> tuple[bool, bool]:
    """Whether an origin is admitted, and whether it is trusted."""
    return origins.admit(origin), origins.trust(origin)


@pytest.mark.parametrize("origin", STRANGERS, ids=repr)
def test_w01_an_origin_is_listed_letter_for_letter(origin: str) -> None:
    """No suffix, prefix, part, other port or scheme; a name is no pattern."""
    assert (False, False) == told(Origins([LISTED]), origin)
    assert (True, True) == told(Origins([LISTED]), LISTED)


@pytest.mark.parametrize("origin", [each for each in STRANGERS if each != "https://appXexample"], ids=repr)
def test_w01_a_pattern_fits_the_whole_origin(origin: str) -> None:
    """As much as if it were anchored."""
    origins = Origins([r"https://app\.example", r"http://localhost:\d+"], patterns=True)

    assert (False, False) == told(origins, origin)
    assert (True, True) == told(origins, LISTED)
    assert (True, True) == told(origins, "http://localhost:8080")
    assert (False, False) == told(origins, "http://localhost:8080.evil.example")


@pytest.mark.parametrize("origin", [*STRANGERS, LISTED], ids=repr)
def test_a_wildcard_admits_all_and_trusts_nobody(origin: str) -> None:
    """A browser adds cookies to the calls of any page (deviation 10)."""
    for origins in (Origins(), Origins(["*"]), Origins(["*"], patterns=True)):
        assert (True, False) == told(origins, origin)


def test_beside_a_wildcard_who_is_named_is_trusted() -> None:
    """By name or by pattern."""
    for origins in (Origins(["*", LISTED]), Origins(["*", r"https://app\.example"], patterns=True)):
        assert (True, True) == told(origins, LISTED)
        assert (True, False) == told(origins, "https://evil.example")


@pytest.mark.parametrize(
    "pattern",
    [
        ".*",
        ".+",
        r"https?://.*",
        "https://.*",
        "http://.*",
        r"https://[^/]+",
        r"https?://[a-z.]+",
        r"https?://[\w.-]+(:\d+)?",
        r"http://.*:\d+",
        r"https://.*:\d+",
        r"https://[^.]+\.[^.]+\.[^.]+",
        r"|.*",
        r"(?i)HTTPS://.*",
        r"^https://.*$",
        r"(?s:.*)",
    ],
)
def test_a_pattern_that_fits_everybody_is_a_wildcard(pattern: str) -> None:
    """It admits, and trusts nobody, not even whom it would fit."""
    origins = Origins([pattern], patterns=True)

    for origin in (LISTED, "https://evil.example"):
        assert (True, False) == told(origins, origin)


def test_a_wildcard_among_patterns_takes_nothing_from_the_others() -> None:
    """Who is named beside it is still trusted."""
    origins = Origins(["https://.*", r"https://app\.example"], patterns=True)

    assert (True, True) == told(origins, LISTED)
    assert (True, False) == told(origins, "https://evil.example")


def test_w01_null_is_nobody() -> None:
    """Every sandboxed page says it; it may be admitted, and is never trusted."""
    assert (False, False) == told(Origins([LISTED]), "null")
    assert (True, False) == told(Origins(["null"]), "null")
    assert (True, False) == told(Origins(["null|https://app\\.example"], patterns=True), "null")


def test_an_empty_list_admits_nobody() -> None:
    """Whatever is said."""
    for origins in (Origins([]), Origins([], patterns=True)):
        assert (False, False) == told(origins, LISTED)


def test_a_pattern_is_not_held_against_an_endless_text() -> None:
    """No origin is longer than a name in the DNS allows; a pattern of somebody careless could take very long."""
    origins = Origins([r"ht*ps://app\.example"], patterns=True)
    longest = f"h{'t' * 496}ps://app.example"

    assert (512 + 1, (True, True)) == (len(longest), told(origins, longest[:1] + longest[2:]))
    assert (False, False) == told(origins, longest)
    assert (True, True) == told(Origins([longest]), longest)


@given(origin=st.text(max_size=30), listed=st.lists(st.text(max_size=30), max_size=3))
def test_whoever_is_trusted_is_admitted(origin: str, listed: list[str]) -> None:
    """And stands in the list."""
    admitted, trusted = told(Origins(listed), origin)

    assert trusted <= admitted
    assert trusted == (origin in listed and origin not in ("*", "null"))
    assert admitted == (origin in listed or "*" in listed)
