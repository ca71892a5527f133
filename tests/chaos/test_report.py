"""The figures in docs/reliability.md: where they stand and how they get there."""

from pathlib import Path

import pytest

from tests.chaos.figures import Row, percentile
from tests.chaos.report import PAGE, Run, markdown, split_page, write_block


def test_the_page_has_a_place_for_the_figures() -> None:
    """Both markers, and figures between them."""
    before, after = split_page()

    assert len(before) + len(after) < len(PAGE.read_text())


def test_the_block_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    """Again and again."""
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- chaos:start -->\nold\n<!-- chaos:end -->\nz\n")
    runs = {"x": Run("make chaos", "here", [Row("one", "found", "1"), Row("two", "found", "2")])}

    for _ in range(2):
        write_block(markdown(runs), page)

    text = page.read_text()
    assert text.startswith("a\n<!-- chaos:start -->\n\n`make chaos` (here):\n\n| one ")
    assert text.endswith(" |\n\n<!-- chaos:end -->\nz\n")
    assert (1, 1) == (text.count("| one "), text.count("| two "))


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    """Rather than written over."""
    (tmp_path / "page.md").write_text("text")

    with pytest.raises(ValueError, match="lacks the markers"):
        split_page(tmp_path / "page.md")


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.99, 4.0), (1, 4.0)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    """The least that so many do not exceed; of nothing it is nothing."""
    assert value == percentile([4.0, 1.0, 3.0, 2.0], share)
    assert 0.0 == percentile([], share)
