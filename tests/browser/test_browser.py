"""A real browser, a page from elsewhere, the official SDK: what they can do with the gateway, and what they cannot."""

import pytest

from gateway import Gateway
from tests.browser.browser import Browser, Page, Seen
from tests.client import ADMIN
from tests.conftest import Connect, StartGateway

WHO = ADMIN["username"]
FORM = "application/x-www-form-urlencoded"


def at(gateway: Gateway) -> dict[str, object]:
    """Where it listens, for a journey."""
    return {"host": "127.0.0.1", "port": gateway.port}


@pytest.fixture
async def guarded(start_gateway: StartGateway, connect: Connect, origin: str) -> Gateway:
    """A gateway with an administrator that only the one page may call."""
    gateway = await start_gateway(http={"access_control_allow_origin": (origin,)})
    await make_administrator(gateway, connect)
    return gateway


async def make_administrator(gateway: Gateway, connect: Connect) -> None:
    """Do it from this machine, as the operator does."""
    client = await connect(gateway)
    await client.succeed("security:createFirstAdmin", _id=WHO, body={"credentials": {"local": ADMIN}})


async def test_a_page_makes_uses_and_deletes_a_key_over_websocket(
    start_gateway: StartGateway, browser: Browser, origin: str
) -> None:
    """The platform's WebSocket, from the first administrator to a key that is refused."""
    gateway = await start_gateway(
        security={"first_admin_from": "anywhere"}, http={"access_control_allow_origin": (origin,)}
    )
    page = await browser.open(origin)

    await page.call("createFirstAdmin", gateway=at(gateway), **ADMIN)
    await page.call("apiKey", gateway=at(gateway), protocol="ws", **ADMIN)

    seen = await page.seen()
    assert [] == seen.messages
    assert [f"ws://127.0.0.1:{gateway.port}/"] * 3 == seen.sockets
    await page.do("close")


@pytest.mark.parametrize("origins", [None, ("*",)], ids=["by name", "everybody"])
async def test_a_page_makes_uses_and_deletes_a_key_over_http(
    start_gateway: StartGateway, connect: Connect, browser: Browser, origin: str, origins: tuple[str, ...] | None
) -> None:
    """The SDK's HTTP protocol from another origin: every call is preceded by a preflight, and can be read."""
    gateway = await start_gateway(http={"access_control_allow_origin": origins or (origin,)})
    await make_administrator(gateway, connect)
    page = await browser.open(origin)

    await page.call("apiKey", gateway=at(gateway), protocol="http", **ADMIN)

    seen = await page.seen()
    assert [] == seen.sockets
    # The browser itself notes every answer that is an error; it has nothing else to complain of.
    assert [] == [message for message in seen.messages if "the server responded with a status of" not in message]
    assert seen.messages
    await page.do("close")


@pytest.mark.parametrize("protocol", ["ws", "http"])
async def test_a_page_logs_in_by_cookie_and_never_sees_the_token(
    guarded: Gateway, connect: Connect, browser: Browser, origin: str, protocol: str
) -> None:
    """The cookie is the browser's own; the reopened socket brings it, and so does a page that comes back."""
    page = await browser.open(origin)

    told = await page.call("logInByCookie", gateway=at(guarded), protocol=protocol, **ADMIN)

    cookie = (await page.cookies())["authToken"]
    token = cookie["value"]
    assert token.startswith("kauth-")
    assert (True, "Strict", False) == (cookie["httpOnly"], cookie["sameSite"], cookie["secure"])
    assert ("127.0.0.1", "/") == (cookie["domain"], cookie["path"])
    assert {"jwt": None, "result": None, "stored": '["",{},{},[]]'} == told
    assert {"checked": WHO, "user": WHO, "valid": True} == await page.call("whoAmI")
    await page.call("apiKeyByCookie", username=WHO)

    await page.do("reload")
    await page.call("comeBack", gateway=at(guarded), protocol=protocol)
    assert {"checked": WHO, "user": WHO, "valid": True} == await page.call("whoAmI")
    assert not saw(await page.seen(), token)

    assert '["",{},{},[]]' == await page.call("logOutByCookie")
    assert {"checked": "-1", "user": "-1", "valid": True} == await page.call("whoAmI")
    assert "kauth-" not in (await page.cookies()).get("authToken", {"value": ""})["value"]
    client = await connect(guarded)
    assert (401, "security.token.invalid") == await client.fail("auth:getCurrentUser", jwt=token)
    await page.do("close")


