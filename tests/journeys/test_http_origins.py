"""Pages of browsers: whose may call, and whose cookie counts (http.md §5, §7; deviation 10)."""

import json
import re
from typing import Any

import pytest

from gateway import Gateway
from tests.client import ADMIN, Client
from tests.conftest import Connect, ConnectHttp, StartGateway
from tests.http_client import HttpClient
from tests.transports.http_wire import Answer
from tests.transports.wire import Wire, dial, frame, head

APP, EVIL = "https://app.example", "https://evil.example"
FROM_APP, FROM_EVIL = f"Origin: {APP}", f"Origin: {EVIL}"
LOGIN = "/_login/local?cookieAuth"


async def page_of(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp, **http: Any
) -> tuple[Gateway, HttpClient]:
    """A gateway with an administrator, and a connection of a browser to it."""
    gateway = await start_gateway(http={"access_control_allow_origin": (APP,)} | http)
    admin = await connect(gateway)
    await admin.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    return gateway, await connect_http(gateway)


@pytest.fixture
async def page(start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp) -> tuple[Gateway, HttpClient]:
    """A gateway that pages of one origin may call."""
    return await page_of(start_gateway, connect, connect_http)


def cookie_of(answer: Answer) -> str:
    """What the browser sends from now on."""
    assert answer.status == 200, answer
    return f"Cookie: {answer.headers['set-cookie'].split(';')[0]}"


async def logged_in(browser: HttpClient, origin: str = FROM_APP) -> str:
    """Log in by cookie."""
    return cookie_of(await browser.ask("POST", LOGIN, origin, body=ADMIN))


# Cross-origin requests.


