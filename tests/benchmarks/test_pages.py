"""What is written can be read again, and nothing else of a page changes."""

from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.pages import read_data, split_page, write_data, write_section
from tests.benchmarks.targets import TARGETS, judge
from tests.benchmarks.test_targets import whole_run


def test_a_section_is_replaced_and_no_other(tmp_path: Path) -> None:
    """Twice the same is the same."""
    page = tmp_path / "page.md"
    page.write_text(
        "a\n<!-- bench:start -->\nold\n<!-- bench:end -->\nb\n<!-- scale:start -->\nkept\n<!-- scale:end -->\n"
    )

    for _ in range(2):
        write_section(page, "new")

    expected = (
        "a\n<!-- bench:start -->\n\nnew\n\n<!-- bench:end -->\nb\n<!-- scale:start -->\nkept\n<!-- scale:end -->\n"
    )
    assert expected == page.read_text()


def test_a_page_without_markers_is_refused(tmp_path: Path) -> None:
    """Before anything is written."""
    page = tmp_path / "page.md"
    page.write_text("<!-- bench:start -->")

    with pytest.raises(ValueError, match="bench:end"):
        split_page(page)


def test_the_data_are_what_was_measured(tmp_path: Path) -> None:
    """As JSON, with a verdict for each target; a file that is not there is an empty report."""
    path = tmp_path / "data.json"
    run = whole_run()
    run = msgspec.structs.replace(run, targets=judge(run))

    assert [] == read_data(path).results
    write_data(run, path)
    plain = msgspec.json.decode(path.read_bytes())

    assert run == read_data(path)
    assert {"facts", "results", "ratios", "figures", "targets", "scale"} == set(plain)
    assert [target.title for target in TARGETS] == [target["title"] for target in plain["targets"]]
    assert {"title", "asked", "unit", "measured", "peer", "is_met"} == set(plain["targets"][0])
