"""A bounded number of values by name."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.security.bounded import Bounded

NAMES = st.sampled_from("abcdefgh")


@given(most=st.integers(1, 5), steps=st.lists(st.tuples(st.booleans(), NAMES), max_size=60))
def test_no_mark_is_taken_away_without_a_value_that_goes(most: int, steps: list[tuple[bool, str]]) -> None:
    """So whoever saw a value used, and nothing go since, need not mark it again."""
    gone: list[str] = []
    values: Bounded[str] = Bounded(most, gone.append)
    for is_put, name in steps:
        used = {each for each, entry in values.entries.items() if entry.is_used}
        before = len(gone)
        if is_put:
            values.put(name, name)
        else:
            values.get(name)
        if len(gone) == before:
            assert used <= {each for each, entry in values.entries.items() if entry.is_used}
        assert len(values) <= most
