"""Frames held against the AsyncAPI document: what the gateway says of itself must be what it does."""

import functools
from typing import Any

import jsonschema

from gateway import Config
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security.tokens import Signer
from gateway.storage.mongo import Database
from gateway.system.documents.asyncapi import asyncapi

__all__ = ["undocumented", "undocumented_request"]


def undocumented(name: str, answer: Any) -> str | None:
    """Tell what an answer has that the document does not allow, or None.

    Args:
        name: `controller:action`.
        answer: the whole message.
    """
    failed = isinstance(answer, dict) and answer.get("status", 200) != 200
    return _fault("error" if failed else f"{name.replace(':', '.')}.answer", answer)


def undocumented_request(name: str, frame: dict[str, Any]) -> str | None:
    """Tell what a request has that the document does not allow, or None."""
    return _fault(name.replace(":", "."), frame)


def _fault(message: str, value: Any) -> str | None:
    validator = _validator(message)
    if validator is None:  # there is no such action
        return None
    error = next(validator.iter_errors(value), None)
    return None if error is None else f"undocumented: {error.json_path}: {error.message}"


@functools.cache
def _document() -> dict[str, Any]:
    database = Database("mongodb://127.0.0.1:1", "none")
    router = Router(Rooms(Config(), database).controllers(Signer(b"-" * 32)))
    database.close()
    return asyncapi(router.signatures, version="0")


@functools.cache
def _validator(message: str) -> jsonschema.Draft7Validator | None:
    messages, components = _document()["components"]["messages"], _document()["components"]
    if message not in messages:
        return None
    return jsonschema.Draft7Validator({"components": components, **messages[message]["payload"]})
