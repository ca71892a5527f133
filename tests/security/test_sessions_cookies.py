"""Cookie mode as a browser lives through it, over the pure half of HTTP and a real database.

What a transport adds is only whose cookie counts; here every cookie does.
"""

import functools
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import Config
from gateway.actions import Endpoint
from gateway.dispatch import Dispatcher
from gateway.protocol.http.cookies import auth_token
from gateway.protocol.http.requests import BodyRules, HttpRequest, read_request
from gateway.protocol.http.responses import Responses, Wish
from gateway.protocol.http.routing import RouteTree
from gateway.protocol.messages import Request
from gateway.protocol.routes import ROUTES
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.storage.mongo import Database
from tests.client import ADMIN
from tests.conftest import configured
from tests.driving import SilentConnection
from tests.protocol.http.received import Received

STALE = "kauth-stale"


class Page(SilentConnection):
    """One HTTP request of a page on this machine."""

    protocol = "http"
    is_local = True


class Browser:
    """A browser on a page of the application.

    Attributes:
        cookie: what it would send.
    """

    def __init__(self, rooms: Rooms, endpoint: Endpoint) -> None:
        self._rooms = rooms
        self._dispatcher = Dispatcher(endpoint, node="knode-test", new_id=lambda: "made", report=self._fail)
        self._responses = Responses("knode-test", compresses=True, cookies=True, date=lambda: "now")
        self._tree = RouteTree(ROUTES)
        self.cookie: str | None = None

    async def ask(self, method: str, url: str, body: bytes = b"", **headers: str) -> Received:
        """Send a request; a cookie that comes back is kept, or thrown away."""
        path, _, query = url.partition("?")
        request = read_request(HttpRequest(method, path, query, headers, body), self._tree, BodyRules(), "r")
        page = Page()
        page.cookie = None if self.cookie is None else auth_token([self.cookie])
        received = Received(await self._dispatcher.answer(request, page, self._responses.encoder(Wish("r"))))
        if "set-cookie" in received.headers:
            self.cookie = received.headers["set-cookie"].partition(";")[0]
        return received

    async def result(self, method: str, url: str, body: bytes = b"", **headers: str) -> Any:
        """Ask for what must succeed."""
        answer = (await self.ask(method, url, body, **headers)).json
        assert answer["error"] is None, answer["error"]
        return answer["result"]

    async def refusal(self, method: str, url: str, body: bytes = b"", **headers: str) -> tuple[int, str]:
        """Ask for what must be refused."""
        error = (await self.ask(method, url, body, **headers)).json["error"]
        return error["status"], error["id"]

    async def log_in(self, query: str = "?cookieAuth") -> Any:
        """Log in; return the result."""
        return await self.result("POST", f"/_login/local{query}", PASSWORD)

    async def who(self) -> str:
        """Whom the server sees."""
        return str((await self.result("GET", "/_me"))["_id"])

    def _fail(self, error: Exception, request: Request) -> None:
        raise AssertionError(f"{request.action} failed") from error


PASSWORD = b'{"username":"%s","password":"%s"}' % (ADMIN["username"].encode(), ADMIN["password"].encode())


async def opened(config: Config, database: Database) -> tuple[Browser, Rooms]:
    """A browser before a server with an administrator."""
    rooms = Rooms(config, database)
    await rooms.prepare()
    router = Router(rooms.controllers(await rooms.founding.signer()))
    endpoint: Endpoint = router
    for layer in reversed(rooms.middleware()):
        endpoint = layer(endpoint)
    browser = Browser(rooms, endpoint)
    await browser.result("POST", "/_createFirstAdmin/admin", b'{"credentials":{"local":%s}}' % PASSWORD)
    return browser, rooms


@pytest.fixture
async def browser(config: Config, database: Database) -> AsyncIterator[Browser]:
    """A browser that has no cookie yet."""
    browser, rooms = await opened(config, database)
    yield browser
    await rooms.close()


