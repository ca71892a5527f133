"""One Chromium for the whole session, and two pages of different owners."""

from collections.abc import Iterator

import pytest

from tests.browser.browser import Browser, running_browser
from tests.browser.pages import served_page


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One Chromium for all journeys; each opens windows of its own."""
    with running_browser(tmp_path_factory.mktemp("browser") / "stderr") as browser:
        yield browser


@pytest.fixture(scope="session")
def origin() -> Iterator[str]:
    """Of the page that may call the gateway."""
    with served_page() as origin:
        yield origin


@pytest.fixture(scope="session")
def hostile_origin() -> Iterator[str]:
    """Of a page that may not: on the same host, so that the browser sends it every cookie of the gateway."""
    with served_page() as origin:
        yield origin
