"""Which connection is told of the end of which token: once for each, sixteen at most, and nobody who is gone."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.actions import Session
from gateway.security.links import REVOKED, Ending, Links
from gateway.security.seats import Seats


class Line:
    """A connection that writes down what it is sent."""

    is_local = False
    cookie: str | None = None
    refused_origin: str | None = None
    address = "192.0.2.1"

    def __init__(self, name: str = "line", protocol: str = "websocket") -> None:
        self.id = name
        self.protocol = protocol
        self.sent: list[bytes] = []
        self.closed: list[int] = []

    def send(self, message: bytes) -> None:
        """Note a message."""
        self.sent.append(message)

    def close(self, code: int, reason: str) -> None:
        """Note a close code."""
        self.closed.append(code)


class Desk:
    """Links, and those who are there.

    Attributes:
        here: the connections.
        rearmed: how often an earlier end came up.
    """

    def __init__(self, *seats: int, **options: Any) -> None:
        self.here: set[Any] = set()
        self.rearmed = 0
        ending = Ending(expired=lambda: b"expired", expires_soon=lambda at: f"soon {at}".encode(), **options)
        self.links = Links(ending, self.here.__contains__, digest=hash, rearm=self._rearm, seats=Seats(*seats))

    def line(self, name: str = "line", protocol: str = "websocket") -> Line:
        """Connect somebody."""
        line = Line(name, protocol)
        self.here.add(line)
        return line

    def _rearm(self) -> None:
        self.rearmed += 1


def token(mark: str, expires_at: int = -1, kuid: str = "u", key_id: str = "", **options: Any) -> Session:
    """What a token stands for."""
    return Session(kuid, mark, expires_at, is_api_key=bool(key_id), key_id=key_id, **options)


@pytest.fixture
def desk() -> Desk:
    """Links that close nothing and warn of nothing."""
    return Desk()


def test_the_end_of_a_token_is_told_to_every_connection_that_used_it_once(desk: Desk) -> None:
    """However often each has used it; to nobody else; and the connections stay."""
    one, two, other = desk.line("1"), desk.line("2"), desk.line("3")
    for _ in range(3):
        desk.links.link(one, token("a"))
        desk.links.link(two, token("a"))
        desk.links.link(other, token("b"))

    for _ in range(2):
        desk.links.end("a")

    assert ([b"expired"], [b"expired"], []) == (one.sent, two.sent, other.sent)
    assert [] == one.closed + two.closed
    assert ["b"] == desk.links.marks()


def test_each_of_several_tokens_is_told_of(desk: Desk) -> None:
    """A connection is linked to all of them, not to the last alone (deviation 25)."""
    line = desk.line()
    for mark in "aba":
        desk.links.link(line, token(mark))
    assert ["b", "a"] == [session.fingerprint for session in desk.links.sessions_of(line)]

    desk.links.end("a")
    desk.links.end("b")

    assert ([b"expired"] * 2, []) == (line.sent, desk.links.sessions_of(line))


def test_the_seventeenth_token_takes_the_place_of_the_oldest(desk: Desk) -> None:
    """Oldest is what was not used for longest."""
    line = desk.line()
    for number in range(16):
        desk.links.link(line, token(f"{number}"))
    desk.links.link(line, token("0"))
    desk.links.link(line, token("16"))

    assert [*map(str, range(2, 16)), "0", "16"] == [one.fingerprint for one in desk.links.sessions_of(line)]
    desk.links.end("1")
    assert [] == line.sent


def test_with_close_the_connection_is_closed_as_well() -> None:
    """Behind the message, with 4401."""
    desk = Desk(closes=True)
    line = desk.line()
    desk.links.link(line, token("a"))
    desk.links.end("a")

    assert ([b"expired"], [REVOKED], 4401) == (line.sent, line.closed, REVOKED)


@pytest.mark.parametrize("options", [{"is_single_use": True}, {"is_superseded": True}], ids=str)
def test_a_token_that_ends_by_its_nature_is_not_linked(desk: Desk, options: dict[str, Any]) -> None:
    """Its user knows, and would take the message for the end of the session."""
    line = desk.line()
    desk.links.link(line, token("a", **options))

    assert [] == desk.links.marks()


def test_a_request_over_http_is_not_linked(desk: Desk) -> None:
    """Nobody is there any more to be told."""
    desk.links.link(desk.line(protocol="http"), token("a"))

    assert [] == desk.links.marks()


def test_a_connection_that_is_gone_leaves_nothing_and_is_not_linked_again(desk: Desk) -> None:
    """A request may end after its connection."""
    line = desk.line()
    for mark, key in (("a", ""), ("b", "k")):
        desk.links.link(line, token(mark, 1000, key_id=key))
    desk.here.remove(line)
    desk.links.leave(line)
    desk.links.link(line, token("c"))

    links = desk.links
    assert ({}, {}, {}, {}) == (links._linked, links._of, links._of_user, links._of_key)
    assert (None, []) == (links.earliest, links.marks_of_key("k"))


def test_links_move_to_the_token_that_takes_the_place(desk: Desk) -> None:
    """On every connection of the old one; its end is nobody's business any more."""
    one, two = desk.line("1"), desk.line("2")
    for line in (one, two):
        desk.links.link(line, token("old", 1000))
    desk.links.move("old", token("new", 2000))
    desk.links.move("unknown", token("newer"))

    desk.links.end("old")
    assert ([], 2000) == (one.sent + two.sent, desk.links.earliest)
    desk.links.end("new")
    assert [b"expired"] * 2 == one.sent + two.sent


