"""The page at `GET /` as a person meets it: a real browser shows it, and what it tells to type works."""

import asyncio
import json
import shutil
import subprocess

from gateway import Gateway
from gateway.system.welcome import ADMIN_COMMAND
from tests.browser.browser import Browser, Page
from tests.browser.pages import FOLDER
from tests.client import ADMIN
from tests.conftest import Connect
from tests.npm import do_without, node_with_packages

PASSWORD = ADMIN["password"]


async def open_page(browser: Browser, gateway: Gateway) -> Page:
    """Type the address."""
    return await browser.open(f"http://localhost:{gateway.port}/")


async def make_administrator(gateway: Gateway, connect: Connect) -> None:
    """What `ADMIN_COMMAND` does: the user's id is its name."""
    client = await connect(gateway)
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})


async def test_the_page_follows_the_first_administrator(gateway: Gateway, connect: Connect, browser: Browser) -> None:
    """None yet and how to make one; then the next step; no word of complaint from the browser."""
    page = await open_page(browser, gateway)

    assert 200 == page.status
    shown = await page.do("look")
    assert "Latchgate: no administrator yet" == shown["title"]
    assert ADMIN_COMMAND == shown["code"][0]
    assert f"ws://localhost:{gateway.port}\nhttp://localhost:{gateway.port}\n" in shown["text"]

    await make_administrator(gateway, connect)
    await page.do("click", link="look again")

    shown = await page.do("look")
    assert "Latchgate: ready" == shown["title"]
    assert ADMIN_COMMAND not in shown["text"]
    assert [] == (await page.seen()).messages
    await page.do("close")


async def test_the_page_suits_every_screen(gateway: Gateway, browser: Browser) -> None:
    """The policy lets its style through: light and dark differ, nothing juts out, the keyboard reaches the links."""
    page = await open_page(browser, gateway)

    tints = []
    for scheme in ("light", "dark"):
        await page.do("tint", scheme=scheme)
        tints.append((await page.do("look"))["background"])
    assert ["rgb(244, 246, 247)", "rgb(13, 19, 23)"] == tints
    for width in (280, 360, 768, 1920):
        await page.do("resize", width=width, height=600)
        assert not (await page.do("look"))["overflows"], width
    await page.do("press", key="Tab")
    assert "look again" == (await page.do("look"))["focus"]
    assert [] == (await page.seen()).messages
    await page.do("close")


async def test_the_links_of_the_page_lead_somewhere(gateway: Gateway, connect: Connect, browser: Browser) -> None:
    """Whatever it links to answers a stranger, in either state of the gateway."""
    page = await open_page(browser, gateway)
    links = set((await page.do("look"))["links"])
    await make_administrator(gateway, connect)
    await page.do("reload")
    links |= set((await page.do("look"))["links"])
    await page.do("close")

    assert len(links) > 1
    for link in links:
        there = await browser.open(f"http://localhost:{gateway.port}{link}")
        assert 200 == there.status, link
        await there.do("close")


async def test_what_the_page_tells_to_type_works(gateway: Gateway, connect: Connect, browser: Browser) -> None:
    """With the password and the token in their places: the SDK's lines and curl's make a key each."""
    if shutil.which("curl") is None:
        do_without("what the page tells to type needs curl on the PATH")
    await make_administrator(gateway, connect)
    page = await open_page(browser, gateway)
    javascript, log_in, create_key = (await page.do("look"))["code"]
    await page.do("close")
    node = node_with_packages(FOLDER, "the test in a real browser")

    by_sdk = await typed(node, "--input-type=module", "-e", javascript.replace("…", PASSWORD))
    logged_in = json.loads(await typed("bash", "-c", log_in.replace("…", PASSWORD)))
    token = logged_in["result"]["jwt"].removeprefix("kauth-")
    by_curl = json.loads(await typed("bash", "-c", create_key.replace("…", token)))

    keys = [by_sdk.strip(), by_curl["result"]["_source"]["token"]]
    client = await connect(gateway)
    for key in keys:
        assert "admin" == (await client.succeed("auth:getCurrentUser", jwt=key))["_id"]
    assert "My first key" == by_curl["result"]["_source"]["description"]
    assert 2_592_000_000 == by_curl["result"]["_source"]["ttl"]


async def typed(*words: str) -> str:
    """Run a command where the SDK is; return what it prints."""
    done = await asyncio.to_thread(
        subprocess.run, words, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False
    )

    assert 0 == done.returncode, done.stderr
    return str(done.stdout)
