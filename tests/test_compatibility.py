"""The compatibility page tells the truth."""

from pathlib import Path

from tests.compatibility import render

_PAGE = Path(__file__).parents[1] / "docs" / "compatibility.md"


async def test_page_is_what_the_code_renders() -> None:
    """docs/compatibility.md lists exactly the registered actions; `make docs` rewrites it."""
    assert render() == _PAGE.read_text(encoding="utf-8"), "run: make docs"
