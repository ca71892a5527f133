"""The cookie: what is set is what is read, and what cannot be read for sure is nobody."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import SimpleCookie

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.errors import ApiError
from gateway.protocol.http.cookies import auth_token, set_cookie
from tests.protocol.http.refusals import outcome, refused

TOKEN = "kauth-eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJfaWQiOiJib2IifQ.DjuBWx8Z5VQeKfNsSKf8_1ctqgoCBu9kgiL8D_OCl7o"
INVALID = (401, "security.cookie.invalid", ())
TOKENS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E)).filter(lambda text: text not in ("", "null"))


def sent_back(set_cookie: str) -> str:
    """What a browser sends of a cookie."""
    return set_cookie.partition(";")[0]


@given(token=TOKENS, secure=st.booleans())
def test_what_is_set_is_what_is_read(token: str, secure: bool) -> None:  # noqa: FBT001 - drawn
    """Any printable token, through a browser, and through a library's idea of cookies; it cannot add an attribute."""
    value = set_cookie(token, 0, secure=secure)

    assert token == auth_token([sent_back(value)])
    assert ["authToken"] == list(SimpleCookie(value))
    assert 4 + secure == value.count(";")


def test_a_cookie_is_set_as_the_original_sets_it() -> None:
    """Byte for byte as recorded (http.md §7)."""
    end = 1_795_385_305_371

    assert (
        f"authToken={TOKEN}; Path=/; Expires=Sun, 22 Nov 2026 22:08:25 GMT; HttpOnly; SameSite=Strict"
    ) == set_cookie(TOKEN, end, secure=False)
    assert "authToken=null; Path=/; HttpOnly; SameSite=Strict" == set_cookie(None, -1, secure=False)


def test_w18_over_tls_the_cookie_is_for_tls_only() -> None:
    """Nothing else changes, also where it ends."""
    for token in (TOKEN, None):
        assert f"{set_cookie(token, 0, secure=False)}; Secure" == set_cookie(token, 0, secure=True)


@pytest.mark.parametrize("end", [-1, -5])
def test_an_endless_token_lives_as_long_as_the_browser(end: int) -> None:
    """The original says 1969, and the cookie is dead at once."""
    assert f"authToken={TOKEN}; Path=/; HttpOnly; SameSite=Strict" == set_cookie(TOKEN, end, secure=False)


def test_a_cookie_that_ends_has_no_date() -> None:
    """Whatever is said of it."""
    assert "Expires" not in set_cookie(None, 1_795_385_305_371, secure=False)


@given(milliseconds=st.integers(0, 253_402_300_799_999))
def test_the_date_is_the_second_in_which_the_token_ends(milliseconds: int) -> None:
    """In the form of HTTP, which a library reads."""
    text = set_cookie("t", milliseconds, secure=False).split("; ")[2].removeprefix("Expires=")

    assert text.endswith(" GMT")
    assert datetime.fromtimestamp(milliseconds // 1000, UTC) == parsedate_to_datetime(text)


@pytest.mark.parametrize("end", [253_402_300_800_000, 8_640_000_000_000_000, 10**30])
def test_the_calendar_ends_with_the_year_9999(end: int) -> None:
    """A token may live longer than dates can say."""
    assert "Expires=Fri, 31 Dec 9999 23:59:59 GMT;" in set_cookie("t", end, secure=False)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], None),
        ([""], None),
        (["a=b; c=d"], None),
        (["authToken"], None),
        (["authToken="], None),
        (["authToken=null"], None),
        (['authToken=""'], None),
        (['authToken="null"'], None),
        (["authToken=n%75ll"], None),
        (["authToken=%22%22"], '""'),
        (["authToken=t"], "t"),
        (["  authToken\t= t ;"], "t"),
        (["a=b; authToken=t; c=d"], "t"),
        (["a=b;authToken=t;c=d"], "t"),
        (["a=b", "authToken=t", "c"], "t"),
        (['authToken="t"'], "t"),
        (['authToken="t'], '"t'),
        (['authToken="'], '"'),
        (["authToken=a%2Bb%2Fc%3D"], "a+b/c="),
        (["authToken=a+b/c="], "a+b/c="),
        (["authToken=a=b=c"], "a=b=c"),
        (["authToken=%zz%4"], "%zz%4"),
        (["authToken=NULL"], "NULL"),
        (["authToken=t; authToken=t"], "t"),
        (["authToken=t", "authToken=%74"], "t"),
        (["authToken=null; authToken="], None),
        (["authtoken=x; AuthToken=x; xauthToken=x; authTokenx=x; __Host-authToken=x"], None),
        (["\xa0authToken=x; authToken\x85=x; \x1fauthToken=x"], None),
        (["a=authToken=x; =authToken=x"], None),
        ([f"authToken={TOKEN}"], TOKEN),
        (["authToken=" + "x" * 100_000], "x" * 100_000),
        (["a" * 8000 + "=" + "b" * 8000 + "; authToken=t"], "t"),
        ([";" * 60_000 + "authToken=t"], "t"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_one_cookie_is_read_and_all_others_are_not(headers: list[str], expected: str | None) -> None:
    """Among others, quoted or escaped, once or several times the same; `null` and nothing are none."""
    assert expected == auth_token(headers)


@pytest.mark.parametrize(
    "headers",
    [
        ["authToken=a; authToken=b"],
        ["authToken=a", "authToken=b"],
        ["authToken=a; x=y; authToken=A"],
        ["authToken=null; authToken=t"],
        ["authToken=t; authToken"],
        ["authToken=t; authToken=%00"],
    ],
)
def test_two_cookies_that_differ_are_none(headers: list[str]) -> None:
    """A neighbour under the same domain could have put one of them there; which is ours cannot be told."""
    assert INVALID == refused(lambda: auth_token(headers))


@pytest.mark.parametrize(
    "value",
    ["a b", "a%20b", "%0d%0aSet-Cookie:x", "%00", "a%7f", "a\tb", "\xe9", "%C3%A9", "a\xa0", "\u20ac", '"a b"', "%ff"],
    ids=repr,
)
def test_what_cannot_be_a_token_is_refused(value: str) -> None:
    """Spaces, control characters and letters beyond ASCII, escaped or not."""
    assert INVALID == refused(lambda: auth_token([f"authToken={value}"]))


@given(headers=st.lists(st.text(st.characters(max_codepoint=255)), max_size=4), value=st.text(max_size=20))
def test_any_header_is_a_token_none_or_refused(headers: list[str], value: str) -> None:
    """And a token is one line of printable characters."""
    for cookies in (headers, [*headers, f"authToken={value}"], [f"authToken={value}; {value}"]):
        token = outcome(lambda cookies=cookies: auth_token(cookies))  # type: ignore[misc]
        if isinstance(token, ApiError):
            assert INVALID == (token.status, token.id, token.props)
        elif token is not None:
            assert str(token).isascii()
            assert str(token).isprintable()
            assert " " not in str(token)