def test_unlinking_spares_one_connection(desk: Desk) -> None:
    """Whoever ends a token knows."""
    one, two = desk.line("1"), desk.line("2")
    for line in (one, two):
        desk.links.link(line, token("a"))
    desk.links.unlink(one, "a")
    desk.links.unlink(one, "never")
    desk.links.end("a")

    assert ([], [b"expired"]) == (one.sent, two.sent)


def test_the_latest_token_of_a_connection_is_recognised_by_its_text(desk: Desk) -> None:
    """The very text, on this very connection, until another one is used or it ends."""
    line, other = desk.line("1"), desk.line("2")
    desk.links.link(line, token("a"), "text of a")
    desk.links.link(other, token("b"), "text of b")

    assert ("a", "b") == (latest(desk, line, "text of a"), latest(desk, other, "text of b"))
    for text in ("text of b", "text of ", "text of a ", "", "Text of a"):
        assert latest(desk, line, text) is None
    desk.links.link(line, token("c"))
    assert latest(desk, line, "text of a") is None
    desk.links.link(line, token("c"), "text of c")
    assert (None, "c") == (latest(desk, line, "text of a"), latest(desk, line, "text of c"))
    desk.links.end("c")
    assert latest(desk, line, "text of c") is None
    assert "text" not in str(desk.links._of)


def test_what_is_kept_beside_a_token_goes_when_another_one_is_used(desk: Desk) -> None:
    """The token that comes back has to be recognised anew."""
    line = desk.line("1")
    desk.links.link(line, token("a"), "text of a")
    found = desk.links.latest(line, "text of a")
    assert found is not None
    found.recalled = "a"

    desk.links.link(line, token("b"), "text of b")
    desk.links.link(line, token("a"), "text of a")

    again = desk.links.latest(line, "text of a")
    assert again is not None
    assert again.recalled is None


def test_a_user_s_tokens_are_found(desk: Desk) -> None:
    """Of every connection, and keys by their `_id` too."""
    desk.links.link(desk.line("1"), token("a", kuid="alice"))
    desk.links.link(desk.line("2"), token("b", kuid="alice", key_id="k"))
    desk.links.link(desk.line("3"), token("c", kuid="bob"))

    assert {"a", "b"} == set(desk.links.marks_of_user("alice"))
    assert (["b"], []) == (desk.links.marks_of_key("k"), desk.links.marks_of_key("l"))
    assert [] == desk.links.marks_of_user("carol")


def test_keys_that_have_had_the_same_id_are_all_found(desk: Desk) -> None:
    """One that was deleted and made again may be in use twice until the deletion is heard of."""
    for mark in ("a", "b"):
        desk.links.link(desk.line(mark), token(mark, key_id="k"))
    assert {"a", "b"} == set(desk.links.marks_of_key("k"))

    desk.links.end("b")
    assert ["a"] == desk.links.marks_of_key("k")


def test_k13_an_end_is_told_when_its_time_has_come(desk: Desk) -> None:
    """At `expiresAt`, not before; the tokens without end never."""
    line = desk.line()
    for mark, end in (("c", 3000), ("a", 1000), ("b", 2000), ("never", -1)):
        desk.links.link(line, token(mark, end))
    told = []
    for now in (999, 1000, 1999, 2500, 10**15):
        desk.links.tell_due(now)
        told.append(len(line.sent))

    assert ([0, 1, 1, 2, 3], 2) == (told, desk.rearmed)
    assert ["never"] == desk.links.marks()


def test_o08_a_clock_that_goes_back_tells_nothing_twice(desk: Desk) -> None:
    """What was told stays told; what has not come by the new clock waits for it."""
    line = desk.line()
    desk.links.link(line, token("a", 1000))
    desk.links.link(line, token("b", 2000))
    for now in (1500, 500, 1000, 1999):
        desk.links.tell_due(now)
    assert [b"expired"] == line.sent

    desk.links.tell_due(2000)
    assert [b"expired"] * 2 == line.sent