async def test_a_login_hides_its_token_in_a_cookie(browser: Browser) -> None:
    """The page sees neither the token nor the header; the cookie dies with the token (http.md §7)."""
    before = time.time()
    received = await browser.ask("POST", "/_login/local?cookieAuth", PASSWORD)

    result = received.json["result"]
    assert {"_id", "expiresAt", "ttl"} == set(result)
    assert {} == received.json["headers"]
    token, *attributes = received.headers["set-cookie"].split("; ")
    assert token.startswith("authToken=kauth-")
    assert token.removeprefix("authToken=") not in received.body.decode()
    assert ["Path=/", "HttpOnly", "SameSite=Strict"] == [part for part in attributes if not part.startswith("Expires=")]
    assert before * 1000 < result["expiresAt"]
    assert "admin" == await browser.who()


@pytest.mark.parametrize("query", ["", "?cookieAuth=false", "?cookieAuth=0"])
async def test_outside_cookie_mode_a_login_shows_its_token(browser: Browser, query: str) -> None:
    """And sets no cookie (deviation 13)."""
    received = await browser.ask("POST", f"/_login/local{query}", PASSWORD)

    assert received.json["result"]["jwt"].startswith("kauth-")
    assert "set-cookie" not in received.headers


async def test_a_login_that_fails_leaves_the_cookie_alone(browser: Browser) -> None:
    """Whether there was one or not."""
    await browser.log_in()
    cookie = browser.cookie

    refusal = await browser.refusal("POST", "/_login/local?cookieAuth", b'{"username":"admin","password":"wrong"}')

    assert ((401, "plugin.strategy.missing_user"), cookie, "admin") == (refusal, browser.cookie, await browser.who())


async def test_an_endless_login_lasts_as_long_as_the_browser(browser: Browser) -> None:
    """The cookie has no date; the original's is dead at once."""
    received = await browser.ask("POST", "/_login/local?cookieAuth&expiresIn=-1", PASSWORD)

    assert -1 == received.json["result"]["expiresAt"]
    assert "Expires" not in received.headers["set-cookie"]
    assert "admin" == await browser.who()


async def test_a_refreshed_token_comes_in_a_cookie_too(browser: Browser) -> None:
    """The old one counts for a moment longer, and cannot be refreshed again."""
    await browser.log_in()
    old = browser.cookie

    result = await browser.result("POST", "/_refreshToken?cookieAuth=true")

    assert {"_id", "expiresAt", "ttl"} == set(result)
    assert old != browser.cookie
    assert "admin" == await browser.who()
    browser.cookie = old
    assert (401, "security.token.invalid") == await browser.refusal("POST", "/_refreshToken?cookieAuth")


async def test_a_logout_ends_the_token_and_the_cookie(browser: Browser) -> None:
    """The cookie becomes `null`, which is nobody; the token is dead wherever else it lies."""
    await browser.log_in()
    old = browser.cookie

    received = await browser.ask("POST", "/_logout?cookieAuth")

    assert {"acknowledged": True} == received.json["result"]
    assert "authToken=null; Path=/; HttpOnly; SameSite=Strict" == received.headers["set-cookie"]
    assert "-1" == await browser.who()
    browser.cookie = old
    assert (401, "security.token.invalid") == await browser.refusal("GET", "/_me")


async def test_a_logout_outside_cookie_mode_keeps_the_cookie(browser: Browser) -> None:
    """The token in it is dead all the same."""
    await browser.log_in()

    received = await browser.ask("POST", "/_logout")

    assert 200 == received.json["status"]
    assert "set-cookie" not in received.headers
    assert (401, "security.token.invalid") == await browser.refusal("GET", "/_me")


async def test_a_logout_everywhere_ends_all_tokens_of_the_user(browser: Browser) -> None:
    """Those of other browsers included."""
    other = (await browser.log_in("")).get("jwt")
    await browser.log_in()

    await browser.result("POST", "/_logout?cookieAuth&global")

    assert (401, "security.token.invalid") == await browser.refusal("GET", "/_me", authorization=f"Bearer {other}")


