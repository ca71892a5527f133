"""The frames as the bare peers see them: the gateway's request and its reply to `server:now`.

No rights, no routing, no errors: what is left is the price of WebSocket and JSON, the floor under
any gateway that speaks this protocol in Python.
"""

import argparse
import time
from typing import Any

import msgspec

__all__ = ["NODE", "Reply", "Request", "answer", "port_argument"]

NODE = "peer-benchmark-node"


class Request(msgspec.Struct, rename="camel"):
    """The envelope, without arguments."""

    controller: str
    action: str
    request_id: str
    jwt: str | None = None
    body: msgspec.Raw = msgspec.Raw(b"null")
    volatile: dict[str, Any] | None = None


class Now(msgspec.Struct):
    """The server's clock, epoch milliseconds."""

    now: int


class Reply(msgspec.Struct, rename="camel"):
    """The envelope of an answer, keys in the gateway's order."""

    action: str
    controller: str
    error: None
    headers: dict[str, str]
    node: str
    request_id: str
    result: Now
    status: int
    volatile: dict[str, Any] | None
    room: str


decode = msgspec.json.Decoder(Request).decode
encode = msgspec.json.Encoder().encode


def answer(message: bytes | memoryview) -> bytes:
    """The reply to a request, whatever it asks for."""
    request = decode(message)
    return encode(
        Reply(
            action=request.action,
            controller=request.controller,
            error=None,
            headers={},
            node=NODE,
            request_id=request.request_id,
            result=Now(time.time_ns() // 1_000_000),
            status=200,
            volatile=request.volatile,
            room=request.request_id,
        )
    )


def port_argument() -> int:
    """The port to listen on, from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    return port
