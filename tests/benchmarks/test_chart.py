"""The chart is XML, and every bar has its name and its number."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.chart import GROUPS, LABELS, chart, step
from tests.benchmarks.contests import CONTESTS
from tests.benchmarks.report import Report, Result
from tests.benchmarks.test_targets import measure, whole_run

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: str) -> list[str]:
    """All that can be read in it."""
    return [element.text or "" for element in ET.fromstring(picture).iter(f"{SVG}text")]


def test_every_group_is_drawn() -> None:
    """Titles, names and numbers of all that a whole run measures."""
    found = texts(chart(whole_run(12.34)))

    assert {group.title for group in GROUPS} <= set(found)
    assert sum(len(group.names) for group in GROUPS) == sum(text == "12.3" for text in found)


def test_groups_name_entrants() -> None:
    """A bar that no contest measures would be missed silently."""
    known = {(e.name, depth) for contest in CONTESTS for e in contest.entrants for depth in contest.depths}

    assert {(name, group.depth) for group in GROUPS for name in group.names} <= known


def test_a_run_without_results_is_a_picture_too() -> None:
    """With `--only start`, for example."""
    assert not [text for text in texts(chart(Report())) if text in {group.title for group in GROUPS}]


def test_what_means_something_in_xml_is_escaped() -> None:
    """A title may hold anything."""
    result = Result("now", "latchgate <&>", 1, [measure(10)])

    assert "latchgate <&>" in texts(chart(Report({"measured": "a < b & c"}, [result])))


def test_the_database_has_a_part_of_the_bar() -> None:
    """Its share and the sum stand beside it."""
    result = Result("create", "latchgate, createApiKey", 8, [measure(100, 50)], durable=True)

    assert "100.0 + 50.0 = 150" in texts(chart(Report({}, [result])))


@given(st.floats(0.5, 1e6))
def test_an_axis_has_a_few_marks(longest: float) -> None:
    """At most eight, at least one beyond zero; their distance is 1, 2 or 5 times a power of ten."""
    distance = step(longest)

    assert 1 <= longest / distance <= 8
    assert f"{distance:e}"[0] in "125"


@pytest.mark.parametrize("width", range(3))
def test_no_bar_leaves_the_picture(width: int) -> None:
    """Whatever the figures are."""
    root = ET.fromstring(chart(whole_run(10.0**width)))
    right = max(float(bar.get("x", "0")) + float(bar.get("width", "0")) for bar in root.iter(f"{SVG}rect"))

    assert right <= float(root.get("width", "0"))


def test_names_have_room_beside_the_bars() -> None:
    """None begins left of the picture; a letter in bold of this size is 7.5 pixels wide on the average."""
    titles = {e.name: e.title for contest in CONTESTS for e in contest.entrants}
    longest = max(len(titles[name]) for group in GROUPS for name in group.names)

    assert longest * 7.5 < LABELS
