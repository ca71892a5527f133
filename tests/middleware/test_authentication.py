"""Who is it: a token becomes a session and a principal, no token becomes the anonymous one."""

import functools
from typing import cast

import pytest

from gateway.actions import NOBODY, Connection, Context, Principal, Reply, Session
from gateway.middleware.authentication import authentication
from gateway.protocol.errors import api_error
from gateway.protocol.messages import Cookie, Request
from gateway.security.sessions import Sessions
from tests.driving import SilentConnection
from tests.middleware.driving import Reached, request, run, run_refused

ANONYMOUS = Principal("-1", ("anonymous",), NOBODY.rights)
ALICE = Principal("alice", ("default",), NOBODY.rights)
SESSION = Session("alice", "f" * 64, -1, is_api_key=True)


class OneToken:
    """Sessions in which the token `good` is Alice's, `orphan` nobody's any more, and nearly all others are invalid.

    While `unlucky` is looked at the database goes away.
    """

    anonymous = ANONYMOUS

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.lines: list[Connection | None] = []

    def recall(self, token: str, connection: Connection) -> Context | None:
        """Know Alice's token after it was asked about once."""
        return Context(connection, ALICE, SESSION) if token == "good" and token in self.asked else None

    async def recognise(self, token: str, connection: Connection | None = None) -> tuple[Session, Principal]:
        """Return Alice and her session."""
        self.asked.append(token)
        self.lines.append(connection)
        if token not in ("good", "orphan", "unlucky"):
            raise api_error("security.token.invalid")
        if token == "orphan":
            raise api_error("security.user.not_found", "alice")
        if self.asked == ["unlucky"]:
            raise api_error("services.storage.not_connected")
        return SESSION, ALICE


@pytest.fixture
def sessions() -> OneToken:
    """What knows tokens."""
    return OneToken()


@pytest.fixture
def reached() -> Reached:
    """The endpoint inside."""
    return Reached()


LINE = SilentConnection()


def ask(sessions: OneToken, reached: Reached, jwt: str, *, already: Principal = NOBODY) -> object:
    """Send a frame with these members for a token."""
    endpoint = authentication(cast("Sessions", sessions))(reached)
    frame = request(f'{{"controller":"c","action":"a"{jwt}}}')
    return run(endpoint, frame, Context(LINE, already))


@pytest.mark.parametrize("jwt", ["", ',"jwt":null'], ids=["absent", "null"])
def test_no_token_is_the_anonymous_one(sessions: OneToken, reached: Reached, jwt: str) -> None:
    """Without a question to anybody, and without a session."""
    assert "reached" == ask(sessions, reached, jwt)
    assert [(ANONYMOUS, None)] == [(context.principal, context.session) for context in reached.contexts]
    assert [] == sessions.asked


def test_a_good_token_is_its_user(sessions: OneToken, reached: Reached) -> None:
    """The session goes along, for whoever has to end it."""
    assert "reached" == ask(sessions, reached, ',"jwt":"good"')
    assert [(ALICE, SESSION)] == [(context.principal, context.session) for context in reached.contexts]


def test_a_token_that_is_known_is_asked_about_once(sessions: OneToken, reached: Reached) -> None:
    """The second request waits for nobody; the connection goes along, to be linked to the token."""
    for _ in range(2):
        assert "reached" == ask(sessions, reached, ',"jwt":"good"')

    assert (["good"], [LINE]) == (sessions.asked, sessions.lines)
    assert [(ALICE, SESSION)] * 2 == [(context.principal, context.session) for context in reached.contexts]


def test_who_was_there_before_does_not_matter(sessions: OneToken, reached: Reached) -> None:
    """Nothing of an outer context but the connection is kept."""
    ask(sessions, reached, "", already=ALICE)

    assert ANONYMOUS == reached.contexts[0].principal


@pytest.mark.parametrize("token", ["", "bad", "GOOD", "good ", "kauth-good"])
def test_any_other_token_reaches_nothing(sessions: OneToken, reached: Reached, token: str) -> None:
    """An empty text is a token too, and no anonymous caller."""
    assert (401, "security.token.invalid", ()) == run_refused(lambda: ask(sessions, reached, f',"jwt":"{token}"'))
    assert ([], [token]) == (reached.contexts, sessions.asked)


