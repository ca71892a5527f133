"""The life of an API key in plain HTTP, as the documentation of the action shows it; and all that HTTP adds to it."""

import asyncio
import gzip
import hashlib
import json
import zlib
from typing import Any

import pytest

from gateway import Gateway
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import ConnectHttp
from tests.http_client import HttpClient
from tests.transports.http_wire import http
from tests.transports.wire import dial

KEYS = "/users/sensor/api-keys"
CREATE = f"{KEYS}/_create?refresh=wait_for&expiresIn=-1&_id=roof"
BODY = {"description": "Sensor on the roof"}


@pytest.fixture
async def client(admin: Client, http_admin: HttpClient) -> HttpClient:
    """The administrator's HTTP connection; there is a user `sensor`."""
    await admin.succeed("security:createUser", _id="sensor", body={"content": {"profileIds": ["default"]}})
    return http_admin


def is_roof(key: dict[str, Any]) -> str:
    """Check a new key against what was asked for; return its token."""
    source = dict(key["_source"])
    token, fingerprint, info = (source.pop(name) for name in ("token", "fingerprint", "_kuzzle_info"))
    assert "roof" == key["_id"]
    assert {"description": "Sensor on the roof", "expiresAt": -1, "ttl": -1, "userId": "sensor"} == source
    assert hashlib.sha256(token.encode()).hexdigest() == fingerprint
    assert "admin" == info["author"]
    return str(token)


async def test_a_key_comes_is_used_found_and_goes(
    gateway: Gateway, client: HttpClient, connect_http: ConnectHttp
) -> None:
    """Login, create, use by header and by query, search, delete, refused: every request as the documentation has it."""
    device = await connect_http(gateway)
    await client.login(**ADMIN)
    token = is_roof(await client.succeed("POST", CREATE, body=BODY))

    by_header = await device.succeed("GET", "/_me", f"Authorization: Bearer {token}")
    by_other_case = await device.succeed("GET", "/users/_me", f"authorization: bEARER {token}")
    by_query = await device.succeed("GET", f"/_me?jwt={token}")
    assert ["sensor"] * 3 == [user["_id"] for user in (by_header, by_other_case, by_query)]
    assert "-1" == (await device.succeed("GET", "/_me", f"Authorization: Basic {token}"))["_id"]

    for target, body in (
        (f"{KEYS}/_search", {}),
        (f"{KEYS}/_search?from=0&size=5", {"match": {"description": "roof"}}),
    ):
        found = await client.succeed("POST", target, body=body)
        assert (1, ["roof"]) == (found["total"], [hit["_id"] for hit in found["hits"]])
        assert "token" not in found["hits"][0]["_source"]
    assert (400, "services.storage.document_already_exists") == await client.fail("POST", CREATE, body=BODY)

    assert {"_id": "roof"} == await client.succeed("DELETE", f"{KEYS}/roof?refresh=wait_for")
    for target, header in (("/_me", f"Authorization: Bearer {token}"), (f"/_me?jwt={token}", "X-A: b")):
        assert (401, "security.token.invalid") == await device.fail("GET", target, header)
    assert (404, "services.storage.not_found") == await client.fail("DELETE", f"{KEYS}/roof")
    assert {"acknowledged": True} == await client.succeed("POST", "/_logout")
    assert (401, "security.token.invalid") == await client.fail("GET", "/_me")


async def test_a_header_comes_before_the_token_of_the_query(client: HttpClient) -> None:
    """Where there are two (http.md §1)."""
    assert "admin" == (await client.succeed("GET", "/_me?jwt=nonsense"))["_id"]


@pytest.mark.parametrize(
    ("expires_in", "ttl"), [("-1", -1), ("3600000", 3_600_000), ("30d", 2_592_000_000), ("1.5h", 5_400_000)]
)
async def test_a_lifetime_in_the_query_is_text(expires_in: str, ttl: int, client: HttpClient) -> None:
    """It is read as the lifetime that it would be in JSON (http.md §1, "Query string typing")."""
    key = await client.succeed("POST", f"{KEYS}/_create?expiresIn={expires_in}", body=BODY)

    assert ttl == key["_source"]["ttl"]


@pytest.mark.parametrize(
    ("target", "body", "error"),
    [
        (f"{KEYS}/_create?expiresIn=0", BODY, (400, "api.assert.invalid_argument")),
        (f"{KEYS}/_create?expiresIn=soon", BODY, (400, "api.assert.invalid_argument")),
        (f"{KEYS}/_create", None, (400, "api.assert.body_required")),
        (f"{KEYS}/_create", b"", (400, "api.assert.body_required")),
        (f"{KEYS}/_create", {}, (400, "api.assert.missing_argument")),
        (f"{KEYS}/_create", [1], (400, "api.assert.missing_argument")),
        (f"{KEYS}/_create", b"{", (400, "network.http.body_parse_failed")),
        ("/users/nobody/api-keys/_create", BODY, (404, "security.user.not_found")),
    ],
)
async def test_a_bad_request_is_told_and_the_connection_lives(
    target: str, body: Any, error: tuple[int, str], client: HttpClient, database: Database
) -> None:
    """Over HTTP as over a socket, and nothing is stored."""
    assert error == await client.fail("POST", target, body=body)
    assert 0 == await database.collection("api-keys").count({})
    assert "admin" == (await client.succeed("GET", "/_me"))["_id"]


