"""The browser as a test sees it: `driver.mjs` in a process of its own, asked line by line.

The gateway under test runs on the test's own event loop, so every question waits in a thread.
"""

import asyncio
import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.pages import FOLDER
from tests.ending import ending, first_lines, hung
from tests.npm import do_without, node_with_packages

__all__ = ["Browser", "Page", "Seen", "running_browser"]

_LIMIT_S = 120.0
"""Beyond the limits that the driver itself keeps: it has gone astray."""

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")


@dataclass(frozen=True)
class Seen:
    """What a page said and saw.

    Attributes:
        messages: of the console and of faults, `kind: text`.
        sockets: URLs of the WebSockets that it opened.
        texts: frames both ways, and bodies of responses.
    """

    messages: list[str]
    sockets: list[str]
    texts: list[str]


class Browser:
    """One Chromium for many pages.

    Args:
        process: the driver.
        errors: the file that holds its standard error.
    """

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        self._process = process
        self._errors = errors

    async def open(self, url: str, *, beside: "Page | None" = None, **options: Any) -> "Page":
        """Open an address.

        Args:
            url: which.
            beside: a page whose cookies and storage it shares; None for a window that knows nothing.
            options: of the window, as Playwright's `browser.newContext` takes them.
        """
        more = {} if beside is None else {"beside": beside.number}
        opened = await self.order("open", url=url, options=options, **more)
        return Page(self, opened["number"], opened["status"])

    async def order(self, verb: str, **details: Any) -> Any:
        """Have the driver do something; return the value that it tells."""
        answer = await asyncio.to_thread(self._exchange, json.dumps({"do": verb, **details}))

        assert "error" not in answer, answer["error"]
        return answer["value"]

    def _exchange(self, line: str) -> dict[str, Any]:
        """Write one line and read the next one; what is never answered ends the driver."""
        process = self._process
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{line}\n")
            process.stdin.flush()
        said = first_lines(process, 1, _LIMIT_S)
        if said is None:
            raise hung(process, self._errors, f"did not answer within {_LIMIT_S:g} s")
        assert said, f"the browser is gone:\n{self._errors.read_text()}"
        answer: dict[str, Any] = json.loads(said[0])
        return answer


class Page:
    """One open page.

    Attributes:
        number: the driver's for it.
        status: of the answer that it came with.
    """

    def __init__(self, browser: Browser, number: int, status: int) -> None:
        self._browser = browser
        self.number = number
        self.status = status

    async def call(self, name: str, **given: Any) -> Any:
        """Run a journey of `journeys.js`; return what it returns."""
        return await self.do("call", name=name, given=given)

    async def do(self, verb: str, **details: Any) -> Any:
        """See `driver.mjs` for verbs."""
        return await self._browser.order(verb, number=self.number, **details)

    async def cookies(self) -> dict[str, dict[str, Any]]:
        """Every cookie of the window, by name."""
        return {cookie["name"]: cookie for cookie in await self.do("cookies")}

    async def seen(self) -> Seen:
        """What it said and saw until now."""
        return Seen(**await self.do("seen"))


@contextmanager
def running_browser(errors: Path) -> Iterator[Browser]:
    """Start Chromium and its driver; end both when the block ends.

    Args:
        errors: a file for the driver's standard error.
    """
    chromium = next(filter(None, map(shutil.which, _NAMES)), None)
    if chromium is None:
        do_without(f"the test in a real browser needs Chromium on the PATH, under one of the names {', '.join(_NAMES)}")
    node = node_with_packages(FOLDER, "the test in a real browser")
    with errors.open("wb") as file:
        process = subprocess.Popen(
            [node, "driver.mjs", chromium],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    with ending(process, errors):
        try:
            yield Browser(process, errors)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Let the driver close its browser, which it does at the end of its input."""
    if process.stdin is not None:
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_LIMIT_S)
