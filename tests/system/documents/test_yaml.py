"""YAML: another program reads the same value out of it."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.system.documents.yaml import to_yaml

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4)
)


@given(VALUES)
def test_what_is_written_reads_back_as_the_same_value(value: Any) -> None:
    """Texts that look like dates, numbers or booleans, line breaks of all kinds, empty and nested containers."""
    assert value == yaml.safe_load(to_yaml(value))


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ({"a": {"b": 1, "c": []}}, ['"a":', '  "b": 1', '  "c": []']),
        ([{"a": "no", "b": None}, [1]], ['- "a": "no"', '  "b": null', "- - 1"]),
        ("é\u2028", ['"\\U000000e9\\U00002028"']),
    ],
    ids=["object", "array", "text"],
)
def test_it_is_laid_out_in_blocks(value: Any, lines: list[str]) -> None:
    """One entry a line, two spaces deeper for what belongs to it."""
    assert [*lines, ""] == to_yaml(value).split("\n")
