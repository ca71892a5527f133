"""What a worker is told on its command line, and what it makes of it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config
from gateway.workers.duty import Duty, count_workers
from tests.conftest import configured

URI = "mongodb://%2Frun%2Fa%3Ab.sock/?directConnection=true"


@given(st.integers(1, 10**9), st.lists(st.integers(0, 10**6), min_size=1, max_size=5), st.sampled_from(["", URI]))
def test_a_duty_is_read_as_it_was_written(number: int, files: list[int], uri: str) -> None:
    """Colons of the address included."""
    duty = Duty(number, tuple(files), uri)

    assert duty == Duty.read(duty.word)


@pytest.mark.parametrize("word", ["", "1", "1:2", "x:2:", "1:x:"])
def test_a_word_that_is_no_duty_is_refused(word: str) -> None:
    """As the command line wants it: a `ValueError`."""
    with pytest.raises(ValueError):  # noqa: PT011 - the text is Python's
        Duty.read(word)


def test_workers_have_names_of_their_own_and_the_embedded_database() -> None:
    """A name that was set gets the worker's number; none stays none, and is made up. A configured MongoDB stays."""
    named = configured(Config(), server={"node_name": "edge", "workers": 3})
    elsewhere = configured(Config(), mongodb={"uri": "mongodb://db/"})

    assert ["edge-1", "edge-2"] == [Duty(n, (3,), "").settings(named).server.node_name for n in (1, 2)]
    assert "" == Duty(1, (3,), "").settings(Config()).server.node_name
    assert URI == Duty(1, (3,), URI).settings(Config()).mongodb.uri
    assert "mongodb://db/" == Duty(1, (3,), "").settings(elsewhere).mongodb.uri
    assert 3 == Duty(1, (3,), "").settings(named).server.sharing


def test_no_number_of_workers_means_one_for_each_cpu() -> None:
    """Those that the process may use, which may be fewer than there are."""
    assert len(os.sched_getaffinity(0)) == count_workers(configured(Config(), server={"workers": 0}))
    assert 5 == count_workers(configured(Config(), server={"workers": 5}))