def test_a_token_whose_user_is_gone_reaches_nothing(sessions: OneToken, reached: Reached) -> None:
    """404, as the protocol has it."""
    assert (404, "security.user.not_found", ("alice",)) == run_refused(
        lambda: ask(sessions, reached, ',"jwt":"orphan"')
    )
    assert [] == reached.contexts


MANAGING = ["login", "checkToken", "logout"]
"""The actions by which a page gets, looks at and ends its cookie (http.md §7)."""


class Browser(SilentConnection):
    """A connection that brought a cookie."""

    def __init__(self, cookie: str) -> None:
        super().__init__()
        self.cookie = cookie


def ask_with_cookie(
    sessions: OneToken,
    reached: Reached,
    cookie: str,
    action: str = "auth:getCurrentUser",
    members: str = "",
    *,
    cookies: bool = True,
) -> object:
    """Send a frame over a connection that brought a cookie."""
    endpoint = authentication(cast("Sessions", sessions), cookies=cookies)(reached)
    controller, _, name = action.partition(":")
    frame = request(f'{{"controller":"{controller}","action":"{name}"{members}}}')
    return run(endpoint, frame, Context(Browser(cookie)))


def who(reached: Reached) -> list[tuple[Principal, Session | None]]:
    """Who got through."""
    return [(context.principal, context.session) for context in reached.contexts]


@pytest.mark.parametrize("members", ["", ',"jwt":null', ',"cookieAuth":true', ',"cookieAuth":5'])
def test_a_cookie_is_a_token(sessions: OneToken, reached: Reached, members: str) -> None:
    """Where there is no other; whether this is cookie mode matters to three actions only."""
    assert "reached" == ask_with_cookie(sessions, reached, "good", members=members)
    assert [(ALICE, SESSION)] == who(reached)


@pytest.mark.parametrize(
    ("cookie", "expected"),
    [
        ("stale", (401, "security.token.invalid", ())),
        ("\x00garbage", (401, "security.token.invalid", ())),
        ("orphan", (404, "security.user.not_found", ("alice",))),
        ("unlucky", (503, "services.storage.not_connected", ())),
    ],
)
@pytest.mark.parametrize("action", ["auth:getCurrentUser", "auth:refreshToken", "server:login", "auth:Logout"])
def test_a_cookie_that_does_not_count_reaches_nothing(
    sessions: OneToken, reached: Reached, action: str, cookie: str, expected: tuple[int, str, tuple[str, ...]]
) -> None:
    """As any token, in cookie mode too, but for the three actions."""
    for members in ("", ',"cookieAuth":true'):
        sessions.asked.clear()
        assert expected == run_refused(functools.partial(ask_with_cookie, sessions, reached, cookie, action, members))
    assert [] == reached.contexts


@pytest.mark.parametrize("action", ["server:now", *(f"auth:{name}" for name in MANAGING)])
@pytest.mark.parametrize("token", ["", "good", "bad"])
def test_a_cookie_and_a_token_are_one_too_many(sessions: OneToken, reached: Reached, action: str, token: str) -> None:
    """400, where the original says 500 (deviation 23); also if they are the same, or one does not count."""
    for cookie in ("good", "bad"):
        members = f',"jwt":"{token}","cookieAuth":true'
        refusal = run_refused(functools.partial(ask_with_cookie, sessions, reached, cookie, action, members))
        assert (400, "security.token.verification_error") == refusal[:2]
    assert ([], []) == (reached.contexts, sessions.asked)


@pytest.mark.parametrize("action", ["server:now", *(f"auth:{name}" for name in MANAGING)])
@pytest.mark.parametrize("members", ["", ',"jwt":"good"', ',"cookieAuth":true'])
def test_where_cookies_are_switched_off_nobody_may_bring_one(
    sessions: OneToken, reached: Reached, action: str, members: str
) -> None:
    """400, before anything else is looked at; who brings none is not concerned."""
    assert (400, "security.cookie.unsupported", ()) == run_refused(
        lambda: ask_with_cookie(sessions, reached, "good", action, members, cookies=False)
    )
    endpoint = authentication(cast("Sessions", sessions), cookies=False)(reached)
    assert "reached" == run(endpoint, request('{"controller":"c","action":"a"}'), Context(SilentConnection()))
    assert [(ANONYMOUS, None)] == who(reached)


