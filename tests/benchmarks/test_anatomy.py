"""A request is taken apart at seams that exist, and the table says what is not explained."""

import asyncio

from tests.benchmarks.anatomy import ACTION, FRAMES, STAGES, dissect, rows
from tests.benchmarks.fake import Listening


def test_a_request_is_taken_apart(mongod: str) -> None:
    """Every stage costs something, the whole more than its frames; the sum and what is left are those of the rows."""
    with asyncio.Runner(loop_factory=Listening) as runner:
        found = runner.run(dissect(mongod, 1))
    table = {row[0]: row[1:] for row in rows(found)}

    assert ["now_anonymous", "now_key", "create"] == [each.name for each in found]
    for number, each in enumerate(found):
        assert set(STAGES) == set(each.stages)
        assert 0 < min(each.stages.values())
        assert each.stages[FRAMES] < each.whole
        assert not each.parts or abs(sum(each.parts.values()) - each.stages[ACTION]) < 0.01
        shown = [float(table[title][number]) for title in STAGES]
        left = float(table["**the whole, measured**"][number]) - float(table["not attributed"][number])
        assert abs(sum(shown) - float(table["**sum of the stages**"][number])) < 0.05
        assert abs(left - sum(shown)) < 0.05
