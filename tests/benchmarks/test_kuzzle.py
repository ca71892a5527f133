"""Kuzzle's reference points stand beside the same figures of ours."""

import msgspec

from tests.benchmarks.figures import Figure
from tests.benchmarks.kuzzle import REFERENCES, beside_kuzzle
from tests.benchmarks.report import Report
from tests.benchmarks.test_targets import whole_run


def test_every_point_has_its_counterpart() -> None:
    """A whole run measures all of them; a part of one leaves the others open."""
    run = whole_run()

    assert [] == [each.title for each in REFERENCES if each.ours(run) is None]
    assert {"-"} == {line.split("|")[3].strip() for line in beside_kuzzle(Report()).splitlines()[2:]}


def test_memory_is_in_the_same_unit() -> None:
    """Ours is measured in KiB, the reference in KB."""
    run = msgspec.structs.replace(whole_run(), figures={"memory": Figure(3.75, 3.5, 4.0)})
    (line,) = [each for each in beside_kuzzle(run).splitlines() if "memory" in each]

    assert ["17 KB", "3.8 KB"] == [cell.strip() for cell in line.split("|")[2:4]]
