"""Durations: the whole `ms` grammar as the protocol page gives it, and texts made to slip through it."""

import math

import pytest

from gateway.protocol.durations import MAX_LENGTH, parse

SECOND = 1000
MINUTE = 60_000
HOUR = 3_600_000
DAY = 86_400_000
WEEK = 604_800_000
YEAR = 31_557_600_000

UNITS = [
    ("ms msec msecs millisecond milliseconds", 1),
    ("s sec secs second seconds", SECOND),
    ("m min mins minute minutes", MINUTE),
    ("h hr hrs hour hours", HOUR),
    ("d day days", DAY),
    ("w week weeks", WEEK),
    ("y yr yrs year years", YEAR),
]
WORDS = [(word, factor) for words, factor in UNITS for word in words.split()]


@pytest.mark.parametrize(("word", "factor"), WORDS, ids=[word for word, _ in WORDS])
def test_every_unit_word_multiplies_by_its_factor_in_any_letter_case(word: str, factor: int) -> None:
    """Every word of the unit table counts, in lower, upper and mixed case, with and without spaces before it."""
    texts = [f"{number}{space}{word}" for number in ("3", "0.5") for space in ("", " ", "   ")]

    for text in texts:
        expected = (3 if text.startswith("3") else 0.5) * factor
        assert expected == parse(text)
        assert expected == parse(text.upper())
        assert expected == parse(text.title())


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("-1", -1),
        ("-1ms", -1),
        ("-1 ms", -1),
        ("-2", -2),
        ("0", 0),
        ("-0", 0),
        ("00", 0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("500", 500),
        ("500ms", 500),
        ("1000", 1000),
        ("1s", SECOND),
        ("1  s", SECOND),
        ("1y", YEAR),
        ("1 years", YEAR),
        ("1.5h", 1.5 * HOUR),
        (".5h", 0.5 * HOUR),
        ("-.5d", -0.5 * DAY),
        ("1H", HOUR),
        ("1 Hour", HOUR),
        ("2 weeks", 2 * WEEK),
        ("007s", 7 * SECOND),
        ("1 ", 1),
        ("1500.7", 1500.7),
    ],
    ids=repr,
)
def test_a_text_of_the_grammar_gives_its_milliseconds(text: str, milliseconds: float) -> None:
    """What the table of accepted texts says, fractions and signs kept."""
    assert milliseconds == parse(text)


def test_the_product_is_not_rounded() -> None:
    """The result is the IEEE product, so that rounding stays the business of whoever uses it."""
    assert 0.1 * YEAR == parse("0.1y")
    assert 1.0000001 * SECOND == parse("1.0000001s")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "1.h",
        "1.",
        ".",
        "-",
        "-.",
        "+1h",
        " 1h",
        "1h ",
        "1h\n",
        "1\n",
        "\n1h",
        "1\th",
        "1\nh",
        "1\u00a0h",
        "1h30m",
        "1h 30m",
        "1,5h",
        "1e3",
        "1_000",
        "0x10",
        "1mo",
        "1 month",
        "Infinity",
        "-Infinity",
        "NaN",
        "true",
        "null",
        "abc",
        "h",
        "--1",
        "- 1",
        "1..5",
        "1.5.5",
        "1h\0",
        "1\0",
    ],
    ids=repr,
)
def test_a_text_outside_the_grammar_is_no_duration(text: str) -> None:
    """Nothing may stand before or after, and no near miss is guessed at."""
    assert parse(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "\u0661s",  # Arabic-Indic digit one
        "\uff11s",  # full-width digit one
        "\u00b2s",  # superscript two
        "\u2155s",  # one fifth
        "1\u017f",  # long s, which Unicode case folding takes for s
        "1\u212a",  # Kelvin sign, folds to k
        "1m\u0131n",  # dotless i
        "1M\u0130N",  # capital i with dot
        "1 \uff48",  # full-width h
        "\u22121h",  # minus sign
        "1h\u200b",  # zero-width space
        "1h\u2028",  # line separator
        "\ufeff1h",  # byte-order mark
    ],
    ids=ascii,
)
def test_digits_and_letters_outside_ascii_are_no_duration(text: str) -> None:
    """JavaScript's digits and case folding are those of ASCII."""
    assert parse(text) is None


def test_a_hundred_characters_are_read_and_one_more_is_not() -> None:
    """The limit is the last length that counts, whatever the characters."""
    assert MAX_LENGTH == 100
    assert float("9" * 100) == parse("9" * 100)
    assert parse("9" * 101) is None
    assert 1 == parse("1" + " " * 97 + "ms")
    assert parse("1" + " " * 98 + "ms") is None


def test_the_largest_text_stays_finite_and_is_no_integer_of_any_size() -> None:
    """A hundred digits of the longest unit are a double, not an unbounded integer that slows what comes after."""
    largest = parse("9" * 99 + "y")

    assert largest is not None
    assert math.isfinite(largest)
    assert isinstance(largest, float)


def test_a_text_of_a_megabyte_is_refused_by_its_length() -> None:
    """The pattern is never run on more than the limit."""
    assert parse("1" * 1_000_000) is None