async def test_a_page_of_a_listed_origin_is_answered_in_its_name(page: tuple[Gateway, HttpClient]) -> None:
    """The headers that its browser wants, on answers, errors and preflights alike, for this origin and no other."""
    _, browser = page
    preflight = ("Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
    answers = [
        await browser.ask("OPTIONS", "/users/sensor/api-keys/_create", FROM_APP, *preflight),
        await browser.ask("GET", "/_me", FROM_APP),
        await browser.ask("GET", "/nowhere", FROM_APP),
        await browser.ask("POST", "/_query", FROM_APP, body=b"{"),
    ]

    assert [200, 200, 404, 400] == [answer.status for answer in answers]
    for answer in answers:
        headers = {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}
        assert (APP, "true") == (
            headers["access-control-allow-origin"],
            headers["access-control-allow-credentials"],
        )
        assert {"authorization", "content-type", "x-kuzzle-volatile", "x-kuzzle-request-id"} <= set(
            headers["access-control-allow-headers"].lower().split(", ")
        )
        assert {"GET", "POST", "PUT", "PATCH", "DELETE"} <= set(headers["access-control-allow-methods"].split(","))
        assert "Origin" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize("origin", [EVIL, "null", f"{APP}.evil.example", "http://app.example", f"{APP}:444", "x"])
async def test_a_page_of_another_origin_is_refused_readably(origin: str, page: tuple[Gateway, HttpClient]) -> None:
    """401 `api.process.unauthorized_origin`, before anybody asks who it is; and nothing is done."""
    _, browser = page

    answer = await browser.ask("POST", "/_login/local", f"Origin: {origin}", body=ADMIN)

    assert (401, "api.process.unauthorized_origin") == (answer.status, answer.error_id)
    assert [origin] == answer.envelope["error"]["props"]
    assert ("auth", "login", None) == tuple(answer.envelope[key] for key in ("controller", "action", "result"))
    assert origin == answer.headers["access-control-allow-origin"]
    assert 200 == (await browser.ask("OPTIONS", "/_login/local", f"Origin: {origin}")).status


async def test_who_names_no_origin_is_no_page(page: tuple[Gateway, HttpClient]) -> None:
    """Devices and scripts are not asked, and no word is said of origins."""
    _, browser = page

    answer = await browser.ask("GET", "/_me")

    assert 200 == answer.status
    assert "access-control-allow-origin" not in answer.headers


# Cookies over HTTP.


async def test_a_cookie_comes_counts_is_renewed_and_ends(page: tuple[Gateway, HttpClient]) -> None:
    """Login, use, refresh, logout: the page never sees the token."""
    _, browser = page
    answer = await browser.ask("POST", LOGIN, FROM_APP, body=ADMIN)
    first = cookie_of(answer)
    assert {"_id", "expiresAt", "ttl"} == set(answer.envelope["result"])
    assert re.fullmatch(
        r"authToken=kauth-[\w.%-]+; Path=/; Expires=\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT; HttpOnly; SameSite=Strict",
        answer.headers["set-cookie"],
    )
    assert "admin" == (await browser.succeed("GET", "/_me", FROM_APP, first))["_id"]

    answer = await browser.ask("POST", "/_refreshToken?cookieAuth", FROM_APP, first)
    second = cookie_of(answer)
    assert (True, None) == (first != second, answer.envelope["result"].get("jwt"))
    check = await browser.succeed("POST", "/_checkToken?cookieAuth", FROM_APP, second)
    assert ("admin", True) == (check["kuid"], check["valid"])

    answer = await browser.ask("POST", "/_logout?cookieAuth", FROM_APP, second)
    assert "authToken=null; Path=/; HttpOnly; SameSite=Strict" == answer.headers["set-cookie"]
    assert (401, "security.token.invalid") == await browser.fail("GET", "/_me", FROM_APP, second)
    assert "-1" == (await browser.succeed("GET", "/_me", FROM_APP, cookie_of(answer)))["_id"]


async def test_a_stale_cookie_does_not_stand_in_the_way_of_a_new_one(page: tuple[Gateway, HttpClient]) -> None:
    """Login and check in cookie mode go on; everything else is refused."""
    _, browser = page
    stale = "Cookie: authToken=kauth-a.b.c"

    assert (401, "security.token.invalid") == await browser.fail("GET", "/_me", FROM_APP, stale)
    assert not (await browser.succeed("POST", "/_checkToken?cookieAuth", FROM_APP, stale))["valid"]
    assert cookie_of(await browser.ask("POST", LOGIN, FROM_APP, stale, body=ADMIN)).startswith(
        "Cookie: authToken=kauth"
    )


async def test_p08_a_cookie_counts_under_a_listed_origin_only(page: tuple[Gateway, HttpClient]) -> None:
    """Without an origin it is not looked at; under a foreign one the page is refused."""
    _, browser = page
    cookie = await logged_in(browser)

    assert "-1" == (await browser.succeed("GET", "/_me", cookie))["_id"]
    assert (401, "api.process.unauthorized_origin") == await browser.fail("GET", "/_me", FROM_EVIL, cookie)


@pytest.mark.parametrize(
    "settings",
    [
        {"access_control_allow_origin": ("*",)},
        {"access_control_allow_origin": (".*",), "access_control_allow_origin_use_regexp": True},
    ],
    ids=["star", "pattern for all"],
)
async def test_p08_a_cookie_does_not_count_where_everybody_may_call(
    settings: dict[str, Any], start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """A browser adds it to the calls of any page; the login sets it all the same."""
    _, browser = await page_of(start_gateway, connect, connect_http, **settings)
    cookie = await logged_in(browser, FROM_EVIL)

    for origin in (FROM_EVIL, FROM_APP):
        assert "-1" == (await browser.succeed("GET", "/_me", origin, cookie))["_id"]


async def test_a_listed_origin_counts_beside_the_star_and_by_pattern(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """What the operator wrote down is trusted."""
    for settings in (
        {"access_control_allow_origin": ("*", APP)},
        {
            "access_control_allow_origin": (r"https://\w+\.example",),
            "access_control_allow_origin_use_regexp": True,
        },
    ):
        gateway = await start_gateway(http=settings)
        browser = await connect_http(gateway)
        admin = await connect(gateway)
        await admin.ask("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
        cookie = await logged_in(browser)

        assert "admin" == (await browser.succeed("GET", "/_me", FROM_APP, cookie))["_id"]


async def test_a_cookie_beside_a_token_is_refused(page: tuple[Gateway, HttpClient]) -> None:
    """Which of the two is meant cannot be told: 400, wherever the token stands (deviation 23)."""
    _, browser = page
    cookie = await logged_in(browser)

    for target, header in (("/_me", "Authorization: Bearer x"), ("/_me?jwt=x", "X-A: b")):
        assert (400, "security.token.verification_error") == await browser.fail("GET", target, FROM_APP, cookie, header)


async def test_cookies_may_be_switched_off(
    start_gateway: StartGateway, connect: Connect, connect_http: ConnectHttp
) -> None:
    """Then whoever asks for one, or sends one, is told: 400 `security.cookie.unsupported`; browsers learn it too."""
    _, browser = await page_of(start_gateway, connect, connect_http, cookie_authentication=False)

    assert (400, "security.cookie.unsupported") == await browser.fail("POST", LOGIN, FROM_APP, body=ADMIN)
    sent = ("GET", "/_me", FROM_APP, "Cookie: authToken=kauth-a.b.c")
    assert (400, "security.cookie.unsupported") == await browser.fail(*sent)
    assert "access-control-allow-credentials" not in (await browser.ask("GET", "/_me", FROM_APP)).headers
    assert "jwt" in await browser.succeed("POST", "/_login/local", FROM_APP, body=ADMIN)


# Cookies on the way to a WebSocket.


async def upgraded(gateway: Gateway, *headers: str) -> tuple[int, Wire]:
    """Ask for a WebSocket as a browser does; give the status."""
    wire = await dial(gateway.port)
    await wire.send(head(*headers))
    status, _ = await wire.read_head()
    return status, wire


async def who(wire: Wire) -> Any:
    """Ask the socket who one is."""
    await wire.send(frame(json.dumps({"controller": "auth", "action": "getCurrentUser"}).encode()))
    answer = (await wire.receive()).answer
    wire.reset()
    return answer["result"]["_id"] if answer["error"] is None else answer["error"]["id"]


async def test_a_cookie_counts_on_a_websocket_of_a_listed_origin(page: tuple[Gateway, HttpClient]) -> None:
    """For every message of it; in cookie mode the official SDK logs in over HTTP and then opens its socket."""
    gateway, browser = page
    cookie = await logged_in(browser)

    status, wire = await upgraded(gateway, FROM_APP, cookie)

    assert (101, "admin") == (status, await who(wire))


async def test_w01_a_websocket_of_a_foreign_origin_is_refused(page: tuple[Gateway, HttpClient]) -> None:
    """403, with or without a cookie."""
    gateway, browser = page
    cookie = await logged_in(browser)

    for headers in ((FROM_EVIL, cookie), (FROM_EVIL,), ("Origin: null", cookie)):
        status, wire = await upgraded(gateway, *headers)
        wire.reset()
        assert 403 == status


async def test_w02_a_cookie_of_a_websocket_without_origin_is_ignored(
    page: tuple[Gateway, HttpClient], start_gateway: StartGateway, connect: Connect
) -> None:
    """Only browsers name one, and only they keep cookies; under `*` it is ignored as well."""
    gateway, browser = page
    cookie = await logged_in(browser)
    status, wire = await upgraded(gateway, cookie)
    assert (101, "-1") == (status, await who(wire))

    everybody = await start_gateway(http={"access_control_allow_origin": ("*",)})
    status, wire = await upgraded(everybody, FROM_EVIL, cookie)
    assert (101, "-1") == (status, await who(wire))


async def test_a_stale_or_malformed_cookie_on_a_websocket_is_told(page: tuple[Gateway, HttpClient]) -> None:
    """One that is no token at the upgrade, one that does not count with each message."""
    gateway, _ = page

    status, wire = await upgraded(gateway, FROM_APP, "Cookie: authToken=a; authToken=b")
    wire.reset()
    assert 401 == status
    status, wire = await upgraded(gateway, FROM_APP, "Cookie: authToken=kauth-a.b.c")
    assert (101, "security.token.invalid") == (status, await who(wire))


async def test_a_websocket_says_nothing_of_the_cookie(page: tuple[Gateway, HttpClient], connect: Connect) -> None:
    """Over a socket a login in cookie mode has no cookie to set, and gives no token either."""
    gateway, _ = page
    client: Client = await connect(gateway)

    answer = await client.ask("auth:login", strategy="local", cookieAuth=True, body=ADMIN)

    assert (200, {}) == (answer["status"], answer["headers"])
    assert "jwt" not in answer["result"]
