"""The demonstration against a real gateway: what it shows, what it leaves, and what it says when it cannot go on."""

import asyncio
import io
import json
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from gateway import Gateway, demo
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway

Run = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the demonstration in a thread, beside the loop that serves; give its status and its two outputs."""
    monkeypatch.delenv("LATCHGATE_DEMO_PASSWORD", raising=False)

    async def demonstrate(url: int | str, *words: str, stdin: str = f"{ADMIN['password']}\n") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        address = f"ws://127.0.0.1:{url}" if isinstance(url, int) else url
        status = await asyncio.to_thread(demo.main, ["--url", address, *words])
        return status, *capsys.readouterr()

    return demonstrate


def frames(output: str, direction: str) -> list[dict[str, Any]]:
    """Read back the frames that were shown in one direction."""
    lines = [line.removeprefix(f"  {direction} ") for line in output.splitlines() if line.startswith(f"  {direction} ")]
    return [json.loads(text + "}") for text in "\n".join(lines).split("\n}") if text]


async def left_behind(database: Database) -> dict[str, int]:
    """Count what is stored beside the administrator."""
    names = ("users", "credentials", "api-keys", "tokens")
    return {name: await database.collection(name).count({}) for name in names}


async def test_demo_shows_the_way_of_a_key_and_leaves_nothing(
    gateway: Gateway, admin: Client, database: Database, run: Run
) -> None:
    """It succeeds, every step is told, and only the administrator and their own session are there afterwards."""
    before = await left_behind(database)

    status, output, errors = await run(gateway.port, "--password-stdin")

    assert (0, "") == (status, errors)
    told = [
        'Signed in as "admin"',
        "Made a user",
        "Minting",
        "Using it",
        "Found it",
        "Deleted the key",
        "Using it once more",
        "Deleted the user",
        "Logged out",
        "Done",
    ]
    assert told == sorted(told, key=output.index)
    assert {"users": 1, "credentials": 1, "api-keys": 0, "tokens": 1} == before == await left_behind(database)


async def test_demo_shows_the_documented_frames_as_they_went_over_the_wire(
    gateway: Gateway, admin: Client, run: Run
) -> None:
    """The request of the documentation, the answer with the token, and what the key opens before and after."""
    _, output, _ = await run(gateway.port, "--password-stdin")

    minting, using, again = frames(output, "→")
    minted, used, refused = frames(output, "←")
    kuid = str(minting["userId"])
    token = minted["result"]["_source"]["token"]

    assert {
        "action": "createApiKey",
        "body": {"description": "Sigfox API key"},
        "controller": "security",
        "expiresIn": -1,
        "refresh": "wait_for",
        "userId": kuid,
        "_id": f"{kuid}-key",
    } == {name: value for name, value in minting.items() if name not in ("jwt", "requestId")}
    assert minting["requestId"] == minted["requestId"]
    order = "action controller error headers node requestId result status volatile room"
    assert order.split() == list(minted)
    assert token == using["jwt"] == again["jwt"]
    assert kuid == used["result"]["_id"]
    assert (401, "security.token.invalid") == (refused["status"], refused["error"]["id"])


async def test_demo_shows_neither_password_nor_session_token(gateway: Gateway, admin: Client, run: Run) -> None:
    """Of the administrator's token only the beginning is shown, which is the same for everybody's."""
    _, output, errors = await run(gateway.port, "--password-stdin")

    assert ADMIN["password"] not in output + errors
    assert "kauth-eyJhbGciOi…" == frames(output, "→")[0]["jwt"]
    assert 1 == output.count("kauth-")


@pytest.mark.parametrize("source", ["variable", "prompt"])
async def test_password_comes_from_the_environment_or_is_asked_for(
    gateway: Gateway, admin: Client, run: Run, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The variable spares the question."""

    def ask(prompt: str) -> str:
        assert (source, "Administrator's password: ") == ("prompt", prompt)
        return ADMIN["password"]

    monkeypatch.setattr("getpass.getpass", ask)
    if source == "variable":
        monkeypatch.setenv("LATCHGATE_DEMO_PASSWORD", ADMIN["password"])

    status, _, errors = await run(gateway.port)

    assert (0, "") == (status, errors)


