"""Packages of npm that tests need, installed beside them in exactly the locked versions."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = ["do_without", "node_with_packages"]

_INSTALL_S = 600.0


def do_without(reason: str) -> NoReturn:
    """Skip what cannot run here and say why; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def node_with_packages(folder: Path, purpose: str) -> str:
    """Return the path of `node` once the packages of a folder's lock file are there; skip the test without Node.js.

    Args:
        folder: holds `package-lock.json`; `node_modules` is made beside it.
        purpose: what cannot be done without, the subject of the sentence that says so. In CI that is a failure.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        do_without(f"{purpose} needs node (20 or later) and npm on the PATH")
    installed, wanted = folder / "node_modules" / ".package-lock.json", folder / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        done = subprocess.run([npm, "ci"], cwd=folder, capture_output=True, text=True, check=False, timeout=_INSTALL_S)
        assert done.returncode == 0, f"npm ci failed:\n{done.stdout}{done.stderr}"
    return node
