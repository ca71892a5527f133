"""Where the figures are kept: sections of pages between markers, the data beside the page, the chart."""

from pathlib import Path

import msgspec

from tests.benchmarks.contests import ROOT
from tests.benchmarks.report import Report

__all__ = ["CHART", "DATA", "PAGE", "read_data", "split_page", "write_data", "write_section"]

PAGE = ROOT / "docs" / "performance.md"
DATA, CHART = PAGE.with_suffix(".json"), PAGE.with_suffix(".svg")


def split_page(page: Path, section: str = "bench") -> tuple[str, str]:
    """What stands before and after a generated section of a page, markers excluded.

    Raises `ValueError` when the page does not hold both markers.
    """
    begin, end = markers(section)
    before, begun, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended:
        raise ValueError(f"{page} lacks the markers {begin} and {end}")
    return before, after


def write_section(page: Path, text: str, section: str = "bench") -> None:
    """Replace a generated section of a page."""
    begin, end = markers(section)
    before, after = split_page(page, section)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def markers(section: str) -> tuple[str, str]:
    """What a section stands between."""
    return f"<!-- {section}:start -->", f"<!-- {section}:end -->"


def read_data(path: Path = DATA) -> Report:
    """What was written last; nothing if that was never."""
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else Report()


def write_data(report: Report, path: Path = DATA) -> None:
    """Keep a report as JSON."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
