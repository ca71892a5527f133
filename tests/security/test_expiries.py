"""Moments by name: what is due is what a list would say, and leavings do not pile up."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.security.expiries import Expiries

NAMES = st.sampled_from("abcdef")
MOMENTS = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), NAMES, MOMENTS),
        st.tuples(st.just("discard"), NAMES, st.just(0)),
        st.tuples(st.just("due"), st.just(""), MOMENTS),
    ),
    max_size=60,
)


@given(STEPS)
def test_it_does_what_a_dictionary_does_that_is_searched_each_time(steps: list[tuple[str, str, int]]) -> None:
    """Whatever is put, put again, taken out and taken when due, in any order; also when the clock goes back."""
    expiries, slow = Expiries(), dict[str, int]()
    for step, name, moment in steps:
        if step == "put":
            expiries.put(name, moment)
            slow[name] = moment
        elif step == "discard":
            expiries.discard(name)
            slow.pop(name, None)
        else:
            due = sorted((at, one) for one, at in slow.items() if at <= moment)
            assert [one for _, one in due] == expiries.take_due(moment)
            for _, one in due:
                del slow[one]
        assert (min(slow.values(), default=None), len(slow)) == (expiries.earliest, len(expiries))


def test_what_comes_and_goes_leaves_nothing_behind() -> None:
    """A hundred thousand connections that use an hour's token for a moment cost no hour of memory."""
    expiries = Expiries()
    for number in range(100_000):
        expiries.put(f"{number}", 3_600_000 + number)
        expiries.discard(f"{number}")

    assert len(expiries) == 0
    assert len(expiries._heap) < 200


def test_one_name_that_is_put_again_and_again_leaves_nothing_behind() -> None:
    """A token whose end is moved counts once."""
    expiries = Expiries()
    for number in range(10_000):
        expiries.put("token", number)

    assert (9_999, 1) == (expiries.earliest, len(expiries))
    assert len(expiries._heap) < 200
    assert ["token"] == expiries.take_due(10_000)
