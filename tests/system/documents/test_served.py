"""The documents as a tool fetches them: over HTTP, raw, for whoever has the right."""

import asyncio
import http.client
import json
from typing import Any

import pytest
import yaml

from gateway import Gateway
from tests.conftest import StartGateway


async def get(gateway: Gateway, path: str) -> tuple[int, str | None, str]:
    """Status, content type and body of an answer."""

    def ask() -> tuple[int, str | None, str]:
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        found = answer.status, answer.getheader("Content-Type"), answer.read().decode()
        connection.close()
        return found

    return await asyncio.to_thread(ask)


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
async def test_a_tool_gets_the_document_itself(start_gateway: StartGateway, name: str) -> None:
    """No envelope around it; the same in both forms, each with its content type."""
    gateway = await start_gateway(security={"initial_rights": "open"})

    status, kind, text = await get(gateway, f"/_{name}")
    document: dict[str, Any] = json.loads(text)
    assert (200, "application/json", True) == (status, kind, name in document)

    status, kind, text = await get(gateway, f"/_{name}?format=yaml")
    assert (200, "application/yaml") == (status, kind)
    assert document == yaml.safe_load(text)


async def test_what_a_query_asks_wrongly_is_refused_in_an_envelope(start_gateway: StartGateway) -> None:
    """An error is an error, whatever the answer would have been."""
    gateway = await start_gateway(security={"initial_rights": "open"})

    status, kind, text = await get(gateway, "/_openapi?scope=everything&format=yaml")

    assert (400, "application/json") == (status, kind)
    assert "api.assert.unexpected_argument" == json.loads(text)["error"]["id"]


async def test_rights_decide_who_gets_it_from_a_new_gateway(gateway: Gateway) -> None:
    """As of every action: strangers may have the OpenAPI document (rights.md), and not the other one."""
    status, _, text = await get(gateway, "/_openapi")
    assert (200, True) == (status, "openapi" in json.loads(text))

    status, _, text = await get(gateway, "/_asyncapi")
    assert (401, "security.rights.unauthorized") == (status, json.loads(text)["error"]["id"])