# The body in its forms.

FORM = "Content-Type: application/x-www-form-urlencoded"
PARTS = b'--b\r\nContent-Disposition: form-data; name="description"\r\n\r\nSensor on the roof\r\n--b--\r\n'
JSON = "Content-Type: application/json"
FORMS: dict[str, tuple[tuple[str, ...], bytes]] = {
    "json": ((JSON,), json.dumps(BODY).encode()),
    "json, no type": ((), json.dumps(BODY).encode()),
    "json, charset": ((f"{JSON}; charset=UTF-8",), json.dumps(BODY).encode()),
    "urlencoded": ((FORM,), b"description=Sensor+on%20the+roof"),
    "multipart": (("Content-Type: multipart/form-data; boundary=b",), PARTS),
    "gzip": ((JSON, "Content-Encoding: gzip"), gzip.compress(json.dumps(BODY).encode())),
    "deflate": ((JSON, "Content-Encoding: deflate"), zlib.compress(json.dumps(BODY).encode())),
    "gzip of deflate": (
        (JSON, "Content-Encoding: deflate, gzip"),
        gzip.compress(zlib.compress(json.dumps(BODY).encode())),
    ),
    "form in gzip": ((FORM, "Content-Encoding: gzip"), gzip.compress(b"description=Sensor+on+the+roof")),
}


@pytest.mark.parametrize(("headers", "body"), FORMS.values(), ids=FORMS)
async def test_a_key_is_made_from_every_form_of_body(headers: tuple[str, ...], body: bytes, client: HttpClient) -> None:
    """The same key, and it opens the door."""
    token = is_roof(await client.succeed("POST", CREATE, *headers, body=body))

    assert "sensor" == (await client.succeed("GET", "/_me", f"Authorization: Bearer {token}"))["_id"]


async def test_a_key_is_made_from_a_whole_request(client: HttpClient) -> None:
    """`/_query`: its own token comes first, the header's where it has none; the request id of the header is echoed."""
    request = {"controller": "security", "action": "createApiKey", "userId": "sensor", "_id": "roof", "body": BODY}
    stranger = {"controller": "auth", "action": "getCurrentUser", "jwt": "nonsense", "requestId": "ignored"}

    is_roof(await client.succeed("POST", "/_query", body=request))
    answer = await client.ask("POST", "/_query", "X-Kuzzle-Request-Id: r1", body=stranger)

    assert (401, "security.token.invalid", "r1") == (answer.status, answer.error_id, answer.envelope["requestId"])
    assert (400, "api.assert.missing_argument") == await client.fail("POST", "/_query", body={})


@pytest.mark.parametrize("goes", ["half-closed", "closed", "reset"])
async def test_a_request_that_is_cut_short_stores_nothing(
    goes: str, gateway: Gateway, client: HttpClient, database: Database
) -> None:
    """At any byte of head or body, chunked or not, the client gone with or without a reset."""
    keys = database.collection("api-keys")
    body = json.dumps(BODY).encode()
    token = f"Authorization: Bearer {client.jwt}"
    whole = [
        http("POST", f"{KEYS}/_create?_id=cut", token, body=body),
        http("POST", f"{KEYS}/_create?_id=cut", token, "Transfer-Encoding: chunked")
        + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
    ]
    for request in whole:
        start = request.index(b"\r\n\r\n")
        for at in range(start - 10, len(request)):
            wire = await dial(gateway.port)
            await wire.send(request[:at])
            if goes == "half-closed":
                wire.writer.write_eof()
                assert b"" == await wire.reader.read()
            wire.reset(hard=goes == "reset")

    assert (await client.succeed("GET", "/_me"))["_id"] == "admin"
    assert 0 == await keys.count({})


# What HTTP adds to an answer.


async def test_answers_are_compressed_for_those_who_ask(client: HttpClient) -> None:
    """With the weight that they give; nobody else, for some cannot inflate (http.md §4)."""
    plain = await client.ask("GET", "/_publicApi")
    compressed = await client.ask("GET", "/_publicApi", "Accept-Encoding: gzip;q=0.8, deflate;q=0.5, br")
    deflated = await client.ask("GET", "/_publicApi", "Accept-Encoding: deflate")

    assert ["identity", "gzip", "deflate"] == [
        answer.headers["content-encoding"] for answer in (plain, compressed, deflated)
    ]
    assert plain.envelope["result"] == compressed.envelope["result"] == deflated.envelope["result"]
    assert len(compressed.body) < len(plain.body) / 4


