"""Who is it: a token becomes a session and a principal, no token becomes the anonymous one."""

from typing import cast

import pytest

from gateway.actions import NOBODY, Context, Principal, Session
from gateway.middleware.authentication import authentication
from gateway.protocol.errors import api_error
from gateway.security.sessions import Sessions
from tests.driving import SilentConnection
from tests.middleware.driving import Reached, request, run, run_refused

ANONYMOUS = Principal("-1", ("anonymous",), NOBODY.rights)
ALICE = Principal("alice", ("default",), NOBODY.rights)
SESSION = Session("alice", "f" * 64, -1, is_api_key=True)


class OneToken:
    """Sessions in which the token `good` is Alice's, `orphan` nobody's any more, and all others are invalid."""

    anonymous = ANONYMOUS

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def verify(self, token: str) -> Session:
        """Return Alice's session."""
        self.asked.append(token)
        if token not in ("good", "orphan"):
            raise api_error("security.token.invalid")
        return SESSION

    async def principal(self, _: Session) -> Principal:
        """Return Alice."""
        if self.asked == ["orphan"]:
            raise api_error("security.user.not_found", "alice")
        return ALICE


@pytest.fixture
def sessions() -> OneToken:
    """What knows tokens."""
    return OneToken()


@pytest.fixture
def reached() -> Reached:
    """The endpoint inside."""
    return Reached()


def ask(sessions: OneToken, reached: Reached, jwt: str, *, already: Principal = NOBODY) -> object:
    """Send a frame with these members for a token."""
    endpoint = authentication(cast("Sessions", sessions))(reached)
    frame = request(f'{{"controller":"c","action":"a"{jwt}}}')
    return run(endpoint, frame, Context(SilentConnection(), already))


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
