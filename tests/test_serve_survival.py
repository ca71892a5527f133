"""What a data folder keeps: after a kill, after a move, and before the first start."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed

from tests.client import ADMIN, Client, connected
from tests.serving import START_S, latchgate, mongods, run, served


async def make_owner(client: Client) -> None:
    """Make the administrator, log in, make a user who may own keys."""
    await client.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await client.login(**ADMIN)
    await client.succeed("security:createUser", _id="owner", body={"content": {"profileIds": ["default"]}})


class Load:
    """Connections that keep requests for keys in flight until they break.

    Attributes:
        acknowledged: `_id` → token of each key that an answer told of.
        enough: set once there are 300 of them.
    """

    connections = 4
    in_flight = 25

    def __init__(self, port: int, jwt: str | None) -> None:
        self._port = port
        self._jwt = jwt
        self._numbers = itertools.count()
        self.acknowledged: dict[str, str] = {}
        self.enough = asyncio.Event()

    async def run(self) -> None:
        """Go on until the gateway is gone."""
        await asyncio.gather(*(self._mint() for _ in range(self.connections)))

    async def _mint(self) -> None:
        async with connected(self._port) as client:
            with contextlib.suppress(ConnectionClosed):
                for _ in range(self.in_flight):
                    await self._request(client)
                while True:
                    self._note(await client.receive())
                    await self._request(client)

    async def _request(self, client: Client) -> None:
        frame = {"controller": "security", "action": "createApiKey", "jwt": self._jwt, "userId": "owner"}
        key_id = f"key-{next(self._numbers)}"
        await client.socket.send(json.dumps(frame | {"_id": key_id, "body": {"description": key_id}}))

    def _note(self, answer: dict[str, Any]) -> None:
        if answer["status"] == 200:
            self.acknowledged[answer["result"]["_id"]] = answer["result"]["_source"]["token"]
        if len(self.acknowledged) >= 300:
            self.enough.set()


async def test_keys_acknowledged_before_a_kill_are_there_afterwards(tmp_path: Path) -> None:
    """Gateway and mongod die by SIGKILL under load; no acknowledged key is lost, none is stored twice."""
    with served(tmp_path / "data") as gateway:
        async with connected(gateway.port) as admin:
            await make_owner(admin)
            load = Load(gateway.port, admin.jwt)
            loading = asyncio.create_task(load.run())
            await asyncio.wait_for(load.enough.wait(), START_S)
            os.kill(gateway.place.pid, signal.SIGKILL)
            gateway.process.kill()
            await loading

    with served(tmp_path / "data") as gateway:
        assert "An administrator exists. Next, in another terminal:" == gateway.welcome[1]
        async with connected(gateway.port) as admin:
            await admin.login(**ADMIN)
            found = await admin.succeed("security:searchApiKeys", userId="owner", size=10_000)
            lost = [
                key_id
                for key_id, token in load.acknowledged.items()
                if not (await admin.succeed("auth:checkToken", body={"token": token}))["valid"]
            ]

    stored = {hit["_id"] for hit in found["hits"]}
    assert [] == lost
    assert set() == load.acknowledged.keys() - stored
    assert len(stored) == len(found["hits"]) == found["total"]
    assert len(stored) <= len(load.acknowledged) + load.connections * load.in_flight


async def test_moved_data_folder_starts(tmp_path: Path) -> None:
    """The folder is all there is: users, keys and the secret that signed them are in it."""
    with served(tmp_path / "here") as gateway:
        async with connected(gateway.port) as admin:
            await make_owner(admin)
            key = await admin.succeed("security:createApiKey", userId="owner", body={"description": ""})
        assert 0 == gateway.stop()
    (tmp_path / "here").rename(tmp_path / "there")

    with served(tmp_path / "there") as gateway:
        async with connected(gateway.port) as device:
            device.jwt = key["_source"]["token"]
            user = await device.succeed("auth:getCurrentUser")
            await device.login(**ADMIN)

    assert "owner" == user["_id"]


async def test_administrator_made_before_the_first_start_is_there(tmp_path: Path) -> None:
    """Without a gateway, `admin create` starts the embedded database for the moment and leaves no process."""
    data = tmp_path / "data"
    words = latchgate("admin", "create", "--username", ADMIN["username"], "--password-stdin", "--data-dir", str(data))

    status, _, errors = run(words, f"{ADMIN['password']}\n")

    assert 0 == status, errors
    assert [] == mongods(data)
    assert not (data / "mongod.json").exists()
    with served(data) as gateway:
        assert "An administrator exists. Next, in another terminal:" == gateway.welcome[1]
        async with connected(gateway.port) as client:
            await client.login(**ADMIN)
