"""The page, two sections of it, its data and its chart, all from one report."""

import msgspec

from tests.benchmarks.chart import chart
from tests.benchmarks.kuzzle import beside_kuzzle
from tests.benchmarks.pages import CHART, PAGE, write_data, write_section
from tests.benchmarks.report import Report, markdown
from tests.benchmarks.targets import judge

__all__ = ["KUZZLE", "renew"]

KUZZLE = "kuzzle"
"""The section of the page that holds the reference points."""


def renew(report: Report) -> None:
    """Judge a report and write all of it; what is measured elsewhere may have changed since it was made."""
    judged = msgspec.structs.replace(report, targets=judge(report))
    write_section(PAGE, markdown(judged))
    write_section(PAGE, beside_kuzzle(judged), KUZZLE)
    write_data(judged)
    CHART.write_text(chart(judged), encoding="utf-8")
