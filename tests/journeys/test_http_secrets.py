"""O01: what goes over HTTP in confidence comes out nowhere: no log line, no error answer, no metrics.

Every secret is used well and badly, in every place of a request where it may stand, and through faults of an action
and of the database, which are logged with their tracebacks; the log is at its most talkative.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway import Controller, action, logs
from tests.client import ADMIN
from tests.conftest import StartGateway
from tests.http_client import HttpClient, http_connected
from tests.proxy import Proxy, proxied
from tests.serving import own_logging
from tests.transports.http_wire import Answer, answers_in, http
from tests.transports.wire import dial

ORIGIN = "Origin: https://app.example"
PASSWORD, OTHER, WRONG, QUERY = (f"canary-{kind}-{os.urandom(9).hex()}" for kind in ("own", "other", "wrong", "query"))
FORGED = f"kapikey-canary.{os.urandom(24).hex()}.{os.urandom(24).hex()}"
SECRET = os.urandom(32).hex()


class Faulty(Controller):
    """An extension with a fault."""

    name = "faulty"

    @action("fail")
    def fail(self) -> None:
        """Fail as no action should."""
        raise RuntimeError("an extension failed")


class Ear:
    """Asks, and keeps all that was said to it in error, without what the client itself is to keep.

    Attributes:
        said: heads and bodies of errors, and the metrics.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self.said: list[str] = []

    @asynccontextmanager
    async def client(self) -> AsyncIterator[HttpClient]:
        """A connection of its own."""
        async with http_connected(self._port) as client:
            yield client

    async def ask(self, method: str, target: str, *headers: str, body: Any = None) -> Answer:
        """Send a request on a connection of its own."""
        async with self.client() as client:
            answer = await client.ask(method, target, *headers, body=body)
        if answer.status >= 400 or target.startswith("/_metrics"):
            self.said.append(f"{answer.headers} {answer.body!r}")
        return answer

    async def succeed(self, method: str, target: str, *headers: str, body: Any = None) -> dict[str, Any]:
        """The result of a request that succeeds."""
        answer = await self.ask(method, target, *headers, body=body)
        assert 200 == answer.status, answer
        result: dict[str, Any] = answer.envelope["result"]
        return result

    async def shout(self, sent: bytes) -> None:
        """Send bytes that end the connection."""
        wire = await dial(self._port)
        await wire.send(sent)
        for answer in answers_in(await wire.reader.read()):
            assert answer.status >= 400
            self.said.append(f"{answer.headers} {answer.body!r}")
        wire.reset()


async def use_well(ear: Ear) -> dict[str, str]:
    """The journey: a first administrator, logins of every kind, a key; return the secrets that were handed out."""
    own = {"username": ADMIN["username"], "password": PASSWORD}
    user = {"content": {"profileIds": ["default"]}, "credentials": {"local": {"username": "o", "password": OTHER}}}
    await ear.succeed("POST", "/_createFirstAdmin?_id=admin", body={"credentials": {"local": own}})
    token = (await ear.succeed("POST", "/_login/local", body=own))["jwt"]
    bearer = f"Authorization: Bearer {token}"
    await ear.succeed("POST", "/users/other/_create", bearer, body=user)
    by_query = (await ear.succeed("GET", f"/_login/local?username=o&password={OTHER}"))["jwt"]
    in_cookie = await ear.ask("POST", "/_login/local?cookieAuth", ORIGIN, body=own)
    cookie = in_cookie.headers["set-cookie"].split(";")[0].removeprefix("authToken=")
    key = await ear.succeed("POST", "/users/other/api-keys/_create?refresh=wait_for", bearer, body={"description": "d"})
    secrets = {"token": token, "by_query": by_query, "cookie": cookie, "key": key["_source"]["token"]}
    for target, headers in (
        ("/_me", [f"Authorization: Bearer {secrets['key']}"]),
        (f"/_me?jwt={secrets['key']}", []),
        ("/_me", [ORIGIN, f"Cookie: authToken={cookie}"]),
    ):
        await ear.succeed("GET", target, *headers)
    await ear.succeed("POST", "/_checkToken", body={"token": secrets["key"]})
    await ear.succeed("POST", "/_query", body={"controller": "auth", "action": "getCurrentUser", "jwt": token})
    return secrets


