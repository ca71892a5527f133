"""How long a place stays empty: longer each time, bounded, and forgotten after a sound life."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.workers.backoff import Backoff


def test_the_first_end_costs_nothing_and_a_crash_loop_more_each_time() -> None:
    """At once, then 0.5 s, doubled up to half a minute."""
    backoff = Backoff()

    assert [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == [backoff.after(0.1) for _ in range(9)]


def test_a_minute_of_life_is_sound() -> None:
    """What comes after it is a first end again."""
    backoff = Backoff()
    for _ in range(5):
        backoff.after(59.9)

    assert [0.0, 0.5] == [backoff.after(60.0), backoff.after(0.0)]


@given(st.lists(st.floats(0, 1e6), max_size=300))
def test_no_wait_is_longer_than_half_a_minute(lives: list[float]) -> None:
    """Nor shorter than nothing, whatever happens."""
    backoff = Backoff()

    assert all(0 <= backoff.after(lived) <= 30 for lived in lives)
