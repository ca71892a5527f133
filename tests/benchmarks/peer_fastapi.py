"""Peer: API keys as one writes them with FastAPI, Motor and PyJWT, served by uvicorn on uvloop.

Over WebSocket one coroutine per connection, over HTTP one per request, takes a request and answers it. To create a key
it mints a token and inserts the record (majority, journaled): as durable as the gateway, with a mongod of the same
binary and settings. A token is checked by its signature and looked up by its fingerprint, its user by the id; nothing
is remembered from one request to the next. It checks neither rights nor the owner, so it does less per request than the
gateway does; but it takes the requests of a connection in turn, so more in flight on one connection wait for each
other.
"""

import argparse
import contextlib
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse
from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo.write_concern import WriteConcern

from gateway.storage.embedded import EmbeddedMongo, uri
from gateway.storage.mongo import run_admin_command
from tests.benchmarks.peer_frames import NODE
from tests.benchmarks.records import INDEXES, record

__all__ = ["make_app"]

SECRET = "a benchmark keeps no secrets, but HS256 wants 32 bytes"
PREFIX = "kapikey-"
Collection = AsyncIOMotorCollection[dict[str, Any]]


class Stores(NamedTuple):
    """Where things are kept."""

    keys: Collection
    users: Collection


def make_app(data_dir: Path) -> FastAPI:
    """The application with a private mongod for as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        mongod = EmbeddedMongo(data_dir, run_admin_command)
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri(await mongod.start()))
        try:
            database = client.get_database("peer", write_concern=WriteConcern(w="majority", j=True))
            stores = Stores(database["apiKeys"], database["users"])
            for fields, unique in INDEXES:
                await stores.keys.create_index([(field, 1) for field in fields], unique=unique)
            app.state.stores = stores
            yield
        finally:
            client.close()
            await mongod.stop()

    app = FastAPI(lifespan=lifespan)

    @app.websocket("/")
    async def converse(socket: WebSocket) -> None:
        await socket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                request = await socket.receive_json()
                result = await ACTIONS[request["action"]](request, app.state.stores)
                await socket.send_json(envelope(request, result))

    @app.post("/users/{user_id}/api-keys/_create")
    async def create(user_id: str, request: Request) -> JSONResponse:
        call = {"controller": "security", "action": "createApiKey", "userId": user_id, "body": await request.json()}
        result = await create_api_key(call, app.state.stores)
        return JSONResponse(envelope({**call, "requestId": str(uuid.uuid4())}, result))

    return app


async def create_user(request: Mapping[str, Any], stores: Stores) -> dict[str, Any]:
    """Store a user."""
    source = request["body"]["content"]
    await stores.users.insert_one({"_id": request["_id"], "content": source})
    return {"_id": request["_id"], "_source": source}


async def create_api_key(request: Mapping[str, Any], stores: Stores) -> dict[str, Any]:
    """Mint, store, and return the record with its token, which is shown once."""
    now = time.time()
    user = request["userId"]
    claims = {"_id": user, "iat": int(now), "jti": uuid.uuid4().hex}
    token = PREFIX + jwt.encode(claims, SECRET, algorithm="HS256")
    stored = record(str(uuid.uuid4()), user, request["body"]["description"], fingerprint(token), int(now * 1000))
    await stores.keys.insert_one(stored)
    source = {name: value for name, value in stored.items() if name != "_id"}
    return {"_id": stored["_id"], "_source": {**source, "token": token}}


async def check_token(request: Mapping[str, Any], stores: Stores) -> dict[str, Any]:
    """Whether a token is good."""
    key = await known(request["body"]["token"], stores)
    return {"expiresAt": key["expiresAt"], "kuid": key["userId"], "valid": True}


async def get_current_user(request: Mapping[str, Any], stores: Stores) -> dict[str, Any]:
    """Whose token it is."""
    key = await known(request["jwt"], stores)
    user = await stores.users.find_one({"_id": key["userId"]})
    if user is None:
        raise LookupError(key["userId"])
    return {"_id": user["_id"], "_source": user["content"], "strategies": []}


async def known(token: str, stores: Stores) -> dict[str, Any]:
    """The record of a token; one that is forged or unknown ends the connection, which the benchmark counts."""
    jwt.decode(token.removeprefix(PREFIX), SECRET, algorithms=["HS256"])
    key = await stores.keys.find_one({"fingerprint": fingerprint(token)})
    if key is None:
        raise LookupError("an unknown token")
    return key


def fingerprint(token: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


ACTIONS = {
    "createUser": create_user,
    "createApiKey": create_api_key,
    "checkToken": check_token,
    "getCurrentUser": get_current_user,
}


def envelope(request: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The reply that carries the result."""
    return {
        "action": request["action"],
        "controller": request["controller"],
        "error": None,
        "headers": {},
        "node": NODE,
        "requestId": request.get("requestId"),
        "result": result,
        "status": 200,
        "volatile": request.get("volatile"),
        "room": request.get("requestId"),
    }


def main() -> None:
    """Serve until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args()
    app = make_app(given.data_dir)
    uvicorn.run(app, host="127.0.0.1", port=given.port, loop="uvloop", access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
