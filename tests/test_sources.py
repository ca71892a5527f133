"""Ids: what of them comes from the time, and what from chance."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from gateway.sources import new_ordered_id

MOMENTS = st.integers(0, 2**48 - 1)


@given(MOMENTS)
def test_an_ordered_id_has_the_form_of_version_4(now: int) -> None:
    """In its canonical form, as security.md §1 has it, with the time in front."""
    made = new_ordered_id(now)
    read = uuid.UUID(made)

    assert made == str(read)
    assert (4, uuid.RFC_4122) == (read.version, read.variant)
    assert now == read.int >> 80


@given(MOMENTS, MOMENTS)
def test_ordered_ids_are_in_the_order_of_their_times(one: int, other: int) -> None:
    """As texts, which is how the database sorts them."""
    earlier, later = sorted((one, other))

    assert earlier == later or new_ordered_id(earlier) < new_ordered_id(later)


def test_ordered_ids_of_one_moment_differ_in_every_random_bit() -> None:
    """74 bits are drawn for each: none of them is always the same, and no two ids are."""
    made = [uuid.UUID(new_ordered_id(0)).int for _ in range(1000)]
    ones, zeros = 0, 0
    for each in made:
        ones |= each
        zeros |= ~each

    assert 1000 == len(set(made))
    assert 74 == (ones & zeros & (2**80 - 1)).bit_count()