@pytest.mark.parametrize(
    ("initial_rights", "username", "shown"),
    [("restricted", "admin", "admin"), ("open", "Jo O'Neil", "'Jo O'\"'\"'Neil'")],
)
async def test_without_an_administrator_the_next_command_is_told(
    start_gateway: StartGateway, run: Run, initial_rights: str, username: str, shown: str
) -> None:
    """Whatever the default rights are, the line can be copied into a shell; no password is asked for."""
    gateway = await start_gateway(security={"initial_rights": initial_rights})

    status, output, errors = await run(gateway.port, "--password-stdin", "--username", username, stdin="")

    assert (1, "") == (status, output)
    assert "no administrator yet" in errors
    assert errors.splitlines()[-1].startswith("    ")
    assert errors.splitlines()[-1].endswith(f"latchgate admin create --username {shown}")


async def test_an_administrator_is_recognised_where_anybody_may_ask(
    start_gateway: StartGateway, connect: Connect, run: Run
) -> None:
    """With open rights the question is answered instead of refused."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    await _make_administrator(await connect(gateway))

    status, _, errors = await run(gateway.port, "--password-stdin")

    assert (0, "") == (status, errors)


async def test_wrong_password_is_one_line(gateway: Gateway, admin: Client, run: Run) -> None:
    """The refusal is the gateway's own sentence."""
    status, output, errors = await run(gateway.port, "--password-stdin", stdin="wrong\n")

    assert (1, "") == (status, output)
    assert ["latchgate demo: auth:login was refused: wrong username or password"] == errors.splitlines()


async def test_unreachable_gateway_is_one_line(run: Run) -> None:
    """Nothing listens: the line says where it looked and what helps."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    status, output, errors = await run(port, "--password-stdin")

    assert (1, "") == (status, output)
    assert 1 == len(errors.splitlines())
    assert f"no gateway can be reached at ws://127.0.0.1:{port} (" in errors
    assert errors.endswith("start one: latchgate serve\n")


@pytest.mark.parametrize("url", ["127.0.0.1:7512", "http://127.0.0.1:7512", "ws://127.0.0.1:none", ""])
async def test_bad_address_is_one_line(run: Run, url: str) -> None:
    """An address of another kind, or none."""
    status, _, errors = await run(url, "--password-stdin")

    assert 1 == status
    assert [f"latchgate demo: {url} is no WebSocket address such as ws://127.0.0.1:7512"] == errors.splitlines()


@pytest.mark.parametrize("answer", ["hello", "[1]", "1e999", None], ids=["no JSON", "no object", "no number", "close"])
async def test_another_kind_of_server_is_one_line(run: Run, answer: str | None) -> None:
    """It may speak WebSocket and not our protocol, or just hang up."""

    async def talk(connection: ServerConnection) -> None:
        await connection.recv()
        if answer is not None:
            await connection.send(answer)
        await connection.close()

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        status, _, errors = await run(port, "--password-stdin")

    assert 1 == status
    assert 1 == len(errors.splitlines())
    assert ("what answers there is no gateway" if answer else "the gateway closed the connection") in errors


async def test_pushed_messages_are_passed_over(run: Run) -> None:
    """What is pushed before an answer carries another room, or none."""

    async def talk(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send('{"type":"TokenExpired","room":"kuzzle:notification:server"}')
            await connection.send('{"type":"news"}')
            answer = {"room": json.loads(message)["requestId"], "error": None, "status": 200}
            await connection.send(json.dumps(answer | {"result": {"exists": False}}))

    async with serve(talk, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        _, _, errors = await run(port, "--password-stdin")

    assert "no administrator yet" in errors


async def test_what_fails_half_way_is_taken_away(
    start_gateway: StartGateway, connect: Connect, database: Database, run: Run
) -> None:
    """A policy refuses the endless key; user and session go all the same."""
    gateway = await start_gateway(api_keys={"hard_max_ttl": 60_000})
    await _make_administrator(await connect(gateway))
    before = await left_behind(database)

    status, output, errors = await run(gateway.port, "--password-stdin")

    assert 1 == status
    assert 1 == len(errors.splitlines())
    assert errors.startswith("latchgate demo: security:createApiKey was refused: ")
    assert ["Deleted the user", "Logged out."] == [line.split(' "')[0] for line in output.splitlines()[-2:]]
    assert before == await left_behind(database)


async def test_demo_runs_as_a_module(gateway: Gateway, admin: Client) -> None:
    """`python -m gateway.demo` is the program, and its status is the process's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway.demo", "--url", f"ws://127.0.0.1:{gateway.port}", "--password-stdin"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=Path(demo.__file__).parents[1],
    )
    output, errors = await asyncio.wait_for(process.communicate(b"wrong\n"), 30)

    assert (1, b"") == (process.returncode, output)
    assert b"latchgate demo: auth:login was refused: wrong username or password\n" == errors


async def _make_administrator(client: Client) -> None:
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
