"""The first thing that a newcomer types fails in one line that says what to do, if it has to fail."""

import shutil
import subprocess
from pathlib import Path

import pytest

_MAKEFILE = Path(__file__).parents[1] / "Makefile"


@pytest.mark.parametrize("python", ["", "false"], ids=["none found", "too old"])
def test_a_python_that_will_not_do_is_one_line(tmp_path: Path, python: str) -> None:
    """No virtual environment is left behind, and the status is not 0."""
    shutil.copy(_MAKEFILE, tmp_path)
    (tmp_path / "pyproject.toml").touch()

    done = subprocess.run(
        ["make", "install", f"PYTHON={python}"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    assert 1 == len(said)
    assert "Python 3.11 or later" in said[0]
    assert (True, False) == (done.returncode != 0, (tmp_path / ".venv").exists())
