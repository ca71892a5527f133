"""`latchgate serve` as its operator meets it: a process that starts, tells, stops, and keeps its secrets."""

import argparse
import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from websockets.exceptions import ConnectionClosed

from gateway import cli
from gateway.config import load
from gateway.storage import embedded
from gateway.storage.mongod_binary import read_place
from tests.client import connected
from tests.ending import STOP_S, ended, first_lines
from tests.serving import START_S, Served, complaint, latchgate, mongods, run, served, spawn

CANARY = "canary-5ecret-canary-5ecret-canary"
PASSWORD = "canary-passw0rd"
POLL_S = 0.005


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway with settings from everywhere, whose proposed next step has been followed in another terminal."""
    folder = tmp_path_factory.mktemp("serve")
    file = folder / "latchgate.toml"
    file.write_text(
        '[server]\nnode_name = "from-file"\nport = 1\n[mongodb]\ndatabase = "from-file"\n[logging]\nlevel = "error"\n'
    )
    environment = {
        "LATCHGATE_SERVER_NODE_NAME": "from-environment",
        "LATCHGATE_SERVER_PORT": "2",
        "LATCHGATE_LOGGING_LEVEL": "warning",
        "LATCHGATE_SECURITY_JWT_SECRET": CANARY,
        "LATCHGATE_DEMO_PASSWORD": PASSWORD,
    }
    with served(folder / "a data folder", "--config", str(file), "--log-level", "debug", environment=environment) as it:
        made = run([*it.next_step, "--password-stdin"], f"{PASSWORD}\n")
        assert 0 == made[0], made
        yield it


def assert_nothing_left(data: Path, socket_path: str | None) -> None:
    """No mongod, no announcement, no socket, and a lock that is free."""
    assert [] == mongods(data)
    assert not (data / "mongod.json").exists()
    assert embedded.announced(data) is None
    if socket_path is not None:
        assert not Path(socket_path).parent.exists()


# What it tells.


def test_start_tells_address_and_that_an_administrator_is_missing(shared: Served) -> None:
    """Three lines: the address, what is missing, and a command that was seen to mend it (see the fixture)."""
    first, second, third = shared.welcome

    assert re.fullmatch(
        rf"Latchgate \S+ listens on ws://127\.0\.0\.1:{shared.port}, node from-environment, "
        rf"with an embedded MongoDB in {re.escape(str(shared.data))}\.",
        first,
    )
    assert "There is no administrator yet. Next, in another terminal:" == second
    assert re.fullmatch(r"    \S.* admin create --username admin --config \S+ --data-dir '.+'", third)


async def test_settings_reach_the_gateway_flags_before_environment_before_file(shared: Served) -> None:
    """The port is the flag's, the node the environment's, the database the file's."""
    async with connected(shared.port) as client:
        answer = await client.ask("server:publicApi")
    with MongoClient[dict[str, Any]](embedded.uri(shared.place.socket)) as mongo:
        databases = mongo.list_database_names()

    assert "from-environment" == answer["node"]
    assert shared.port > 2
    assert "from-file" in databases
    assert "latchgate" not in databases
    assert " INFO latchgate: MongoDB " in shared.errors.read_text()


async def test_administrator_made_beside_a_running_gateway_can_log_in(shared: Served) -> None:
    """`admin create` used the gateway's own mongod: there is one, still the same, and its child."""
    async with connected(shared.port) as client:
        await client.login("admin", PASSWORD)
        user = await client.succeed("auth:getCurrentUser")

    assert ("admin", ["admin"]) == (user["_id"], user["_source"]["profileIds"])
    assert [shared.place.pid] == mongods(shared.data)


def test_second_administrator_is_refused_in_one_line(shared: Served) -> None:
    """Whoever is first stays the only one; the gateway goes on."""
    words = latchgate("admin", "create", "--username", "second", "--password-stdin", "--database", "from-file")

    status, output, errors = run([*words, "--data-dir", str(shared.data)], "another-passw0rd\n")

    assert (1, "") == (status, output)
    assert "latchgate: There is an administrator already." == complaint(errors)
    assert shared.process.poll() is None