@pytest.mark.parametrize("action", ["login", "checkToken"])
@pytest.mark.parametrize("cookie", ["good", "stale", "garbage", "orphan", "unlucky"])
def test_in_cookie_mode_a_login_does_not_look_at_the_cookie(
    sessions: OneToken, reached: Reached, action: str, cookie: str
) -> None:
    """Nor does checkToken, which looks itself: a cookie that is out of date would stand in the way of its successor."""
    assert "reached" == ask_with_cookie(sessions, reached, cookie, f"auth:{action}", ',"cookieAuth":true')
    assert ([(ANONYMOUS, None)], []) == (who(reached), sessions.asked)


def test_in_cookie_mode_a_logout_ends_the_token_of_the_cookie(sessions: OneToken, reached: Reached) -> None:
    """It is the user's, whose rights count."""
    assert "reached" == ask_with_cookie(sessions, reached, "good", "auth:logout", ',"cookieAuth":true')
    assert [(ALICE, SESSION)] == who(reached)


@pytest.mark.parametrize("cookie", ["stale", "gar bage", "orphan"])
def test_a_cookie_that_counts_for_nothing_can_be_got_rid_of(sessions: OneToken, reached: Reached, cookie: str) -> None:
    """Whatever it holds and whatever rights there are: the cookie is ended, and nothing else is done."""
    answer = ask_with_cookie(sessions, reached, cookie, "auth:logout", ',"cookieAuth":true')

    assert Reply({"acknowledged": True}, cookie=Cookie(None)) == answer
    assert [] == reached.contexts


def test_a_logout_that_cannot_be_done_at_the_moment_is_not_done(sessions: OneToken, reached: Reached) -> None:
    """The token may be a good one: the page keeps the cookie and tries again."""
    assert (503, "services.storage.not_connected", ()) == run_refused(
        lambda: ask_with_cookie(sessions, reached, "unlucky", "auth:logout", ',"cookieAuth":true')
    )
    assert [] == reached.contexts


@pytest.mark.parametrize("action", MANAGING)
@pytest.mark.parametrize("members", ["", ',"cookieAuth":false', ',"cookieAuth":null'])
def test_outside_cookie_mode_the_three_are_like_all_others(
    sessions: OneToken, reached: Reached, action: str, members: str
) -> None:
    """A cookie that does not count refuses them; a false in JSON is one (deviation 13)."""
    assert (401, "security.token.invalid", ()) == run_refused(
        lambda: ask_with_cookie(sessions, reached, "stale", f"auth:{action}", members)
    )


@pytest.mark.parametrize("action", MANAGING)
def test_a_mode_that_is_no_boolean_is_refused(sessions: OneToken, reached: Reached, action: str) -> None:
    """It is read here first."""
    assert (400, "api.assert.invalid_type", ("cookieAuth", "boolean")) == run_refused(
        lambda: ask_with_cookie(sessions, reached, "good", f"auth:{action}", ',"cookieAuth":5')
    )


@pytest.mark.parametrize(
    ("fields", "is_managed"),
    [
        ({}, False),
        ({"cookieAuth": ""}, True),
        ({"cookieAuth": "true"}, True),
        ({"cookieAuth": "false"}, False),
        ({"cookieAuth": "0"}, False),
    ],
)
def test_over_http_the_mode_is_read_as_flags_are(
    sessions: OneToken, reached: Reached, fields: dict[str, str], *, is_managed: bool
) -> None:
    """It is there, and neither `false` nor `0` (deviation 13)."""
    endpoint = authentication(cast("Sessions", sessions))(reached)
    asked = Request("auth", "login", "r", fields)

    if is_managed:
        assert "reached" == run(endpoint, asked, Context(Browser("stale")))
    else:
        assert (401, "security.token.invalid", ()) == run_refused(
            lambda: run(endpoint, asked, Context(Browser("stale")))
        )
