"""What processes that share a limit let through together: never more than promised, and hardly a question asked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.middleware.permits import Account, Accounts, slice_of


class Pool:
    """What a database would say: at most the limit within a second.

    Attributes:
        leases: how often it was asked.
    """

    def __init__(self, most: int) -> None:
        self._most = self._left = most
        self.leases = 0

    def refill(self) -> None:
        """Begin a new second."""
        self._left = self._most

    def lease(self, wanted: int) -> int:
        """Grant what is left."""
        self.leases += 1
        granted = min(wanted, self._left)
        self._left -= granted
        return granted


def ask(account: Account, pool: Pool | None, most: int) -> bool:
    """One request; without a pool nobody can tell."""
    while (verdict := account.take()) is None:
        account.settle(None if pool is None else pool.lease(account.wanted), most)
    return verdict


def opened(processes: int, most: int, second: int = 1) -> list[Account]:
    """The account of one key in each process."""
    return [Accounts(processes).find("k", most, second, is_shared=True) for _ in range(processes)]


@given(st.data(), st.integers(1, 500), st.integers(2, 8))
def test_together_they_let_through_the_limit_and_a_tenth_at_most(
    data: st.DataObject, most: int, processes: int
) -> None:
    """Whoever asks where, in whatever order; what is lost to leases nobody used is less than a tenth as well."""
    accounts, pool = opened(processes, most), Pool(most)
    order = data.draw(st.lists(st.integers(0, processes - 1), max_size=2 * most))

    passed = sum(ask(accounts[number], pool, most) for number in order)

    assert passed <= most + most / 10
    assert passed <= len(order)
    if len(order) >= most + most / 10:
        assert passed > most - most / 10 - 1


@given(st.integers(1, 10_000), st.integers(2, 100))
def test_the_slices_are_a_tenth_of_the_limit_at_most(most: int, processes: int) -> None:
    """All of them together; alone, a process has all of it."""
    assert slice_of(most, processes) * processes <= most / 10
    assert slice_of(most, 1) == most


def test_a_process_alone_never_asks() -> None:
    """Nor does anybody ask for a key that is one process's own."""
    (alone,) = opened(1, 3)
    own = Accounts(5).find("k", 3, 1, is_shared=False)

    for account in (alone, own):
        assert [True, True, True, False] == [account.take() for _ in range(4)]


@pytest.mark.parametrize(("most", "leases"), [(100, 1), (1000, 1), (5, 1)])
def test_a_steady_second_costs_one_lease(most: int, leases: int) -> None:
    """A process leases what it used in the second before; of the first it knows nothing and asks slice by slice."""
    accounts, pool = Accounts(2), Pool(most)
    for second in (1, 2, 3):
        pool.refill()
        pool.leases = 0
        passed = sum(ask(accounts.find("k", most, second, is_shared=True), pool, most) for _ in range(most * 8 // 10))
        assert most * 8 // 10 == passed

    assert leases == pool.leases


def test_a_slow_user_costs_nothing() -> None:
    """Who asks no more than the slice asks nobody."""
    accounts, pool = Accounts(2), Pool(100)
    for second in range(1, 10):
        for _ in range(5):
            assert ask(accounts.find("k", 100, second, is_shared=True), pool, 100)

    assert 0 == pool.leases


def test_nothing_is_asked_once_all_is_spent() -> None:
    """A flood of refused requests costs no more than one question that got less than it wanted."""
    account, pool = opened(2, 100)[0], Pool(100)

    passed = sum(ask(account, pool, 100) for _ in range(10_000))

    assert (105, 21) == (passed, pool.leases)


def test_where_nobody_can_tell_a_process_counts_for_itself() -> None:
    """The limit holds here, whatever happens elsewhere."""
    account = opened(4, 50)[0]

    assert 50 == sum(ask(account, None, 50) for _ in range(200))


def test_what_was_used_longer_ago_is_no_guide() -> None:
    """A second without a request in between: slice by slice again."""
    accounts = Accounts(2)
    for _ in range(50):
        accounts.find("k", 1000, 1, is_shared=True).take()

    assert 50 == accounts.find("k", 1000, 2, is_shared=True).before
    assert 0 == accounts.find("k", 1000, 4, is_shared=True).before
