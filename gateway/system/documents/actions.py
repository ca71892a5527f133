"""`server:openapi` and `server:asyncapi`: what runs here, described for machines.

Order of the file: the arguments, the actions. A document is made when it is first asked for, and kept: actions do not
come and go while the process runs. Source: server-realtime.md, "openapi"; `server:asyncapi` is our own.
"""

from collections.abc import Callable
from typing import Any

from gateway.actions import Controller, Reply, action
from gateway.protocol.arguments import Arguments
from gateway.protocol.errors import api_error
from gateway.protocol.signatures import Signatures
from gateway.system.documents.asyncapi import asyncapi
from gateway.system.documents.openapi import openapi
from gateway.system.documents.yaml import to_yaml

__all__ = ["DocumentsController"]

_SCOPES = ("kuzzle", "app")


class Describe(Arguments, frozen=True):
    """Arguments of `server:asyncapi`; every `format` but `json` means YAML."""

    format: str = "json"


class DescribeScope(Describe, frozen=True):
    """Arguments of `server:openapi`; `scope` chooses between the protocol's actions and those beside them."""

    scope: str = "kuzzle"


class DocumentsController(Controller):
    """`server:` actions on the documents; each is answered raw, without an envelope.

    Args:
        signatures: of what is registered, asked for late because registering comes after.
        version: of this distribution.
    """

    name = "server"

    def __init__(self, signatures: Callable[[], Signatures], version: str) -> None:
        self._signatures = signatures
        self._version = version
        self._made: dict[str, Any] = {}

    @action("openapi")
    def describe_http(self, arguments: DescribeScope) -> Reply:
        """The OpenAPI document of the HTTP face.

        Raises:
            BadRequestError: `api.assert.unexpected_argument`: another scope.
        """
        if arguments.scope not in _SCOPES:
            accepted = ", ".join(f'"{known}"' for known in _SCOPES)
            raise api_error("api.assert.unexpected_argument", arguments.scope, accepted)
        native = arguments.scope == "kuzzle"
        return self._reply(
            f"openapi {arguments.scope}",
            lambda: openapi(self._signatures(), version=self._version, native=native),
            arguments.format,
        )

    @action("asyncapi")
    def describe_socket(self, arguments: Describe) -> Reply:
        """The AsyncAPI document of the socket."""
        return self._reply("asyncapi", lambda: asyncapi(self._signatures(), version=self._version), arguments.format)

    def _reply(self, name: str, make: Callable[[], dict[str, Any]], form: str) -> Reply:
        document = self._once(name, make)
        if form == "json":
            return Reply(document, content_type="application/json")
        return Reply(self._once(f"{name} yaml", lambda: to_yaml(document)), content_type="application/yaml")

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]
