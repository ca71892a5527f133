"""Actions → an AsyncAPI 3.0 document of the socket.

Rules of the file: pure. One channel carries everything: a message for the request of each action, one for its answer,
one for every error, and what comes unasked. The operations are the server's: it receives requests and replies on the
same connection. Source: frames.md.
"""

import re
from typing import Any

from gateway.protocol.signatures import Signatures
from gateway.system.documents.results import RAW
from gateway.system.documents.schemas import Described, answer, describe, envelopes, ref, referenced, request

__all__ = ["asyncapi"]

Json = dict[str, Any]

_DESCRIPTION = """\
What this server answers over its WebSocket, generated from the actions that it runs.

A message is one JSON object in a text frame. Each request gets exactly one answer, in any order: `requestId` and `room`
of the answer are the request's `requestId`. What an action takes beside its body stands at the root of the request.
Clients offer no subprotocol, and any path will do.
"""


def asyncapi(signatures: Signatures, *, version: str) -> Json:
    """Describe the socket.

    Args:
        signatures: of every registered action.
        version: of the server.
    """
    described, components = describe(signatures)
    messages = _COMMON_MESSAGES | {name: body for one in described for name, body in _messages(one).items()}
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Latchgate",
            "version": version,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": name} for name in sorted({one.controller for one in described})],
        },
        "defaultContentType": "application/json",
        "servers": _SERVERS,
        "channels": {
            "socket": {
                "address": "/",
                "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
                "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
            }
        },
        "operations": _COMMON_OPERATIONS | {_key(one): _operation(one) for one in described},
        "components": {
            "securitySchemes": _SECURITY,
            "messages": messages,
            "schemas": components | _ANSWERED | envelopes(has_room=True),
        },
    }
    return referenced(document)


def _key(described: Described) -> str:
    """A name for the map of operations; names of extensions may hold characters that have none there."""
    return re.sub(r"[^\w.-]", "_", f"{described.controller}.{described.action}")


def _messages(described: Described) -> Json:
    key = _key(described)
    return {
        key: {
            "name": described.name,
            "title": f"Request of {described.name}",
            "payload": request(described),
            "correlationId": {"location": "$message.payload#/requestId"},
        },
        f"{key}.answer": {
            "name": f"{described.name} answered",
            "title": f"Answer of {described.name}",
            "payload": _raw(described) if described.name in RAW else answer(described),
            "correlationId": {"location": "$message.payload#/room"},
        },
    }


def _raw(described: Described) -> Json:
    """A document stands at the root of the message; its other form is a bare text, which names no request."""
    key = RAW[described.name]
    return {
        "anyOf": [
            {"type": "object", "properties": {"room": {"type": "string"}}, "required": [key, "room"]},
            {"type": "string", "minLength": 1},
        ]
    }


def _operation(described: Described) -> Json:
    key = _key(described)
    return {
        "action": "receive",
        "channel": _CHANNEL,
        "title": described.name,
        "summary": described.signature.summary,
        "tags": [{"name": described.controller}],
        "security": [{"$ref": f"#/components/securitySchemes/{name}"} for name in _SECURITY],
        "messages": [_message(key)],
        "reply": {"channel": _CHANNEL, "messages": [_message(f"{key}.answer"), _message("error")]},
    }


def _message(name: str) -> Json:
    return {"$ref": f"#/channels/socket/messages/{name}"}


def _exactly(**properties: Json) -> Json:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_CHANNEL: Json = {"$ref": "#/channels/socket"}

_SERVERS: Json = {
    "gateway": {
        "host": "{host}:{port}",
        "protocol": "ws",
        "variables": {
            "host": {"default": "localhost", "description": "Where the gateway listens."},
            "port": {"default": "7512", "description": "`server.port` of its configuration."},
        },
    }
}

_SECURITY: Json = {
    "token": {
        "type": "apiKey",
        "in": "password",
        "description": (
            "The key `jwt` of each request: a login token (`kauth-…`) or an API key (`kapikey-…`), exactly as it was"
            " issued. Without it, and without a cookie, the anonymous user asks."
        ),
    },
    "cookie": {
        "type": "httpApiKey",
        "in": "cookie",
        "name": "authToken",
        "description": "Of the upgrade, from a page whose origin may call the gateway.",
    },
}

_ANSWERED: Json = {
    "token.expired": _exactly(
        type={"const": "TokenExpired"},
        status={"const": 200},
        info={"type": "string"},
        message={"type": "string"},
        node={"type": "string"},
        requestId={"type": "string"},
        room={"const": "kuzzle:notification:server"},
    ),
    "token.expiresSoon": _exactly(
        type={"const": "TokenExpiresSoon"},
        status={"const": 200},
        info={"type": "string"},
        message={"type": "string"},
        node={"type": "string"},
        requestId={"type": "string"},
        room={"const": "kuzzle:notification:server"},
        expiresAt={"type": "integer", "description": "Milliseconds since the epoch."},
    ),
}

_COMMON_MESSAGES: Json = {
    "error": {
        "name": "error",
        "title": "Answer to a request that was not done, or not wholly",
        "payload": ref("envelope.error"),
        "correlationId": {"location": "$message.payload#/room"},
    },
    "tokenExpired": {
        "name": "TokenExpired",
        "title": "A token that was used on this connection has ended",
        "payload": ref("token.expired"),
    },
    "tokenExpiresSoon": {
        "name": "TokenExpiresSoon",
        "title": "A token that was used on this connection will soon end",
        "payload": ref("token.expiresSoon"),
    },
    "ping": {"name": "ping", "title": "The application's ping", "payload": _exactly(p={"const": 1})},
    "pong": {"name": "pong", "title": "Its answer", "payload": _exactly(p={"const": 2})},
}

_COMMON_OPERATIONS: Json = {
    "ping": {
        "action": "receive",
        "channel": _CHANNEL,
        "summary": "Ask whether the connection lives, where the platform's own ping cannot be sent.",
        "messages": [_message("ping")],
        "reply": {"channel": _CHANNEL, "messages": [_message("pong")]},
    },
    "tokenExpired": {
        "action": "send",
        "channel": _CHANNEL,
        "summary": "Tell that a token which was used on this connection has ended; the connection lives on.",
        "messages": [_message("tokenExpired")],
    },
    "tokenExpiresSoon": {
        "action": "send",
        "channel": _CHANNEL,
        "summary": "Warn that a token which was used on this connection will soon end, where that is set.",
        "messages": [_message("tokenExpiresSoon")],
    },
}
