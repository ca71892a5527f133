"""Every target is read from what a run measures, and the verdict is what the figures say."""

import msgspec
import pytest

from tests.benchmarks.contests import CONTESTS
from tests.benchmarks.figures import Figure
from tests.benchmarks.generator import Measure
from tests.benchmarks.report import Report, Result, Scale, markdown
from tests.benchmarks.scale import growth
from tests.benchmarks.targets import TARGETS, Target, judge, over, total

OTHERS = (
    "memory silent ping app_ping few_ask all_ask keys:security:createApiKey keys:auth:checkToken start "
    "sansio.memory sansio.silent sansio.ping sansio.few_ask sansio.all_ask"
).split()
"""What `run.py` gets from `many`, `scale` and `starts`."""

SCALED = ("security:createApiKey", "auth:checkToken", "auth:getCurrentUser")


def measure(server_us: float, mongod_us: float = 0.0, requests: int = 1, errors: int = 0) -> Measure:
    """A round."""
    whole = dict.fromkeys(Measure.__struct_fields__, 1)
    own = {"requests": requests, "server_us": server_us, "mongod_us": mongod_us, "errors": errors}
    return msgspec.convert(whole | own, Measure)


def whole_run(server_us: float = 10.0) -> Report:
    """A run in which everything was measured, and every server costs the same."""
    results = [
        Result(entrant.name, entrant.title, depth, [measure(server_us)], durable=entrant.work.durable)
        for contest in CONTESTS
        for entrant in contest.entrants
        for depth in contest.depths
    ]
    figures = {name: Figure(1.0, 1.0, 1.0) for name in OTHERS}
    return Report({}, results, [], figures, scale=Scale("2026-01-01", dict.fromkeys(SCALED, figures["start"])))


def test_every_target_is_measured_by_a_whole_run() -> None:
    """None is read from something that no contest has; peers that are shown as well."""
    run = whole_run()
    verdicts = judge(run)

    assert [] == [verdict.title for verdict in verdicts if verdict.measured is None]
    assert [] == [target.title for target in TARGETS if target.peer is not None and target.peer(run) is None]
    assert [target.limit is None for target in TARGETS] == [verdict.is_met is None for verdict in verdicts]


def test_pairs_name_entrants() -> None:
    """What is compared is measured, in the same contest; names are used once."""
    names = [entrant.name for contest in CONTESTS for entrant in contest.entrants]

    assert len(names) == len(set(names))
    for contest in CONTESTS:
        here = {entrant.name for entrant in contest.entrants}
        assert here >= {name for pair in contest.pairs for name in pair}
        assert here >= {entrant.shares for entrant in contest.entrants if entrant.shares}


def test_what_was_not_measured_is_not_judged() -> None:
    """Neither met nor missed."""
    assert {(None, None)} == {(verdict.measured, verdict.is_met) for verdict in judge(Report())}


@pytest.mark.parametrize(
    ("limit", "is_least", "is_met"),
    [(1.5, False, True), (1.4, False, False), (1.5, True, True), (1.6, True, False), (None, False, None)],
)
def test_the_median_decides(limit: float | None, is_least: bool, is_met: bool | None) -> None:  # noqa: FBT001 - a table
    """A limit that is reached exactly is kept to; a limit that is none decides nothing."""
    target = Target("t", lambda _: Figure(1.5, 0.1, 9.9), limit, "s", is_least)

    (verdict,) = judge(Report(), [target])

    assert is_met is verdict.is_met
    assert ("" if limit is None else f"{'≥' if is_least else '≤'} {limit:g} s") == verdict.asked


def test_a_ratio_is_made_round_by_round() -> None:
    """Neighbours in time are compared, mongod's share included; a round without requests is not."""
    ours = Result("a", "a", 8, [measure(10, 10), measure(90, 90), measure(30)])
    peer = Result("b", "b", 8, [measure(10), measure(60, 60), measure(10)])

    assert Figure(2.0, 1.5, 3.0) == over("a", "b", 8, total)(Report({}, [ours, peer]))


def test_rounds_are_paired_before_any_is_left_out() -> None:
    """A round in which one side answered nothing is left out on both sides; it does not shift the others."""
    ours = Result("a", "a", 1, [measure(0, requests=0), measure(20), measure(30)])
    peer = Result("b", "b", 1, [measure(1), measure(10), measure(15)])

    assert Figure(2.0, 2.0, 2.0) == over("a", "b", 1, total)(Report({}, [ours, peer]))


@pytest.mark.parametrize("side", ["create", "fastapi"])
def test_errors_leave_no_verdict(side: str) -> None:
    """On either side of a ratio, in any round; the figure is shown, and the page says where the errors were."""
    clean = [each for each in whole_run().results if (each.name, each.depth) != (side, 8)]
    wrong = Result(side, "the culprit", 8, [measure(10), measure(10, errors=3)], durable=True)
    run = Report({}, [*clean, wrong])
    title = "FastAPI + insert_one / createApiKey, depth 8"
    (found,) = [verdict for verdict in judge(run) if verdict.title == title]
    text = markdown(msgspec.structs.replace(run, targets=[found]))

    assert (None, Figure(1.0, 1.0, 1.0, errors=3)) == (found.is_met, found.measured)
    assert "no verdict |" in text
    assert "- the culprit, depth 8: 3 errors" in text


def test_a_run_without_errors_speaks_of_none() -> None:
    """Neither in a line nor in the place of a verdict."""
    run = whole_run()

    assert "errors" not in (text := markdown(msgspec.structs.replace(run, targets=judge(run))))
    assert "no verdict" not in text


def test_growth_is_the_largest_over_the_smallest() -> None:
    """Whatever the order in which they are named."""
    assert Figure(3.0, 2.0, 4.0) == growth({1000: [10.0, 20.0], 100: [5.0, 5.0]})


def test_a_smaller_crowd_is_named() -> None:
    """Where few files may be open the row says how many connections there were."""
    run = whole_run()
    small = msgspec.structs.replace(run, figures=run.figures | {"connections": Figure(990.0, 990.0, 990.0)})
    titles = [[verdict.title for verdict in judge(each)] for each in (run, small)]

    assert "growth, 10 → 10,000 connections, all ask in turns" in titles[0]
    assert "growth, 10 → 990 connections, all ask in turns" in titles[1]
    assert not [title for title in titles[1] if "10,000" in title]


def test_a_server_that_was_not_busy_can_be_told() -> None:
    """The share of a core that it used stands beside the generator's."""
    round_ = msgspec.structs.replace(measure(10), server_cores=0.42, generator_cores=0.31)
    lines = markdown(Report({}, [Result("a", "a server", 1, [round_])])).splitlines()
    headings, cells = ([cell.strip() for cell in line.split("|")] for line in (lines[-3], lines[-1]))

    assert ("0.42", "0.31") == (cells[headings.index("core")], cells[headings.index("gen.")])


def test_the_table_says_what_is_met() -> None:
    """One row for each target, in its order."""
    run = whole_run()
    text = markdown(msgspec.structs.replace(run, targets=judge(run)))
    rows = [line for line in text.splitlines() if any(line.startswith(f"| {target.title} ") for target in TARGETS)]

    assert len(TARGETS) == len(rows)
    assert {"yes", "**no**", "-"} == {row.rsplit("|", 2)[1].strip() for row in rows}
