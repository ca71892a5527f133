"""W15: on how many connections a key and a user may be at a time, against a slow count of who is where."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.actions import ANONYMOUS_ID, Session
from gateway.protocol.errors import ApiError
from tests.security.test_links import Desk, session_of, token

MOST_OF_KEY, MOST_OF_USER = 1, 2
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("use"), st.sampled_from("vwxyz"), st.integers(0, 17).map(str)),
        st.tuples(st.just("unlink"), st.sampled_from("vwxyz"), st.integers(0, 17).map(str)),
        st.tuples(st.just("end"), st.just(""), st.integers(0, 17).map(str)),
        st.tuples(st.just("leave"), st.sampled_from("vwxyz"), st.just("")),
    ),
    max_size=60,
)


def is_room(pairs: set[tuple[str, str]], name: str, session: Session) -> bool:
    """Whether one more token on a connection keeps the limits; `pairs` are (connection, token)."""
    used = [(line, session_of(mark)) for line, mark in pairs]
    of_user = {line for line, other in used if other.kuid == session.kuid}
    of_key = {line for line, other in used if session.key_id and other.key_id == session.key_id}
    return (name in of_user or len(of_user) < MOST_OF_USER) and (name in of_key or len(of_key) < MOST_OF_KEY)


@given(STEPS)
def test_w15_a_seat_is_given_where_there_is_one_and_comes_back_however_its_holder_goes(steps: Any) -> None:
    """Refused exactly when the limits would be broken; a token in use is never refused; in the end nothing is left."""
    desk = Desk(MOST_OF_KEY, MOST_OF_USER)
    lines = {name: desk.line(name) for name in "vwxyz"}
    pairs: set[tuple[str, str]] = set()
    for step, name, mark in steps:
        if step == "use":
            session = session_of(mark)
            if is_room(pairs, name, session):
                desk.links.link(lines[name], session)
                pairs.add((name, mark))
            else:
                with pytest.raises(ApiError) as refused:
                    desk.links.link(lines[name], session)
                assert (429, "api.process.too_many_requests") == (refused.value.status, refused.value.id)
        elif step == "unlink":
            desk.links.unlink(lines[name], mark)
            pairs.discard((name, mark))
        elif step == "end":
            desk.links.end(mark)
            pairs = {pair for pair in pairs if pair[1] != mark}
        else:
            desk.links.leave(lines[name])
            pairs = {pair for pair in pairs if pair[0] != name}
        # The seventeenth token of a connection takes the place of the oldest.
        pairs = {
            (other, one.fingerprint) for other, line in lines.items() for one in desk.links.sessions_of(line)
        } & pairs

    for line in lines.values():
        desk.links.leave(line)
    assert {} == desk.links._seats._taken


def test_w15_a_token_that_moves_keeps_its_seat() -> None:
    """A refresh on two connections at the limit."""
    desk = Desk(0, 2)
    one, two = desk.line("1"), desk.line("2")
    for line in (one, two):
        desk.links.link(line, token("old"))

    desk.links.move("old", token("new"))
    desk.links.end("old")

    with pytest.raises(ApiError, match="on 2 connections"):
        desk.links.link(desk.line("3"), token("other"))
    desk.links.end("new")
    desk.links.link(desk.line("3"), token("other"))


@pytest.mark.parametrize("limits", [(0, 0), (1, 0)], ids=["no limit", "of keys alone"])
def test_w15_what_is_not_limited_is_not_counted(limits: tuple[int, int]) -> None:
    """Login tokens are no keys."""
    desk = Desk(*limits)
    for number in range(9):
        desk.links.link(desk.line(f"{number}"), token("a"))

    assert {} == desk.links._seats._taken


def test_w15_strangers_are_not_one_user() -> None:
    """A token of the anonymous user limits nobody."""
    desk = Desk(1, 1)
    for number in range(9):
        desk.links.link(desk.line(f"{number}"), token("a", kuid=ANONYMOUS_ID))

    assert {} == desk.links._seats._taken
