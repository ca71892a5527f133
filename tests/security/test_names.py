"""Names that people can tell apart."""

import re
from random import Random

import pytest

from gateway.security.names import _ADJECTIVES, _NAMES, human_name


@pytest.mark.parametrize("prefix", ["kuid", "knode"])
def test_a_name_is_prefix_adjective_name_and_number(prefix: str) -> None:
    """`<prefix>-<adjective>-<name>-<0..99999>`, in letters that need no quoting anywhere."""
    random = Random(7)
    for _ in range(200):
        matched = re.fullmatch(rf"{prefix}-([a-z]+)-([a-z]+)-(0|[1-9][0-9]{{0,4}})", human_name(prefix, random))

        assert matched is not None
        assert (True, True) == (matched[1] in _ADJECTIVES, matched[2] in _NAMES)


def test_the_generator_that_is_handed_in_decides() -> None:
    """The same draws give the same name, other draws another one."""
    assert human_name("kuid", Random(1)) == human_name("kuid", Random(1))
    assert 100 == len({human_name("kuid", Random(seed)) for seed in range(100)})


def test_no_word_stands_twice_in_its_list() -> None:
    """Each list has every word once, so every word is as likely as the next."""
    assert (len(set(_ADJECTIVES)), len(set(_NAMES))) == (len(_ADJECTIVES), len(_NAMES))
