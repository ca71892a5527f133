"""What cannot run for want of a program says so, and in CI it does not pass."""

import shutil
from pathlib import Path

import pytest

from tests.npm import do_without, node_with_packages


@pytest.mark.parametrize(
    ("value", "outcome"),
    [("true", pytest.fail.Exception), ("", pytest.skip.Exception), (None, pytest.skip.Exception)],
    ids=["in CI", "empty", "at home"],
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, value: str | None, outcome: type[BaseException]
) -> None:
    """Skipped with the reason at home, failed with the reason where everything has to run."""
    monkeypatch.delenv("CI", raising=False)
    if value is not None:
        monkeypatch.setenv("CI", value)

    with pytest.raises(outcome, match="needs a sextant"):
        do_without("this needs a sextant")


def test_a_machine_without_npm_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Before anything is looked for in the folder."""
    monkeypatch.setenv("CI", "true")
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "npm" else "/usr/bin/node")

    with pytest.raises(pytest.fail.Exception, match=r"the voyage needs node .* and npm on the PATH"):
        node_with_packages(tmp_path, "the voyage")