# How it ends.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_signal_stops_gateway_and_mongod_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    """Status 0, clients are told 1012, nothing is left, nothing is complained of, all within the bound."""
    with served(tmp_path / "data") as gateway:
        socket_path = gateway.place.socket
        async with connected(gateway.port) as client:
            await client.succeed("auth:getCurrentUser")
            began = time.monotonic()
            stopping = asyncio.create_task(asyncio.to_thread(gateway.stop, number))
            with pytest.raises(ConnectionClosed) as closed:
                await client.socket.recv()
            status = await stopping

    assert 0 == status
    assert time.monotonic() - began < 10
    assert closed.value.rcvd is not None
    assert 1012 == closed.value.rcvd.code
    assert_nothing_left(gateway.data, socket_path)
    assert [] == [line for line in gateway.errors.read_text().splitlines() if " INFO " not in line]


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for what no event tells of: what another process does."""
    deadline = time.monotonic() + START_S
    while not condition():
        assert process.poll() is None, "it ended too early"
        assert time.monotonic() < deadline
        time.sleep(POLL_S)


@pytest.mark.parametrize("moment", ["lock taken", "mongod spawned", "mongod ready"])
def test_signal_during_the_start_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    """Whatever was begun is taken back, and the status is 0: it did what it was told."""
    data, errors = tmp_path / "data", tmp_path / "stderr"
    reached = {
        "lock taken": (data / "latchgate.lock").exists,
        "mongod spawned": lambda: bool(mongods(data)),
        "mongod ready": lambda: "MongoDB" in errors.read_text(),
    }
    with spawn(latchgate("serve", "--port", "0", "--data-dir", str(data)), errors) as process:
        until(reached[moment], process)
        place = read_place(data)
        process.terminate()
        status, output = ended(process, errors), first_lines(process, 1, STOP_S)

    assert (0, []) == (status, output)
    assert_nothing_left(data, place.socket if place else None)
    assert "Traceback" not in errors.read_text()


def test_taken_port_is_one_line_and_leaves_no_mongod(tmp_path: Path) -> None:
    """The line names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = latchgate("serve", "--port", str(port), "--data-dir", str(tmp_path / "data"))
        status, output, errors = run(words)

    assert (1, "") == (status, output)
    assert complaint(errors).startswith(f"latchgate: cannot listen on 127.0.0.1:{port}: ")
    assert_nothing_left(tmp_path / "data", None)


def test_data_folder_of_another_gateway_is_one_line_with_its_pid(shared: Served) -> None:
    """The gateway that has it does not notice."""
    status, output, errors = run(latchgate("serve", "--port", "0", "--data-dir", str(shared.data)))

    assert (1, "") == (status, output)
    said = f"latchgate: data folder {shared.data} is in use by another gateway (pid {shared.process.pid})"
    assert said == complaint(errors)
    assert [shared.place.pid] == mongods(shared.data)
    assert shared.process.poll() is None


def test_missing_mongod_is_one_line(tmp_path: Path) -> None:
    """A program that was named is not looked for elsewhere."""
    file = tmp_path / "latchgate.toml"
    file.write_text(f'[mongodb]\nbinary = "{tmp_path}/mongod"\n')

    status, output, errors = run(latchgate("serve", "--config", str(file), "--data-dir", str(tmp_path / "data")))

    assert (1, "") == (status, output)
    assert f"latchgate: there is no mongod at {tmp_path}/mongod" == complaint(errors)


# How it goes on.


async def test_killed_mongod_is_started_again(shared: Served) -> None:
    """The process and the connection live, what was stored is there, and the operator is told in one line."""
    killed = shared.place.pid
    async with connected(shared.port) as client:
        await client.login("admin", PASSWORD)
        await client.succeed("security:createUser", _id="before", body={"content": {"profileIds": ["default"]}})

        os.kill(killed, signal.SIGKILL)
        async with asyncio.timeout(START_S):
            while (await client.ask("security:getUser", _id="before"))["error"]:
                pass
        await client.succeed("security:createApiKey", userId="before", body={"description": "after"})

    assert [shared.place.pid] == mongods(shared.data)
    assert killed != shared.place.pid
    told = [line for line in shared.errors.read_text().splitlines() if " ERROR " in line]
    assert 1 == sum("the embedded MongoDB ended with status -9; starting it again" in line for line in told)


# What it keeps to itself.


async def test_log_at_debug_holds_no_secret(shared: Served) -> None:
    """Neither passwords, nor tokens or parts of them, nor the secret that signs; in mongod's log neither."""
    async with connected(shared.port) as client:
        session = await client.login("admin", PASSWORD)
        await client.succeed("security:createUser", _id="o", body={"content": {"profileIds": ["default"]}})
        key = await client.succeed("security:createApiKey", userId="o", body={"description": "roof"}, expiresIn="1d")
        token = key["_source"]["token"]
        for jwt in (token, f"{token}x", token[:-1], session.removeprefix("kauth-"), 5, {"token": token}):
            await client.exchange(json.dumps({"controller": "auth", "action": "getCurrentUser", "jwt": jwt}))
        await client.fail(
            "auth:login", strategy="local", body={"username": "admin", "password": f"{PASSWORD}x"}, jwt=""
        )
        await client.fail(f"security:{token}", body={"password": PASSWORD})
        await client.exchange(f'{{"jwt":"{token}"')
        await client.succeed("security:deleteApiKey", userId="o", key=token)

    secrets = [CANARY, PASSWORD, *parts(session), *parts(token)]
    for log in (shared.errors, shared.data / "mongod.log"):
        text = log.read_text()
        assert len(text) > 0
        assert [] == [secret for secret in secrets if secret in text]


def parts(token: str) -> list[str]:
    """What identifies a token: not its header, which all have in common."""
    return token.split(".")[1:]


def test_a_connection_string_of_the_environment_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next line must lead to the same database, whatever told this gateway where that is."""
    monkeypatch.setenv("LATCHGATE_MONGODB_URI", "mongodb://u:secret@db")
    config = load(None, {"LATCHGATE_MONGODB_URI": "mongodb://u:secret@db", "LATCHGATE_MONGODB_DATABASE": "other"}, {})
    arguments = argparse.Namespace(config=None, mongodb_uri=None, database=None)

    command = cli._admin_command(config, arguments)

    assert command.endswith(
        "admin create --username admin --database other    (with LATCHGATE_MONGODB_URI set as here)"
    )