def test_k13_a_warning_comes_before_the_end() -> None:
    """Once for each connection, with the time of the end; at once to one that comes when it is near."""
    desk = Desk(warning_ms=100)
    early, late = desk.line("1"), desk.line("2")
    desk.links.link(early, token("a", 1000))
    desk.links.tell_due(899)
    assert ([], 900) == (early.sent, desk.links.earliest)
    desk.links.tell_due(900)
    desk.links.link(late, token("a", 1000))
    desk.links.tell_due(950)
    assert ([b"soon 1000"], [b"soon 1000"]) == (early.sent, late.sent)

    desk.links.tell_due(1000)
    assert [b"soon 1000", b"expired"] == early.sent == late.sent


def test_a_warning_that_would_come_with_the_end_is_left_out() -> None:
    """After a pause of the process, for example."""
    desk = Desk(warning_ms=100)
    line = desk.line()
    desk.links.link(line, token("a", 1000))
    desk.links.tell_due(5000)

    assert [b"expired"] == line.sent


def test_an_end_that_is_moved_is_told_at_its_new_time(desk: Desk) -> None:
    """Earlier, later, or never any more."""
    line = desk.line()
    desk.links.link(line, token("a", 1000))
    for end, earliest in ((500, 500), (2000, 2000), (-1, None), (3000, 3000)):
        desk.links.extend("a", end)
        assert earliest == desk.links.earliest
    desk.links.tell_due(2999)
    assert [] == line.sent
    desk.links.tell_due(3000)
    assert [b"expired"] == line.sent


class Book(RuleBasedStateMachine):
    """The links against a slow book: a list of (connection, token) pairs in the order of their last use."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.lines = {name: self.desk.line(name) for name in "xyz"}
        self.book: list[tuple[str, str]] = []
        self.told: dict[str, int] = dict.fromkeys("xyz", 0)

    MARKS = st.integers(0, 17).map(str)
    NAMES = st.sampled_from("xyz")

    @rule(name=NAMES, mark=MARKS)
    def use(self, name: str, mark: str) -> None:
        """Use a token; its number says whose it is and when it ends."""
        self.desk.links.link(self.lines[name], session_of(mark))
        if self.lines[name] not in self.desk.here:
            return
        if (name, mark) in self.book:
            self.book.remove((name, mark))
        self.book.append((name, mark))
        mine = [pair for pair in self.book if pair[0] == name]
        if len(mine) > 16:
            self.book.remove(mine[0])

    @rule(name=NAMES)
    def go(self, name: str) -> None:
        """Lose a connection."""
        self.desk.here.discard(self.lines[name])
        self.desk.links.leave(self.lines[name])
        self.book = [pair for pair in self.book if pair[0] != name]

    @rule(mark=MARKS)
    def end(self, mark: str) -> None:
        """End a token."""
        self.desk.links.end(mark)
        self._told(lambda other: other == mark)

    @rule(now=st.integers(0, 20))
    def pass_time(self, now: int) -> None:
        """Let time come."""
        self.desk.links.tell_due(now)
        self._told(lambda mark: 0 <= session_of(mark).expires_at <= now)

    def _told(self, is_over: Any) -> None:
        for name, mark in self.book:
            self.told[name] += is_over(mark)
        self.book = [pair for pair in self.book if not is_over(pair[1])]

    @invariant()
    def both_say_the_same(self) -> None:
        """Who has used what in which order, who was told how often, when the next end is."""
        for name, line in self.lines.items():
            mine = [mark for other, mark in self.book if other == name]
            assert mine == [one.fingerprint for one in self.desk.links.sessions_of(line)]
            assert self.told[name] == len(line.sent)
        marks = {mark for _, mark in self.book}
        assert marks == set(self.desk.links.marks())
        ends = [end for mark in marks if (end := session_of(mark).expires_at) >= 0]
        assert min(ends, default=None) == self.desk.links.earliest
        for kuid in ("even", "odd"):
            theirs = {mark for mark in marks if session_of(mark).kuid == kuid}
            assert theirs == set(self.desk.links.marks_of_user(kuid))


def session_of(mark: str) -> Session:
    """The token of a number: every third never ends, every fifth is a key."""
    number = int(mark)
    return token(
        mark,
        number if number % 3 else -1,
        kuid="odd" if number % 2 else "even",
        key_id=f"k{mark}" if number % 5 == 0 else "",
    )


TestBook = Book.TestCase
TestBook.settings = settings(max_examples=100, stateful_step_count=60, deadline=None)


def latest(desk: Desk, connection: Line, text: str) -> str | None:
    """The fingerprint of a text, if it is the token that came last."""
    line = desk.links.latest(connection, text)
    return None if line is None else line.mark