@pytest.mark.parametrize("cookie", [STALE, "garbage", "%00", "kapikey-x"])
async def test_a_cookie_that_is_out_of_date_does_not_stand_in_the_way(browser: Browser, cookie: str) -> None:
    """Of a login that replaces it and a logout that ends it; what cannot be a token at all is refused before."""
    browser.cookie = f"authToken={cookie}"
    if cookie == "%00":
        with pytest.raises(Exception, match="cookie cannot be read"):
            await browser.log_in()
        return

    assert (401, "security.token.invalid") == await browser.refusal("GET", "/_me")
    assert (401, "security.token.invalid") == await browser.refusal("POST", "/_login/local", PASSWORD)
    assert {"acknowledged": True} == await browser.result("POST", "/_logout?cookieAuth")
    assert "authToken=null" == browser.cookie
    browser.cookie = f"authToken={cookie}"
    await browser.log_in()
    assert "admin" == await browser.who()


async def test_the_cookie_can_be_looked_at(browser: Browser) -> None:
    """Valid, out of date, or none: always an answer, and never a refusal (auth.md, "checkToken")."""
    check = functools.partial(browser.result, "POST", "/_checkToken?cookieAuth")

    assert {"expiresAt": None, "kuid": "-1", "valid": True} == await check()
    end = (await browser.log_in())["expiresAt"]
    assert {"expiresAt": end, "kuid": "admin", "valid": True} == await check()
    assert {"expiresAt": end, "kuid": "admin", "valid": True} == await check(b'{"token":"kauth-other"}')
    browser.cookie = f"authToken={STALE}"
    assert {"state": "Invalid token.", "valid": False} == await check()
    browser.cookie = "authToken=null"
    assert {"expiresAt": None, "kuid": "-1", "valid": True} == await check()


async def test_a_cookie_and_a_token_are_one_too_many(browser: Browser) -> None:
    """400 (deviation 23), also when they are the same."""
    await browser.log_in()
    assert browser.cookie is not None
    token = auth_token([browser.cookie])

    for method, url in [("GET", "/_me"), ("POST", "/_login/local?cookieAuth"), ("POST", "/_logout?cookieAuth")]:
        assert (400, "security.token.verification_error") == await browser.refusal(
            method, url, PASSWORD, authorization=f"Bearer {token}"
        )
    assert "admin" == await browser.who()


async def test_an_api_key_in_a_cookie_is_a_token_too(browser: Browser) -> None:
    """As recorded; a logout takes the cookie away and leaves the key alone."""
    await browser.log_in()
    key = (await browser.result("POST", "/api-keys/_create", b'{"description":"d"}'))["_source"]["token"]
    browser.cookie = f"authToken={key}"

    assert "admin" == await browser.who()
    await browser.result("POST", "/_logout?cookieAuth")
    assert "authToken=null" == browser.cookie
    browser.cookie = f"authToken={key}"
    assert "admin" == await browser.who()


async def test_where_cookies_are_switched_off_the_mode_is_refused(config: Config, database: Database) -> None:
    """400 for the mode and for a cookie (deviation 23); no token is made, no cookie set."""
    browser, rooms = await opened(configured(config, http={"cookie_authentication": False}), database)
    refused = (400, "security.cookie.unsupported")

    for url in ("/_login/local", "/_checkToken"):
        assert refused == await browser.refusal("POST", f"{url}?cookieAuth", PASSWORD)
    assert browser.cookie is None
    token = (await browser.log_in(""))["jwt"]
    for url in ("/_refreshToken", "/_logout"):
        assert refused == await browser.refusal("POST", f"{url}?cookieAuth", authorization=f"Bearer {token}")
    browser.cookie = f"authToken={token}"
    assert refused == await browser.refusal("GET", "/_me")
    assert 1 == len(await database.collection("tokens").find({}))
    await rooms.close()
