"""How long a token lives: what `expiresIn` may say, where a life ends, what a policy allows."""

import math
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.security.lifetimes import LATEST, NEVER, check_policy, end_of_life, life_span

DAY = 86_400_000

LONGEST_TEXT = "0" * 97 + "1 s"
"""100 characters, the most that are read."""


@pytest.mark.parametrize(
    ("expires_in", "span"),
    [
        pytest.param(-1, NEVER, id="-1"),
        pytest.param(-1.0, NEVER, id="-1.0"),
        pytest.param("-1", NEVER, id="text -1"),
        pytest.param("-1ms", NEVER, id="text -1ms"),
        pytest.param("-1 MS", NEVER, id="text -1 MS"),
        pytest.param(1, 1, id="1"),
        pytest.param(999, 999, id="999"),
        pytest.param(1000, 1000, id="1000"),
        pytest.param(1.5, 2, id="1.5 is rounded up"),
        pytest.param(0.001, 1, id="a fraction is a millisecond"),
        pytest.param(5e-324, 1, id="the least double"),
        pytest.param(1500.7, 1501, id="1500.7"),
        pytest.param(LATEST, LATEST, id="all that a date can name"),
        pytest.param("1", 1, id="text 1"),
        pytest.param("0.5", 1, id="text 0.5"),
        pytest.param("500", 500, id="text 500"),
        pytest.param("1s", 1000, id="1s"),
        pytest.param("1  s", 1000, id="several spaces"),
        pytest.param("1m", 60_000, id="1m"),
        pytest.param("1.5h", 5_400_000, id="1.5h"),
        pytest.param(".5h", 1_800_000, id=".5h"),
        pytest.param("1 Hour", 3_600_000, id="1 Hour"),
        pytest.param("30d", 30 * DAY, id="30d"),
        pytest.param("2 weeks", 14 * DAY, id="2 weeks"),
        pytest.param("1y", 31_557_600_000, id="1y"),
        pytest.param(LONGEST_TEXT, 1000, id="100 characters"),
    ],
)
def test_a_life_span_is_whole_milliseconds(expires_in: Any, span: int) -> None:
    """Numbers count milliseconds, text follows the `ms` grammar, -1 in any form is endless."""
    actual = life_span(expires_in)

    assert span == actual
    assert int is type(actual)


@pytest.mark.parametrize(
    "expires_in",
    [
        pytest.param(0, id="0"),
        pytest.param(-0.0, id="-0.0"),
        pytest.param("0", id="text 0"),
        pytest.param("-0", id="text -0"),
        pytest.param("0d", id="text 0d"),
        pytest.param("", id="empty text"),
        pytest.param(True, id="true"),
        pytest.param(False, id="false"),
        pytest.param(-2, id="-2"),
        pytest.param("-2", id="text -2"),
        pytest.param(-0.5, id="-0.5"),
        pytest.param("-.5d", id="text -.5d"),
        pytest.param(LATEST + 1, id="past what a date can name"),
        pytest.param(2**53, id="2^53"),
        pytest.param(2**63, id="2^63"),
        pytest.param(10**400, id="10^400"),
        pytest.param(1e308, id="1e308"),
        pytest.param(math.inf, id="infinity"),
        pytest.param(-math.inf, id="minus infinity"),
        pytest.param(math.nan, id="nan"),
        pytest.param("9" * 100, id="a hundred nines"),
        pytest.param("1h30m", id="1h30m"),
        pytest.param(f"0{LONGEST_TEXT}", id="101 characters"),
        pytest.param("\u0663\u0660d", id="Arabic digits"),
        pytest.param("\u00b3d", id="superscript digit"),
        pytest.param("1\u017f", id="long s, whose upper case is S"),
        pytest.param("30d\n", id="trailing newline"),
        pytest.param("30d ", id="trailing space"),
        pytest.param(" 30d", id="leading space"),
        pytest.param("1\t s", id="tab"),
        pytest.param("+1h", id="plus"),
        pytest.param("1.h", id="1.h"),
        pytest.param("1,5h", id="comma"),
        pytest.param("1e3", id="exponent"),
        pytest.param("1_000", id="underscore"),
        pytest.param("0x10", id="hexadecimal"),
        pytest.param("1mo", id="months"),
        pytest.param("NaN", id="text NaN"),
        pytest.param("Infinity", id="text Infinity"),
        pytest.param("abc", id="a word"),
        pytest.param([], id="empty array"),
        pytest.param([1000], id="array"),
        pytest.param({}, id="object"),
        pytest.param(b"1h", id="bytes"),
    ],
)
def test_what_is_no_life_span_is_refused(expires_in: Any) -> None:
    """Nothing but -1 is endless, and no typo makes an immortal token."""
    with pytest.raises(ApiError) as refused:
        life_span(expires_in)

    assert ("api.assert.invalid_argument", 400) == (refused.value.id, refused.value.status)
    assert "expiresIn" == refused.value.props[0]


@pytest.mark.parametrize("default", [NEVER, 1, 3_600_000])
def test_none_is_the_default(default: int) -> None:
    """Absent and null say nothing; the caller's default holds, whatever it is."""
    assert default == life_span(None, default)


def test_the_default_of_the_default_is_endless() -> None:
    """A key lives for ever unless somebody says otherwise."""
    assert NEVER == life_span(None)


@pytest.mark.parametrize(
    ("now", "span", "end"),
    [(0, 1, 1), (1_700_000_000_123, DAY, 1_700_086_400_123), (LATEST - 1, 1, LATEST), (LATEST, NEVER, NEVER)],
    ids=["epoch", "a day", "the last moment", "endless"],
)
def test_a_life_ends_its_span_after_now(now: int, span: int, end: int) -> None:
    """Milliseconds since the epoch; an endless one has no end."""
    assert end == end_of_life(now, span)


@pytest.mark.parametrize(("now", "span"), [(1, LATEST), (LATEST, 1)])
def test_an_end_that_no_date_can_name_is_refused(now: int, span: int) -> None:
    """8,640,000,000,000,000 ms is the last moment of a JavaScript date."""
    with pytest.raises(ApiError) as refused:
        end_of_life(now, span)

    assert ("api.assert.invalid_argument", 400) == (refused.value.id, refused.value.status)


@pytest.mark.parametrize(
    ("span", "longest"),
    [(NEVER, NEVER), (DAY, NEVER), (1, DAY), (DAY, DAY)],
    ids=["endless, no policy", "a day, no policy", "shorter", "exactly as long"],
)
def test_a_policy_lets_pass_what_is_not_longer(span: int, longest: int) -> None:
    """-1 switches a policy off; its limit itself is allowed."""
    check_policy(span, longest, "api_keys.hard_max_ttl")


@pytest.mark.parametrize("span", [DAY + 1, NEVER], ids=["longer", "endless"])
def test_a_policy_names_itself_when_it_refuses(span: int) -> None:
    """The client learns which setting stands in its way, and its value."""
    with pytest.raises(ApiError) as refused:
        check_policy(span, DAY, "api_keys.hard_max_ttl")

    assert ("security.token.ttl_exceeded", 400) == (refused.value.id, refused.value.status)
    assert ("api_keys.hard_max_ttl", DAY) == refused.value.props
