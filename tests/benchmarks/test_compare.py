"""A change is measured against what was committed, and the figures say what they seem to say."""

import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest

from tests.benchmarks.compare import UnknownCommitError, main, too_slow, unpacked
from tests.benchmarks.contests import ROOT
from tests.benchmarks.generator import Measure
from tests.benchmarks.report import Report, Result, facts, markdown, ratio
from tests.benchmarks.revision import commit


def git(folder: Path, *words: str) -> None:
    """Run git there, as nobody in particular."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit, and a change that is in none."""
    source = tmp_path / "gateway" / "__init__.py"
    source.parent.mkdir()
    source.write_text("before")
    (tmp_path / "other").touch()
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=one")
    source.write_text("after")
    return tmp_path


def test_a_commit_is_unpacked_beside_the_tree(repository: Path) -> None:
    """The gateway alone, as it was; nothing is left behind, and the tree is as it was."""
    with unpacked("HEAD", repository) as tree:
        assert "before" == (tree / "gateway" / "__init__.py").read_text()
        assert ["gateway"] == [path.name for path in tree.iterdir()]

    assert (False, "after") == (tree.exists(), (repository / "gateway" / "__init__.py").read_text())


def test_what_is_no_commit_is_named(repository: Path) -> None:
    """Before anything starts."""
    with pytest.raises(UnknownCommitError, match="nowhere"), unpacked("nowhere", repository):
        pytest.fail("there is no such commit")


def test_figures_name_what_was_measured(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The commit; what is in none is told, but for documents, where figures are written; without git it is unknown."""
    assert commit(repository).endswith(" + changes")

    git(repository, "commit", "--quiet", "--all", "--message=two")
    short = commit(repository)
    (repository / "docs").mkdir()
    (repository / "docs" / "page.md").write_text("figures")

    assert ("", short, "unknown") == (
        short.strip("0123456789abcdef"),
        commit(repository),
        commit(tmp_path_factory.mktemp("bare")),
    )
    assert f"- commit: {commit()}\n" in markdown(Report(facts("one round")))


def result(*server_us: float, durable: bool = False, mongod_us: float = 10.0) -> Result:
    """Rounds that differ in the server's CPU."""
    whole = dict.fromkeys(Measure.__struct_fields__, 1) | {"mongod_us": mongod_us}
    rounds = [msgspec.convert(whole | {"server_us": each}, Measure) for each in server_us]
    return Result("n", "t", 1, rounds, durable=durable)


def test_a_ratio_is_that_of_neighbours_in_time() -> None:
    """A round that the machine disturbed disturbed both; the median, its ends and the best rounds are told."""
    found = ratio(result(20, 220, 33), result(10, 200, 30), "x")

    assert ("x", 1.1, (1.1, 2.0), 2.0, None) == (
        found.title,
        found.server_cpu,
        found.spread,
        found.best_cpu,
        found.mongod_cpu,
    )


def test_a_round_without_requests_is_not_compared() -> None:
    """It counts as an error elsewhere; here it must not look cheap."""
    found = ratio(result(20, 0, 30), result(10, 10, 0))

    assert (2.0, (2.0, 2.0), 2.0) == (found.server_cpu, found.spread, found.best_cpu)


def test_the_database_counts_where_both_write() -> None:
    """A server that stores nothing has no share to compare with."""
    durable = result(10, durable=True, mongod_us=20.0)

    assert (2.0, None) == (
        ratio(durable, result(10, durable=True)).mongod_cpu,
        ratio(durable, result(10, mongod_us=0.0)).mongod_cpu,
    )


def test_a_ratio_above_the_limit_is_named() -> None:
    """None is without a limit, none at the limit."""
    ratios = [ratio(result(12), result(10), "slower"), ratio(result(11), result(10), "as slow as may be")]

    assert ["above 1.1: slower, depth 1: 1.200"] == too_slow(ratios, 1.1)
    assert [] == too_slow(ratios, None)


def test_this_tree_is_measured_beside_a_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From the command line to the exit status: two gateways run, both answer, and no ratio is below 0.01."""
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=one")
    words = ["--against=HEAD", "--seconds=0.5", "--limit=0.01", "--only", "key8"]

    status = main(words, tmp_path)

    out, err = capsys.readouterr()
    assert 1 == status
    assert "above 0.01: server:now, API key, here / HEAD, depth 8: " in err
    assert "| server:now, API key, here / HEAD " in out
    assert "Wrong or missing" not in out
    assert 2 == main([*words, "--against=nowhere"], tmp_path)