@pytest.mark.parametrize("protocol", ["ws", "http"])
async def test_a_refreshed_cookie_replaces_the_old_one(
    guarded: Gateway, browser: Browser, origin: str, protocol: str
) -> None:
    """Out of the page's sight as well."""
    page = await browser.open(origin)
    await page.call("logInByCookie", gateway=at(guarded), protocol=protocol, **ADMIN)
    before = (await page.cookies())["authToken"]

    told = await page.call("refreshByCookie")

    after = (await page.cookies())["authToken"]
    if protocol == "http":
        assert (WHO, 7_200_000) == (told["_id"], told["ttl"])
        assert "jwt" not in told
    assert before["value"] != after["value"]
    assert after["expires"] - before["expires"] > 3000
    assert {"checked": WHO, "user": WHO, "valid": True} == await page.call("whoAmI")
    assert not saw(await page.seen(), before["value"], after["value"])
    await page.do("close")


def saw(seen: Seen, *tokens: str) -> bool:
    """Tell whether a page has had one of the tokens before its eyes, where it must have had something."""
    assert any('"checkToken"' in text for text in seen.texts)
    return any(token.removeprefix("kauth-") in text for text in seen.texts for token in tokens)


async def test_a_page_of_a_stranger_opens_no_socket(
    guarded: Gateway, browser: Browser, origin: str, hostile_origin: str
) -> None:
    """With a list of origins the upgrade itself is refused, for every name that the stranger's host has."""
    for url in (hostile_origin, hostile_origin.replace("127.0.0.1", "localhost")):
        page = await browser.open(url)

        assert not await page.call("openSocket", gateway=at(guarded))

        (message,) = (await page.seen()).messages
        assert "Unexpected response code: 403" in message
        await page.do("close")
    page = await browser.open(origin)
    assert await page.call("openSocket", gateway=at(guarded))
    await page.do("close")


async def test_a_page_of_a_stranger_has_no_use_of_the_cookie(
    guarded: Gateway, connect: Connect, browser: Browser, origin: str, hostile_origin: str
) -> None:
    """In one and the same browser, which sends the cookie along: what may be read is the refusal."""
    page = await browser.open(origin)
    await page.call("logInByCookie", gateway=at(guarded), **ADMIN)
    stranger = await browser.open(hostile_origin, beside=page)
    me = {"path": "/_me", "init": {"credentials": "include"}}

    mine = await page.call("ask", gateway=at(guarded), **me)
    theirs = await stranger.call("ask", gateway=at(guarded), **me)

    assert (200, WHO) == (mine["status"], mine["body"]["result"]["_id"])
    assert (401, None) == (theirs["status"], theirs["body"]["result"])
    assert "api.process.unauthorized_origin" == theirs["body"]["error"]["id"]
    assert not await stranger.call("openSocket", gateway=at(guarded))
    assert await forged(stranger, guarded)
    client = await connect(guarded)
    await client.login(**ADMIN)
    assert 0 == (await client.succeed("security:searchApiKeys", userId=WHO))["total"]
    await page.do("close")


async def forged(stranger: Page, gateway: Gateway) -> bool:
    """Send what a form could send, without asking for leave; tell whether the browser sent it."""
    path = f"/users/{WHO}/api-keys/_create?_id=forged"
    body = {"method": "POST", "mode": "no-cors", "credentials": "include", "body": "description=forged"}
    sent = await stranger.call("ask", gateway=at(gateway), path=path, init={**body, "headers": {"Content-Type": FORM}})
    return bool(sent.get("type") == "opaque")


async def test_a_cookie_counts_for_nothing_where_everybody_may_call(
    start_gateway: StartGateway, connect: Connect, browser: Browser, origin: str
) -> None:
    """Under an origin that only `*` admits: the login succeeds, the browser has the cookie, and nobody is logged in."""
    gateway = await start_gateway()
    await make_administrator(gateway, connect)
    page = await browser.open(origin)

    told = await page.call("logInByCookie", gateway=at(gateway), **ADMIN)

    assert told["jwt"] is None
    assert (await page.cookies())["authToken"]["value"].startswith("kauth-")
    assert {"checked": "-1", "user": "-1", "valid": True} == await page.call("whoAmI")
    asked = await page.call("ask", gateway=at(gateway), path="/_me", init={"credentials": "include"})
    assert "-1" == asked["body"]["result"]["_id"]
    await page.do("close")


async def test_a_page_of_a_stranger_does_not_become_the_administrator(
    gateway: Gateway, connect: Connect, browser: Browser, hostile_origin: str
) -> None:
    """Every origin may call by default, and the browser runs on this machine; all the same it is not the operator."""
    page = await browser.open(hostile_origin)

    await page.call("claimGateway", gateway=at(gateway))

    await page.do("close")
    assert {"exists": False} == await (await connect(gateway)).succeed("server:adminExists")