async def test_request_id_and_volatile_data_come_back(client: HttpClient) -> None:
    """Byte for byte; whatever an error says."""
    headers = ("X-Kuzzle-Request-Id: my \xe9 id", 'X-Kuzzle-Volatile: {"a":  [1.0,"\\u00e9"]}')
    for target in ("/_me", "/users/nobody", "/nowhere"):
        answer = await client.ask("GET", target, *headers)
        assert "my \xe9 id" == answer.headers["x-kuzzle-request-id"]
        if target != "/nowhere":
            assert b'"volatile":{"a":  [1.0,"\\u00e9"]}' in answer.body
    made = [(await client.ask("GET", "/_me")).envelope["requestId"] for _ in range(2)]
    assert made[0] != made[1]
    assert (400, "network.http.volatile_parse_failed") == await client.fail("GET", "/_me", "X-Kuzzle-Volatile: 5")


async def test_an_answer_may_be_pretty(client: HttpClient) -> None:
    """`?pretty`, whatever its value: two blanks deeper at each level."""
    for target in ("/_me?pretty", "/_me?pretty=1&jwt="):
        answer = await client.ask("GET", target)
        assert json.dumps(answer.envelope, indent=2, ensure_ascii=False).encode() == answer.body


async def test_a_partial_success_is_206(client: HttpClient) -> None:
    """With what was done, and what was not."""
    answer = await client.ask("POST", "/users/_mDelete", body={"ids": ["sensor", "nobody"]})

    assert (206, "services.storage.incomplete_delete") == (answer.status, answer.error_id)
    assert ["sensor"] == answer.envelope["result"]
    assert 1 == answer.envelope["error"]["count"]


async def test_too_many_requests_are_told_when_to_come_back(
    client: HttpClient, admin: Client, gateway: Gateway, connect_http: ConnectHttp
) -> None:
    """429 with `Retry-After`, a second: then the limit of the profile counts anew."""
    await admin.succeed(
        "security:createProfile", _id="slow", body={"policies": [{"roleId": "default"}], "rateLimit": 3}
    )
    await admin.succeed("security:updateUser", _id="sensor", body={"profileIds": ["slow"]})
    device = await connect_http(gateway)
    device.jwt = is_roof(await client.succeed("POST", CREATE, body=BODY))

    answers = [await device.ask("GET", "/_me") for _ in range(8)]

    refused = next(answer for answer in answers if answer.status != 200)
    assert (429, "api.process.too_many_requests", "1") == (
        refused.status,
        refused.error_id,
        refused.headers["retry-after"],
    )
    async with asyncio.timeout(10):
        while (await device.ask("GET", "/_me")).status != 200:  # noqa: ASYNC110 - the gateway's clock has no event
            await asyncio.sleep(float(refused.headers["retry-after"]) / 4)


async def test_no_answer_is_kept_or_guessed_at(client: HttpClient) -> None:
    """P08: errors too; a login is named where one is wanted."""
    for target, status in (("/_me", 200), ("/users/nobody", 404), ("/_me?jwt=", 200)):
        answer = await client.ask("GET", target)
        assert (status, "no-store", "nosniff") == (
            answer.status,
            answer.headers["cache-control"],
            answer.headers["x-content-type-options"],
        )
    stranger = await client.ask("GET", "/users/sensor", "Authorization: none")
    assert (401, "Bearer") == (stranger.status, stranger.headers["www-authenticate"])


async def test_the_head_and_the_options_of_the_port(client: HttpClient) -> None:
    """Probes, preflights and the page need no rights (http.md §2, "Built-in endpoints")."""
    client.jwt = None
    head = await client.ask("HEAD", "/")
    probe = await client.ask("GET", "/_healthcheck")
    ready = await client.ask("GET", "/_ready")
    options = [await client.ask("OPTIONS", target) for target in ("*", "/", "/users/x/api-keys/_create?a=b")]
    page = await client.ask("GET", "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8")
    plain = [await client.ask("GET", "/", accept) for accept in ("Accept: */*", "Accept: text/html;q=0", "X-A: b")]

    assert [200] * 6 == [answer.status for answer in (head, probe, ready, *options)]
    assert (None, None) == (probe.envelope["controller"], ready.envelope["result"])
    assert [{}] * 3 == [answer.envelope["result"] for answer in options]
    assert int(head.headers["content-length"]) > 0
    assert (200, "text/html; charset=utf-8") == (page.status, page.headers["content-type"])
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert b"<!doctype html>" == page.body[:15]
    assert [("server", "info")] * 3 == [(each.envelope["controller"], each.envelope["action"]) for each in plain]
