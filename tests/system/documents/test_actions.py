"""`server:openapi` and `server:asyncapi`: forms, scopes, and that a document is made once."""

from typing import Any

import pytest
import yaml

from gateway import ApiError, Reply
from gateway.protocol.arguments import read
from gateway.protocol.signatures import Signatures
from gateway.system.documents import DocumentsController
from gateway.system.documents.actions import Describe, DescribeScope


def ask(controller: DocumentsController, name: str, **arguments: Any) -> Reply:
    """Run an action with root arguments."""
    if name == "asyncapi":
        return controller.describe_socket(read(Describe, arguments))
    return controller.describe_http(read(DescribeScope, arguments))


@pytest.fixture
def controller(extended: Signatures) -> DocumentsController:
    """The controller over our own actions and an extension's."""
    return DocumentsController(lambda: extended, "1.2.3")


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
def test_json_is_the_form_unless_another_is_asked_for(controller: DocumentsController, name: str) -> None:
    """Raw, as the document itself, with the version of this distribution."""
    for arguments in ({}, {"format": "json"}):
        reply = ask(controller, name, **arguments)

        assert "application/json" == reply.content_type
        assert (name in reply.result, "1.2.3") == (True, reply.result["info"]["version"])


@pytest.mark.parametrize("name", ["openapi", "asyncapi"])
@pytest.mark.parametrize("form", ["yaml", "JSON", ""])
def test_every_other_form_is_yaml(controller: DocumentsController, name: str, form: str) -> None:
    """A text that holds the same document."""
    reply = ask(controller, name, format=form)

    assert "application/yaml" == reply.content_type
    assert ask(controller, name).result == yaml.safe_load(reply.result)


def test_scopes_divide_the_actions(controller: DocumentsController) -> None:
    """`kuzzle` has the protocol's, `app` those that only this server has."""
    texts = {scope: str(ask(controller, "openapi", scope=scope).result) for scope in ("kuzzle", "app")}

    assert ("createApiKey" in texts["kuzzle"], "thermometer" in texts["kuzzle"]) == (True, False)
    assert ("createApiKey" in texts["app"], "thermometer" in texts["app"]) == (False, True)


@pytest.mark.parametrize("scope", ["", "Kuzzle", "all"])
def test_another_scope_is_refused(controller: DocumentsController, scope: str) -> None:
    """With the documented error, in either form."""
    with pytest.raises(ApiError) as caught:
        ask(controller, "openapi", scope=scope, format="yaml")

    assert "api.assert.unexpected_argument" == caught.value.id
    assert (scope, '"kuzzle", "app"') == caught.value.props


def test_a_document_is_made_once(extended: Signatures) -> None:
    """Actions do not come and go while the process runs; each scope is a document of its own."""
    asked: list[None] = []

    def signatures() -> Signatures:
        asked.append(None)
        return extended

    controller = DocumentsController(signatures, "1.2.3")
    for _ in range(2):
        for arguments in ({}, {"scope": "app"}, {"format": "yaml"}):
            ask(controller, "openapi", **arguments)
        ask(controller, "asyncapi")

    assert 3 == len(asked)
    assert ask(controller, "openapi").result is ask(controller, "openapi").result
