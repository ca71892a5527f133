"""Peer: createApiKey as one writes it with FastAPI, Motor and PyJWT, served by uvicorn on uvloop.

Over WebSocket one coroutine per connection, over HTTP one per request, takes a request, mints a token, inserts
the key's record (majority, journaled) and answers: as durable as the gateway, with a mongod of the same binary
and settings. It checks neither rights nor the owner, so it does less per request than the gateway does; but it
takes the requests of a connection in turn, so more in flight on one connection wait for each other.
"""

import argparse
import contextlib
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

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
Keys = AsyncIOMotorCollection[dict[str, Any]]


def make_app(data_dir: Path) -> FastAPI:
    """The application with a private mongod for as long as it runs."""

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        mongod = EmbeddedMongo(data_dir, run_admin_command)
        client: AsyncIOMotorClient[dict[str, Any]] = AsyncIOMotorClient(uri(await mongod.start()))
        try:
            concern = WriteConcern(w="majority", j=True)
            keys: Keys = client["peer"].get_collection("apiKeys", write_concern=concern)
            for fields, unique in INDEXES:
                await keys.create_index([(field, 1) for field in fields], unique=unique)
            app.state.keys = keys
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
                result = await create_api_key(request, app.state.keys)
                await socket.send_json(envelope(request, result))

    @app.post("/users/{user_id}/api-keys/_create")
    async def create(user_id: str, request: Request) -> JSONResponse:
        call = {"controller": "security", "action": "createApiKey", "userId": user_id, "body": await request.json()}
        result = await create_api_key(call, app.state.keys)
        return JSONResponse(envelope({**call, "requestId": str(uuid.uuid4())}, result))

    return app


async def create_api_key(request: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """Mint, store, and return the record with its token, which is shown once."""
    now = time.time()
    user = request["userId"]
    claims = {"_id": user, "iat": int(now), "jti": uuid.uuid4().hex}
    token = "kapikey-" + jwt.encode(claims, SECRET, algorithm="HS256")
    mark = hashlib.sha256(token.encode()).hexdigest()
    stored = record(str(uuid.uuid4()), user, request["body"]["description"], mark, int(now * 1000))
    await keys.insert_one(stored)
    source = {name: value for name, value in stored.items() if name != "_id"}
    return {"_id": stored["_id"], "_source": {**source, "token": token}}


def envelope(request: Mapping[str, Any], result: dict[str, Any]) -> dict[str, Any]:
    """The reply that carries the result."""
    return {
        "action": request["action"],
        "controller": request["controller"],
        "error": None,
        "headers": {},
        "node": NODE,
        "requestId": request["requestId"],
        "result": result,
        "status": 200,
        "volatile": request.get("volatile"),
        "room": request["requestId"],
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
