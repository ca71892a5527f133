"""The documentation is true: its code runs, its links lead somewhere, its settings exist."""

import asyncio
import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway import Gateway
from gateway.config import Config
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway
from tests.npm import do_without

_ROOT = Path(__file__).parents[1]
_PAGES = sorted([*_ROOT.glob("*.md"), *_ROOT.glob("docs/*.md")])
_BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
_LINK = re.compile(r"\]\((?!https?://)([^)#]+)")
_SETTING = re.compile(r"`(server|mongodb|websocket|http|limits|security|api_keys|logging)\.(?!py`)([a-z_]+)`")


_COMMAND = re.compile(r"^\$ (curl (?:.*\\\n)*.*)$", re.MULTILINE)


def _blocks(page: str) -> list[str]:
    return _BLOCK.findall((_ROOT / "docs" / page).read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    """A relative link names a file of the repository."""
    links = _LINK.findall(page.read_text(encoding="utf-8"))

    assert [] == [link for link in links if not (page.parent / link).exists()]


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.name)
def test_named_settings_exist(page: Path) -> None:
    """What a page calls a setting is one."""
    named = _SETTING.findall(page.read_text(encoding="utf-8"))

    assert [] == [pair for pair in named if not hasattr(getattr(Config(), pair[0]), pair[1])]


async def test_example_controller_runs(start_gateway: StartGateway, connect: Connect) -> None:
    """The controller of docs/extending.md answers as the page says."""
    namespace: dict[str, Any] = {}
    example = _blocks("extending.md")[0].replace("asyncio.run(main())", "")
    exec(compile(example, "docs/extending.md", "exec"), namespace)
    gateway = await start_gateway(namespace["Thermometer"](), security={"initial_rights": "open"})
    client: Client = await connect(gateway)
    created = {"content": {"profileIds": ["default"]}, "credentials": {"local": {"username": "s1", "password": "pw"}}}
    await client.succeed("security:createUser", _id="s1", body=created)
    await client.login("s1", "pw")
    report = {"sensorId": "s1", "body": {"celsius": 21}}

    assert {"stored": "s1"} == await client.succeed("thermometer:report", **report)
    assert (404, None) == await client.fail("thermometer:report", **{**report, "sensorId": "s2"})
    assert (400, "api.assert.missing_argument") == await client.fail("thermometer:report", sensorId="s1", body={})


def test_example_middleware_compiles() -> None:
    """Every other example of docs/extending.md is Python."""
    for block in _blocks("extending.md")[1:]:
        compile(block, "docs/extending.md", "exec")


@pytest.mark.parametrize(("page", "count"), [("README.md", 2), ("docs/quickstart.md", 4)])
async def test_example_of_curl_runs(gateway: Gateway, admin: Client, page: str, count: int) -> None:
    """Line after line, each with what those before it answered: a key comes, opens something, and goes again."""
    if shutil.which("curl") is None:
        do_without("the examples of curl need curl on the PATH")
    role = {"controllers": {"server": {"actions": {"now": True}}}}
    await admin.succeed("security:createRole", _id="device", body=role)
    await admin.succeed("security:createProfile", _id="device", body={"policies": [{"roleId": "device"}]})
    await admin.succeed("security:createUser", _id="sensor-17", body={"content": {"profileIds": ["device"]}})
    known = {"localhost:7512": f"127.0.0.1:{gateway.port}", '"…"': f'"{ADMIN["password"]}"'}
    commands = _COMMAND.findall((_ROOT / page).read_text(encoding="utf-8"))

    for line in commands:
        command = line.replace("\\\n", "")
        for shown, meant in known.items():
            command = command.replace(shown, meant)
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        answer = json.loads(output)
        assert (200, None) == (answer["status"], answer["error"]), command
        result = answer["result"]
        known |= {"kauth-…": result["jwt"]} if "jwt" in result else {}
        known |= {"kapikey-…": result["_source"]["token"]} if "_source" in result else {}

    assert count == len(commands)
    assert {"kauth-…", "kapikey-…"} <= set(known)
