"""AsyncAPI: valid, complete, and true to what goes over the socket."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.protocol.codec import PONG, encode_notification, is_ping
from gateway.protocol.messages import Notification
from gateway.protocol.signatures import Signatures
from gateway.system.documents.asyncapi import asyncapi
from tests.npm import node_with_packages

Json = dict[str, Any]

FOLDER = Path(__file__).parent / "asyncapi"
COMMON = {"ping", "tokenExpired", "tokenExpiresSoon"}


@pytest.fixture(scope="module")
def document(extended: Signatures) -> Json:
    """The document of our own actions and an extension's, as it goes over the wire."""
    made: Json = json.loads(json.dumps(asyncapi(extended, version="1.2.3")))
    return made


@pytest.fixture(scope="module")
def official() -> jsonschema.Draft7Validator:
    """The schema of AsyncAPI 3.0, from the package that its makers publish."""
    node_with_packages(FOLDER, "the official schema of AsyncAPI")
    schema = FOLDER / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    return jsonschema.Draft7Validator(json.loads(schema.read_text("utf-8")))


def resolve(document: Json, reference: Json) -> tuple[str, Any]:
    """What a reference leads to: the last name on the way, and the thing."""
    found: Any = document
    for name in (way := reference["$ref"].removeprefix("#/").split("/")):
        found = found[name]
    return resolve(document, found) if isinstance(found, dict) and "$ref" in found else (way[-1], found)


def fits(document: Json, message: str, value: Any) -> bool:
    """Tell whether a value is such a message."""
    payload = document["components"]["messages"][message]["payload"]
    validator = jsonschema.Draft7Validator({"components": document["components"], **payload})
    return next(validator.iter_errors(value), None) is None


def those_that_fit(document: Json, value: Any) -> list[str]:
    """The messages of the channel that a value is."""
    return [name for name in document["channels"]["socket"]["messages"] if fits(document, name, value)]


def test_the_document_is_asyncapi(document: Json, official: jsonschema.Draft7Validator) -> None:
    """As the official schema has it."""
    assert [] == [error.message for error in official.iter_errors(document)]


@pytest.mark.parametrize(
    "part",
    [{"asyncapi": "2.6.0"}, {"servers": {"gateway": {"host": "x"}}}, {"operations": {"a": {"action": "answer"}}}],
    ids=["version", "server", "operation"],
)
def test_the_schema_is_not_blind(document: Json, official: jsonschema.Draft7Validator, part: Json) -> None:
    """It finds a fault at the top, and deeper."""
    assert not official.is_valid(document | part)


def test_every_reference_leads_somewhere(document: Json) -> None:
    """The official schema does not follow them; operations refer to messages of their channel."""
    references = re.findall(r'"\$ref": "([^"]+)"', json.dumps(document))

    assert references
    for reference in references:
        resolve(document, {"$ref": reference})


def test_every_registered_action_is_an_operation_with_a_reply(document: Json, extended: Signatures) -> None:
    """The server receives its request, and answers it on the same channel, or says what is wrong."""
    operations = {key: value for key, value in document["operations"].items() if key not in COMMON}
    names = {f"{controller}:{name}" for controller, actions in extended.items() for name in actions}

    assert names == {operation["title"] for operation in operations.values()}
    for key, operation in operations.items():
        assert "receive" == operation["action"]
        assert [key] == [resolve(document, each)[0] for each in operation["messages"]]
        assert [f"{key}.answer", "error"] == [resolve(document, each)[0] for each in operation["reply"]["messages"]]


def test_keys_are_of_the_letters_that_keys_may_have(document: Json) -> None:
    """Whatever an extension calls its controllers."""
    keys = {*document["operations"], *document["components"]["messages"], *document["components"]["schemas"]}

    assert [] == [key for key in keys if not re.fullmatch(r"[\w.-]+", key)]
    assert "weather_thermometer.report" in keys


def test_the_way_in_is_one_channel_over_websocket(document: Json) -> None:
    """At the root of the address; a token goes in the message, a cookie with the upgrade."""
    channel = document["channels"]["socket"]

    assert ["socket"] == list(document["channels"])
    assert ("/", "GET") == (channel["address"], channel["bindings"]["ws"]["method"])
    assert "ws" == document["servers"]["gateway"]["protocol"]
    assert {"token": "apiKey", "cookie": "httpApiKey"} == {
        name: scheme["type"] for name, scheme in document["components"]["securitySchemes"].items()
    }


KEY = {
    "description": "d",
    "expiresAt": -1,
    "fingerprint": "f",
    "ttl": -1,
    "userId": "u",
    "token": "t",
    "_kuzzle_info": {"author": "-1", "createdAt": 1, "updatedAt": None, "updater": None},
}
REQUEST = {"controller": "security", "action": "createApiKey", "userId": "u", "body": {"description": "d"}}
ANSWER = {
    "controller": "security",
    "action": "createApiKey",
    "error": None,
    "headers": {},
    "node": "knode-x",
    "requestId": "r",
    "result": {"_id": "k", "_source": KEY},
    "room": "r",
    "status": 200,
    "volatile": None,
}
ERROR = {**ANSWER, "error": {"message": "No.", "status": 400}, "status": 400, "result": None}
EXPIRED = Notification("TokenExpired", "Authentication Token Expired", "It has ended.", "knode-x", "r")


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("security.createApiKey", REQUEST),
        ("security.createApiKey", REQUEST | {"jwt": None, "requestId": "r", "volatile": {}, "unknown": 1}),
        ("security.createApiKey.answer", ANSWER),
        ("error", ERROR),
        ("error", ERROR | {"controller": None, "action": None, "requestId": 5}),
        ("tokenExpired", json.loads(encode_notification(EXPIRED))),
        ("ping", {"p": 1}),
        ("pong", json.loads(PONG)),
        ("server.openapi.answer", {"openapi": "3.1.0", "room": "r"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_is_one_of_the_channel_and_only_one(document: Json, message: str, value: Any) -> None:
    """So AsyncAPI demands, and so a reader can tell what came."""
    assert [message] == those_that_fit(document, value)


@pytest.mark.parametrize(
    ("message", "value"),
    [
        ("security.createApiKey", REQUEST | {"userId": 1}),
        ("security.createApiKey", REQUEST | {"jwt": 1}),
        ("security.createApiKey.answer", ANSWER | {"status": 201}),
        ("security.createApiKey.answer", {name: value for name, value in ANSWER.items() if name != "room"}),
        ("security.createApiKey.answer", ANSWER | {"result": {"_id": "k", "_source": KEY | {"secret": 1}}}),
        ("error", ERROR | {"error": {"status": 400}}),
        ("ping", {"p": 1, "q": 1}),
        ("server.openapi.answer", {"openapi": "3.1.0"}),
        ("server.openapi.answer", ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_such_message_is_told_apart(document: Json, message: str, value: Any) -> None:
    """Wrong types, missing keys, keys that do not belong into a result."""
    assert not fits(document, message, value)


def test_the_ping_is_what_the_socket_takes_for_one(document: Json) -> None:
    """Nothing beside `p`, and nothing but 1."""
    for value in ({"p": 1}, {"p": 2}, {"p": 1, "more": 0}, {}):
        assert is_ping(json.dumps(value).encode()) is fits(document, "ping", value)
