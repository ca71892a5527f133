"""What the tests of the documents share: the actions that there are, and some that a user of the library added."""

from typing import Any

import pytest

from gateway import Arguments, Body, Config, Controller, OptionalId, RequiredId, action
from gateway.protocol.signatures import Signatures
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security.tokens import Signer
from gateway.storage.mongo import Database


class Reading(Body, frozen=True):
    """What a sensor says."""

    celsius: int
    remark: str | None = None


class Report(Arguments, frozen=True, kw_only=True):
    """One of each kind; `id` is required here and `size` means something else than in the actions of the protocol."""

    id: RequiredId
    other: OptionalId = None
    size: int
    loud: bool = False
    name: str = "nobody"
    tags: list[Any]
    extra: dict[str, Any] | None = None
    anything: Any = None
    body: Reading


class Thermometer(Controller):
    """Actions that only this server has; a name may hold what no identifier can."""

    name = "weather/thermometer"

    @action("report", logged_in_only=True)
    async def report(self, arguments: Report) -> dict[str, list[int]]:
        """Take down what a sensor says."""
        return {arguments.id: [arguments.body.celsius]}

    @action("odd")
    def odd(self) -> type[int]:
        """Answer with what JSON has no form for."""
        return int


def _signatures(*controllers: Controller) -> Signatures:
    database = Database("mongodb://127.0.0.1:1", "none")
    router = Router([*Rooms(Config(), database).controllers(Signer(b"-" * 32)), *controllers])
    database.close()
    return router.signatures


@pytest.fixture(scope="session")
def signatures() -> Signatures:
    """Our own actions."""
    return _signatures()


@pytest.fixture(scope="session")
def extended() -> Signatures:
    """Our own actions, and those of an extension."""
    return _signatures(Thermometer())