async def use_badly(ear: Ear, secrets: dict[str, str]) -> None:
    """Each of them in a request that is refused, in each place where it may stand."""
    own = {"username": ADMIN["username"], "password": WRONG}
    for body in (own, own | {"password": [WRONG]}, {"username": PASSWORD, "password": WRONG}):
        await ear.ask("POST", "/_login/local", body=body)
    await ear.ask("GET", f"/_login/local?username=admin&password={QUERY}")
    await ear.ask("POST", f"/_login/nope?password={QUERY}", body=own)
    for secret in (*secrets.values(), FORGED):
        bearer, cookie = f"Authorization: Bearer {secret}", f"Cookie: authToken={secret}"
        for more in (
            (bearer, ORIGIN, cookie),
            (bearer, "X-Kuzzle-Volatile: {"),
            (f"{bearer}x",),
            (bearer, "Expect: y"),
        ):
            await ear.ask("GET", "/_me", *more)
        await ear.ask("GET", "/_me", ORIGIN, f"{cookie}; authToken=b")
        await ear.ask("GET", "/_me", ORIGIN, f"{cookie}%01")
        await ear.ask("GET", f"/no/such/route?jwt={secret}&pretty", bearer)
        await ear.ask("POST", "/_query", body={"controller": 5, "action": "now", "jwt": secret})
        await ear.ask(
            "POST", "/_query", body=f'{{"controller":"security","action":"createApiKey","jwt":"{secret}"'.encode()
        )
        await ear.ask("POST", "/users/other/api-keys/_create", "Content-Type: text/xml", bearer, body=b"<a/>")
        await ear.ask("POST", "/_checkToken", body={"token": {"of": secret}})
        await ear.ask("POST", "/_query", bearer, body={"controller": "faulty", "action": "fail", "body": {"a": secret}})
        await ear.shout(http("GET", "/_me", bearer, "Transfer-Encoding: chunked, gzip", cookie))
        await ear.shout(http("GET", "/_me", f"{bearer}\nX: y"))
        await ear.shout(http("GET", "/", "Upgrade: websocket", "Connection: upgrade", bearer, cookie))
        await ear.shout(http("STEAL", "/", bearer))
        await ear.shout(http("GET", f"/_me?jwt={secret}#a", bearer))


async def use_without_database(ear: Ear, proxy: Proxy, secrets: dict[str, str]) -> None:
    """Logins and new keys that the database does not answer any more."""
    own = {"username": ADMIN["username"], "password": PASSWORD}
    for fault in (proxy.refuse, proxy.fall_silent):
        fault()
        for bearer in (f"Authorization: Bearer {secrets['token']}", f"Authorization: Bearer {secrets['key']}"):
            await ear.ask("POST", "/_login/local", body=own)
            await ear.ask("POST", "/users/other/api-keys/_create", bearer, body={"description": "d"})
            await ear.ask("PUT", "/_me/credentials/local/_update", bearer, body={"password": OTHER})
        proxy.heal()


@pytest.fixture
async def proxy(mongod: str) -> AsyncIterator[Proxy]:
    """A way to the database that can be closed."""
    async with proxied(mongod) as proxy:
        yield proxy


@pytest.mark.parametrize("form", ["text", "json"])
async def test_o01_no_secret_of_http_comes_out(
    form: str, start_gateway: StartGateway, proxy: Proxy, database_name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither whole nor in thirds; the beginning of a token alone, which says whose it is, is no secret."""
    gateway = await start_gateway(
        Faulty(),
        mongodb={"uri": proxy.uri, "database": database_name, "operation_timeout_ms": 300},
        security={"jwt_secret": SECRET},
        http={"access_control_allow_origin": ("https://app.example",), "logins_per_second": 0},
    )
    with own_logging():
        logs.set_up("debug", form)
        ear = Ear(gateway.port)
        secrets = await use_well(ear)
        await use_badly(ear, secrets)
        await ear.succeed("GET", "/_metrics", f"Authorization: Bearer {secrets['token']}")
        await use_without_database(ear, proxy, secrets)
        log = capsys.readouterr().err

    assert log.count("an extension failed") == len(secrets)
    assert "Traceback" in log
    assert len(ear.said) > 100
    said = "\n".join([log, *ear.said])
    for secret in (PASSWORD, OTHER, WRONG, QUERY, SECRET, *_pieces(FORGED, *secrets.values())):
        assert secret not in said


def _pieces(*tokens: str) -> list[str]:
    pieces = []
    for token in tokens:
        _, payload, signature = token.split(".")
        third = len(signature) // 3
        pieces += [token, payload, signature[:third], signature[third : 2 * third], signature[2 * third :]]
    return pieces
