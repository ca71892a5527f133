"""Which commit a tree stands at, so that figures say what they were measured on."""

import subprocess
from pathlib import Path

from tests.benchmarks.contests import ROOT

__all__ = ["commit"]


def commit(folder: Path = ROOT) -> str:
    """The commit of a tree, and whether it has changes that are in none; the documents, where figures go, do not count.

    A tree that git knows nothing of is "unknown".
    """

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changes = git("status", "--porcelain", "--", ".", ":!docs")
        return git("rev-parse", "--short", "HEAD") + (" + changes" if changes else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
