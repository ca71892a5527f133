"""What is remembered of tokens: bounded, forgotten when told, and never newer in here than in the database."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gateway.actions import NOBODY, Principal, Session
from gateway.security.token_cache import KnownUser, LookUp, Recalled, TokenCache
from tests.driving import SilentConnection


class House:
    """A cache whose surroundings the test turns on and off."""

    def __init__(self, most: int = 100) -> None:
        self.is_trusted = self.is_calm = True
        self.time = 1000.0
        self.cache = TokenCache(most, trust=self, clock=lambda: self.time, unknown_s=1.0)

    @property
    def trusted_until(self) -> float:
        """At the very end of the trust, or right behind it."""
        return self.time if self.is_trusted else self.time - 0.001

    def is_settled(self) -> bool:
        """As the test wants it."""
        return self.is_calm

    def keep(self, *marks: str) -> None:
        """Look up sessions of login tokens."""
        for mark in marks:
            with self.cache.look_up() as looking:
                looking.keep_session(session(mark))

    def known(self, *marks: str) -> list[str]:
        """Those of the fingerprints that are known."""
        return [mark for mark in marks if self.cache.session(mark) is not None]


def session(mark: str, key_id: str = "", kuid: str = "u") -> Session:
    """What a token stands for."""
    return Session(kuid, mark, -1, is_api_key=bool(key_id), key_id=key_id)


def user(*profile_ids: str) -> KnownUser:
    """A user with these profiles."""
    return KnownUser(profile_ids, Principal("u", profile_ids, NOBODY.rights), 1)


@pytest.fixture
def house() -> House:
    """A cache for a hundred tokens."""
    return House()


def test_what_was_looked_up_is_known(house: House) -> None:
    """A session by its fingerprint, a user by the id; nothing else."""
    house.keep("a")
    with house.cache.look_up() as looking:
        looking.keep_user("u", user("default"))

    assert session("a") == house.cache.session("a")
    assert user("default") == house.cache.user("u")
    assert (None, None) == (house.cache.session("b"), house.cache.user("a"))
    assert {"tokens": 1, "users": 1, "unknown": 0} == house.cache.sizes


def test_k14_nothing_is_known_while_nothing_can_be_trusted(house: House) -> None:
    """Nor is anything remembered then; what was there before is there again afterwards."""
    house.keep("a")
    house.is_trusted = False
    house.keep("b")
    assert [] == house.known("a", "b")

    house.is_trusted = True
    assert ["a"] == house.known("a", "b")


def test_what_is_read_from_a_server_that_has_just_taken_over_is_not_remembered(house: House) -> None:
    """What was known before stays."""
    house.keep("a")
    house.is_calm = False
    house.keep("b")

    assert ["a"] == house.known("a", "b")


def test_the_number_of_tokens_is_bounded(house: House) -> None:
    """Those of keys have two names, and both go."""
    for number in range(1000):
        with house.cache.look_up() as looking:
            looking.keep_session(session(f"{number}", f"key-{number}"))
            looking.keep_user(f"{number}", user())
            looking.keep_unknown(f"x{number}")

    assert {"tokens": 100, "users": 100, "unknown": 100} == house.cache.sizes
    assert 100 == len(house.cache._marks)


def test_what_a_user_looks_like_goes_with_what_is_known_of_them(house: House) -> None:
    """By name, with everybody, with everything; overtaken, too large or not to be trusted it does not come."""
    forgetting: list[Callable[[], None]] = [
        lambda: house.cache.forget_user("u"),
        house.cache.forget_users,
        house.cache.clear,
    ]
    for forget in forgetting:
        with house.cache.look_up() as looking:
            looking.keep_portrait("u", b"{}")
            assert b"{}" == house.cache.portrait("u")
            forget()
            assert house.cache.portrait("u") is None
            looking.keep_portrait("u", b"old")
        assert house.cache.portrait("u") is None

    with house.cache.look_up() as looking:
        looking.keep_portrait("u", b"x" * 2049)
        assert house.cache.portrait("u") is None
        house.is_trusted = False
        looking.keep_portrait("u", b"{}")
        house.is_trusted = True
    assert house.cache.portrait("u") is None


def recalled(house: House) -> Recalled:
    """The token "a" of the user "u", recognised from what is remembered."""
    house.keep("a")
    with house.cache.look_up() as looking:
        looking.keep_user("u", user("default"))
    found, known = house.cache.session("a"), house.cache.user("u")
    assert found is not None
    assert known is not None
    return house.cache.recalled(SilentConnection(), found, known.principal, 1)


@pytest.mark.parametrize(
    "news",
    [
        pytest.param(lambda house: house.cache.forget_token("a"), id="of the token"),
        pytest.param(lambda house: house.cache.forget_user("u"), id="of the user"),
        pytest.param(lambda house: house.cache.forget_users(), id="of everybody"),
        pytest.param(lambda house: house.cache.clear(), id="of everything"),
        pytest.param(lambda house: house.keep(*map(str, range(200))), id="no room"),
        pytest.param(lambda house: setattr(house, "is_trusted", False), id="no trust"),
    ],
)
def test_a_recognition_holds_until_something_goes(house: House, news: Callable[[House], None]) -> None:
    """Whatever the token and its user are forgotten for."""
    one = recalled(house)
    assert [True] * 3 == [house.cache.still_holds(one, version=1) for _ in range(3)]
    assert not house.cache.still_holds(one, version=2)

    news(house)

    assert not house.cache.still_holds(one, version=1)


def test_a_token_that_is_recognised_stays(house: House) -> None:
    """And so does its user: a flood of others does not drive them out, though nobody looks them up by name."""
    one = recalled(house)
    for number in range(1000):
        house.keep(f"{number}")
        with house.cache.look_up() as looking:
            looking.keep_user(f"{number}", user())
        if not house.cache.still_holds(one, version=1):
            assert ["a"] == house.known("a")
            assert house.cache.user("u") is not None
            one = house.cache.recalled(SilentConnection(), session("a"), user("default").principal, 1)


def test_k14_no_user_is_shown_while_nothing_can_be_trusted(house: House) -> None:
    """What was there before is there again afterwards."""
    with house.cache.look_up() as looking:
        looking.keep_portrait("u", b"{}")
    house.is_trusted = False
    assert house.cache.portrait("u") is None

    house.is_trusted = True
    assert b"{}" == house.cache.portrait("u")


def test_where_nothing_is_kept_nothing_is_kept_beside_it() -> None:
    """Not even the names of keys."""
    house = House(most=0)
    with house.cache.look_up() as looking:
        looking.keep_session(session("a", "k"))

    assert {} == house.cache._marks


def test_what_is_in_use_stays_and_what_is_not_goes(house: House) -> None:
    """A flood of new tokens does not drive out one that is used between them."""
    house.keep("used", "unused")
    for number in range(1000):
        house.keep(f"{number}")
        assert ["used"] == house.known("used")

    assert ["used"] == house.known("used", "unused")


def test_a_key_that_has_the_id_of_one_before_is_found_by_it() -> None:
    """Also when the one before leaves for want of room only then."""
    house = House(most=2)
    for mark in ("old", "new", "other"):
        with house.cache.look_up() as looking:
            looking.keep_session(session(mark, "" if mark == "other" else "k"))
    assert ["new"] == house.known("old", "new")

    house.cache.forget_key("k")
    assert [] == house.known("old", "new")


def test_a_cache_of_no_size_remembers_nothing() -> None:
    """As the setting 0 promises."""
    house = House(most=0)
    house.keep("a")
    with house.cache.look_up() as looking:
        looking.keep_unknown("b")

    assert {"tokens": 0, "users": 0, "unknown": 0} == house.cache.sizes
    assert not house.cache.is_unknown("b")


def test_a_token_that_is_not_there_is_unknown_for_a_moment(house: House) -> None:
    """After it, or once somebody tells of such a token, the database is asked again."""
    for mark in "ab":
        with house.cache.look_up() as looking:
            looking.keep_unknown(mark)
    assert house.cache.is_unknown("a")
    assert not house.cache.is_unknown("c")

    house.cache.forget_token("b")
    assert not house.cache.is_unknown("b")
    house.time += 1.0
    assert not house.cache.is_unknown("a")


TELLINGS = [
    pytest.param(lambda cache: cache.forget_token("a"), id="of the token"),
    pytest.param(lambda cache: cache.forget_key("k"), id="of the key"),
    pytest.param(lambda cache: cache.clear(), id="of everything"),
]


@pytest.mark.parametrize("tell", TELLINGS)
def test_k12_a_look_up_that_was_overtaken_is_not_remembered(house: House, tell: Any) -> None:
    """Told between the reading and the keeping; the next look-up is."""
    with house.cache.look_up() as looking:
        tell(house.cache)
        assert looking.is_overtaken(mark="a", key_id="k", kuid="u")
        looking.keep_session(session("a", "k"))
    assert [] == house.known("a")

    with house.cache.look_up() as looking:
        assert not looking.is_overtaken(mark="a", key_id="k", kuid="u")
        looking.keep_session(session("a", "k"))
    assert ["a"] == house.known("a")


@pytest.mark.parametrize(
    "tell",
    [
        pytest.param(lambda cache: cache.forget_user("u"), id="of the user"),
        pytest.param(lambda cache: cache.forget_users(), id="of all users"),
    ],
)
def test_k12_a_user_who_was_overtaken_is_not_remembered(house: House, tell: Any) -> None:
    """Rights that were taken away in between do not come back."""
    with house.cache.look_up() as looking:
        tell(house.cache)
        looking.keep_user("u", user("admin"))

    assert house.cache.user("u") is None


def test_when_a_user_was_made_is_remembered_until_something_is_told_of_them(house: House) -> None:
    """While all of it can be trusted, and a bounded number of users."""
    for number in range(101):
        with house.cache.look_up() as looking:
            looking.keep_birth(f"u{number}", number)
    assert (None, 1, 100) == tuple(house.cache.birth(f"u{number}") for number in (0, 1, 100))

    house.is_trusted = False
    assert house.cache.birth("u100") is None
    house.is_trusted = True
    house.cache.forget_user("u100")
    assert house.cache.birth("u100") is None
    house.cache.clear()
    assert house.cache.birth("u1") is None


def test_k12_a_new_token_is_not_hidden_by_a_look_up_that_came_too_early(house: House) -> None:
    """Told of between the reading that found nothing and the keeping of that."""
    with house.cache.look_up() as looking:
        house.cache.forget_token("a")
        looking.keep_unknown("a")

    assert not house.cache.is_unknown("a")


def test_news_of_others_overtakes_nothing(house: House) -> None:
    """However much of it, up to a bound, beyond which nothing is remembered rather than everything kept."""
    with house.cache.look_up() as looking:
        for number in range(9000):
            house.cache.forget_token(f"{number}")
        assert not looking.is_overtaken(mark="a", key_id="k", kuid="u")
        for number in range(9000, 10_100):
            house.cache.forget_token(f"{number}")
        assert looking.is_overtaken(mark="a", key_id="k", kuid="u")
        assert len(house.cache.news) < 10_000


def test_p13_a_look_up_that_fails_leaves_nothing_behind(house: House) -> None:
    """News is kept only while somebody looks."""

    def fail() -> None:
        with house.cache.look_up():
            house.cache.forget_token("a")
            raise ValueError("cut")

    with pytest.raises(ValueError, match="cut"):
        fail()
    house.cache.forget_token("b")

    assert ({}, 0) == (house.cache.news, house.cache._under_way)


Begun = tuple[Any, LookUp, str, Session | None, tuple[str, ...], int]
"""A look-up: as it was opened and entered, what is looked for, what was read of it, of the user, and their birth."""


class Truth(RuleBasedStateMachine):
    """The cache against a slow truth: a table of records, changed and told of, and look-ups that take their time.

    What the cache knows must be what the table says, after every step that told what it changed.
    """

    MARKS = st.sampled_from("abcd")
    MOSTLY = st.sampled_from([True] * 9 + [False])

    look_ups = Bundle("look_ups")

    def __init__(self) -> None:
        super().__init__()
        self.house = House(most=3)
        self.records = {"a": session("a", "k1"), "b": session("b")}
        self.users: dict[str, tuple[str, ...]] = {"u": ("admin",)}
        self.born = 1

    @rule(mark=MARKS, key_id=st.sampled_from(["", "k1", "k2"]))
    def make(self, mark: str, key_id: str) -> None:
        """Store a record under a fingerprint that has none, and tell."""
        if mark not in self.records and not any(one.key_id == key_id != "" for one in self.records.values()):
            self.records[mark] = session(mark, key_id)
            self.house.cache.forget_token(mark)

    @rule(mark=MARKS, by_key=st.booleans())
    def end(self, mark: str, *, by_key: bool) -> None:
        """Delete a record, and tell by one of its names."""
        record = self.records.pop(mark, None)
        if record is not None and by_key and record.key_id:
            self.house.cache.forget_key(record.key_id)
        else:
            self.house.cache.forget_token(mark)

    @rule(mark=MARKS, other=MARKS)
    def make_key_anew(self, mark: str, other: str) -> None:
        """Delete a key that is in use and make another one under its `_id`, in use before anybody is told."""
        old = self.records.get(mark)
        if old is not None and old.key_id and other not in self.records:
            new = session(other, old.key_id)
            self.house.cache.forget_token(other)
            with self.house.cache.look_up() as looking:
                looking.keep_session(old)
                looking.keep_session(new)
            del self.records[mark]
            self.records[other] = new
            self.house.cache.forget_key(old.key_id)

    @rule(profile=st.sampled_from(["admin", "default"]))
    def change_user(self, profile: str) -> None:
        """Give the user another profile, and tell."""
        self.users["u"] = (profile,)
        self.house.cache.forget_user("u")

    @rule()
    def make_user_anew(self) -> None:
        """Delete the user and make another one of the same id, and tell."""
        self.born += 1
        self.house.cache.forget_user("u")

    @rule(is_spared=MOSTLY)
    def lose_everything(self, *, is_spared: bool) -> None:
        """Now and then change something without telling what."""
        if not is_spared:
            self.records.clear()
            self.born += 1
            self.house.cache.clear()

    @rule(is_trusted=MOSTLY, is_calm=MOSTLY)
    def turn(self, *, is_trusted: bool, is_calm: bool) -> None:
        """Lose or regain what the cache rests on."""
        self.house.is_trusted, self.house.is_calm = is_trusted, is_calm

    @rule(target=look_ups, mark=MARKS)
    def begin(self, mark: str) -> Begun:
        """Begin a look-up and read."""
        context = self.house.cache.look_up()
        return context, context.__enter__(), mark, self.records.get(mark), self.users["u"], self.born

    @rule(begun=consumes(look_ups))
    def finish(self, begun: Begun) -> None:
        """Keep what was read, however long ago."""
        context, looking, mark, found, profile_ids, born = begun
        if found is None:
            looking.keep_unknown(mark)
        else:
            looking.keep_session(found)
        looking.keep_user("u", user(*profile_ids))
        looking.keep_birth("u", born)
        context.__exit__(None, None, None)

    @invariant()
    def it_knows_nothing_that_is_not_so(self) -> None:
        """Sessions, users, and what is not there; within its size."""
        for mark in "abcd":
            known = self.house.cache.session(mark)
            assert known is None or known == self.records.get(mark)
            assert not (self.house.cache.is_unknown(mark) and mark in self.records)
        known_user = self.house.cache.user("u")
        assert known_user is None or known_user.profile_ids == self.users["u"]
        assert self.house.cache.birth("u") in (None, self.born)
        assert max(self.house.cache.sizes.values()) <= 3
        marks = [mark for marks in self.house.cache._marks.values() for mark in marks]
        assert len(marks) == len(set(marks))
        assert set(marks) <= set(self.house.cache._sessions.entries)


TestTruth = Truth.TestCase
TestTruth.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
