"""Keys are minted: what the answer shows, what is stored, what a caller can and cannot say."""

import base64
import hashlib
import json
import re
import time
from typing import Any

import pytest

from tests.client import Client
from tests.security.conftest import House

pytestmark = pytest.mark.asyncio(loop_scope="module")

SOURCE = ["description", "expiresAt", "fingerprint", "ttl", "userId", "_kuzzle_info", "token"]
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
DAY = 86_400_000


def payload_of(token: str) -> dict[str, Any]:
    """What a JavaScript SDK reads: the middle part, in the classic alphabet."""
    part = token.split(".")[1]
    decoded: dict[str, Any] = json.loads(base64.b64decode(part + "=" * (-len(part) % 4), validate=True))
    return decoded


async def mint(client: Client, **arguments: Any) -> dict[str, Any]:
    """Mint a key, of the administrator's unless said otherwise."""
    given = {"userId": "admin", "body": {"description": "d"}} | arguments
    made: dict[str, Any] = await client.succeed("security:createApiKey", **given)
    return made


async def stored(house: House, key_id: str) -> dict[str, Any]:
    """The key's document."""
    (document,) = [document for document in await house.stored("api-keys") if document["_id"] == key_id]
    return document


async def test_the_answer_has_exactly_the_documented_keys(house: House) -> None:
    """`_id` and `_source`; the token, the fingerprint of it, and times that agree."""
    before = time.time_ns() // 1_000_000
    made = await mint(house.admin, expiresIn="1d")
    after = time.time_ns() // 1_000_000

    source = made["_source"]
    token, history = source["token"], source["_kuzzle_info"]
    assert ["_id", "_source"] == list(made)
    assert set(SOURCE) == set(source)
    assert re.fullmatch(UUID4, made["_id"])
    assert ("d", "admin", DAY) == (source["description"], source["userId"], source["ttl"])
    assert hashlib.sha256(token.encode()).hexdigest() == source["fingerprint"]
    assert ("admin", None, None) == (history["author"], history["updatedAt"], history["updater"])
    assert before <= history["createdAt"] <= after
    assert history["createdAt"] + DAY == source["expiresAt"]


async def test_the_token_is_the_prefix_and_a_jwt_with_our_claims(house: House) -> None:
    """`kapikey-` and three parts; `_id`, `iat`, `exp` rounded up, `jti` of 32 hexadecimal digits, in this order."""
    source = (await mint(house.admin, expiresIn=1500.5))["_source"]

    assert re.fullmatch(r"kapikey-[\w-]+\.[A-Za-z0-9+/]+\.[\w-]{43}", source["token"])
    payload = payload_of(source["token"])
    assert ["_id", "iat", "exp", "jti"] == list(payload)
    assert ("admin", source["_kuzzle_info"]["createdAt"] // 1000) == (payload["_id"], payload["iat"])
    assert -(-source["expiresAt"] // 1000) == payload["exp"]
    assert re.fullmatch(r"[0-9a-f]{32}", payload["jti"])


async def test_a_key_without_expiry_is_endless(house: House) -> None:
    """`expiresAt` and `ttl` -1, no `exp`."""
    source = (await mint(house.admin))["_source"]

    assert (-1, -1) == (source["expiresAt"], source["ttl"])
    assert ["_id", "iat", "jti"] == list(payload_of(source["token"]))


async def test_k07_the_stored_key_is_the_answer_without_its_token(house: House) -> None:
    """Seven fields; a keyless SHA-256 is all that is kept of the token (K07)."""
    made = await mint(house.admin, expiresIn="1d")
    source = made["_source"]
    del source["token"]

    assert {"_id": made["_id"]} | source == await stored(house, made["_id"])


async def test_the_author_is_the_caller_and_the_owner_is_the_user(house: House) -> None:
    """Also when a key makes a key."""
    await house.add_user("owner")
    machine = await house.connect()
    machine.jwt = (await mint(house.admin))["_source"]["token"]

    made = await mint(machine, userId="owner")

    assert ("owner", "admin") == (made["_source"]["userId"], made["_source"]["_kuzzle_info"]["author"])
    machine.jwt = made["_source"]["token"]
    assert "owner" == (await machine.succeed("auth:getCurrentUser"))["_id"]


@pytest.mark.parametrize("refresh", [None, False, True, "false", "true", "wait_for", "", "bad", 0, 1, [], {}], ids=str)
async def test_refresh_is_accepted_in_every_form(house: House, refresh: Any) -> None:
    """It never fails, and the key is found at once whatever it says."""
    made = await mint(house.admin, refresh=refresh)

    found = await house.admin.succeed("security:searchApiKeys", userId="admin", size=1000)
    assert made["_id"] in [hit["_id"] for hit in found["hits"]]


@pytest.mark.parametrize(
    "description", ["", "d", "\u0000", "d\u00e9j\u00e0 \U0001f511", "$where", "x" * 100_000], ids=len
)
async def test_any_text_describes_a_key(house: House, description: str) -> None:
    """Empty and long ones too; it comes back as it was."""
    made = await mint(house.admin, body={"description": description})

    assert description == made["_source"]["description"] == (await stored(house, made["_id"]))["description"]


@pytest.mark.parametrize("absent", [None, "", False, 0], ids=str)
async def test_a_falsy_id_is_generated(house: House, absent: Any) -> None:
    """In the form of a UUID of version 4."""
    assert re.fullmatch(UUID4, (await mint(house.admin, _id=absent))["_id"])


@pytest.mark.parametrize(
    "key_id", ["my-key", "a/b", "..", "with space", "\u00e9" * 256, "$ne", "-1", "admin"], ids=ascii
)
async def test_an_id_is_taken_as_it_is(house: House, key_id: str) -> None:
    """Printable text, to be used again for the deletion."""
    assert key_id == (await mint(house.admin, _id=key_id))["_id"]
    assert {"_id": key_id} == await house.admin.succeed("security:deleteApiKey", userId="admin", _id=key_id)


async def test_k03_what_belongs_to_the_server_cannot_be_sent(house: House) -> None:
    """Every other field of the body is ignored, inside and beside it (K03)."""
    forged = {
        "_id": "forged",
        "token": "kapikey-forged",
        "fingerprint": "f" * 64,
        "expiresAt": 5,
        "ttl": 5,
        "userId": "nobody",
        "createdAt": 5,
        "author": "mallory",
        "scopes": ["*"],
        "_kuzzle_info": {"author": "mallory", "createdAt": 5},
        "free": {"$where": "1"},
    }

    made = await mint(
        house.admin, body=forged | {"description": "d"}, token="x", fingerprint="f" * 64, ttl=5, author="x"
    )

    assert set(SOURCE) == set(made["_source"])
    assert ("d", -1, -1, "admin") == tuple(
        made["_source"][name] for name in ("description", "expiresAt", "ttl", "userId")
    )
    assert "admin" == made["_source"]["_kuzzle_info"]["author"]
    document = await stored(house, made["_id"])
    assert {"_id", *SOURCE} - {"token"} == set(document)
    assert all(word not in repr(document) for word in ("forged", "mallory", "ffff", "scopes", "$where"))


async def test_j11_keys_minted_at_once_are_all_different(house: House) -> None:
    """Pipelined over one socket, for one user, with one expiry: ids, tokens and fingerprints never repeat (J11)."""
    client = await house.connect()
    frame = {
        "controller": "security",
        "action": "createApiKey",
        "jwt": house.admin.jwt,
        "userId": "admin",
        "body": {"description": "many"},
    }
    for number in range(200):
        await client.socket.send(json.dumps(frame | {"requestId": f"many-{number}"}))
    answers = [await client.receive() for _ in range(200)]

    assert {200} == {answer["status"] for answer in answers}
    assert 200 == len({answer["requestId"] for answer in answers})
    assert 200 == len({answer["result"]["_id"] for answer in answers})
    for name in ("token", "fingerprint"):
        assert 200 == len({answer["result"]["_source"][name] for answer in answers})
    many = [document for document in await house.stored("api-keys") if document["description"] == "many"]
    assert {answer["result"]["_id"] for answer in answers} == {document["_id"] for document in many}


async def test_the_database_itself_refuses_a_second_fingerprint(house: House) -> None:
    """A unique index stands behind the promise (J11)."""
    indexes = await house.database._database["api-keys"].index_information()

    assert [True] == [index.get("unique") for index in indexes.values() if index["key"] == [("fingerprint", 1)]]


async def test_one_makes_a_key_for_oneself(house: House) -> None:
    """`auth:createApiKey` takes the caller for the owner, whatever `userId` says."""
    await house.add_profile("maker", auth="createApiKey getCurrentUser")
    maker = await house.add_user("maker", "maker")

    made = await maker.succeed(
        "auth:createApiKey", userId="admin", _id="own", expiresIn="1h", body={"description": "d"}
    )

    assert "own" == made["_id"]
    assert set(SOURCE) == set(made["_source"])
    assert ("maker", "maker") == (made["_source"]["userId"], made["_source"]["_kuzzle_info"]["author"])
    maker.jwt = made["_source"]["token"]
    assert "maker" == (await maker.succeed("auth:getCurrentUser"))["_id"]


@pytest.mark.parametrize(
    ("expires_in", "ttl"),
    [
        ("-1", -1),
        ("-1.0", -1),
        ('"-1"', -1),
        ("null", -1),
        ("1", 1),
        ("999", 999),
        ("1000", 1000),
        ("1.5", 2),
        ('"30d"', 30 * DAY),
        ('"1500"', 1500),
        ('"2 days"', 2 * DAY),
        ("1e3", 1000),
        ("0", None),
        ("-0", None),
        ("-0.0", None),
        ('"0"', None),
        ('""', None),
        ("true", None),
        ("false", None),
        ("-2", None),
        ("1e308", None),
        ("1e999", None),
        ("-1e999", None),
        ("9007199254740992", None),
        ("9223372036854775808", None),
        ("1" + "0" * 5000, None),
        ('"NaN"', None),
        ('"Infinity"', None),
        ('"1h30m"', None),
        (f'"{"1" * 101}"', None),
        ('"\u0663\u0660d"', None),
        (r'"30d\n"', None),
        ("[]", None),
        ('{"$gt":0}', None),
    ],
    ids=lambda value: f"{value:.20}" if isinstance(value, str) else "",
)
async def test_k08_expires_in_over_the_wire(house: House, expires_in: str, ttl: int | None) -> None:
    """By the JSON text: whole milliseconds or 400; never an endless key by mistake, never 500."""
    answer = await house.admin.exchange(
        '{"controller":"security","action":"createApiKey","requestId":"r","userId":"admin","body":{"description":""},'
        f'"jwt":"{house.admin.jwt}","expiresIn":{expires_in}}}'
    )

    if ttl is None:
        error = answer["error"]
        assert (400, "api.assert.invalid_argument", 33619970) == (answer["status"], error["id"], error["code"])
        assert "expiresIn" == error["props"][0]
        return
    source = answer["result"]["_source"]
    end = -1 if ttl == -1 else source["_kuzzle_info"]["createdAt"] + ttl
    assert (ttl, end) == (source["ttl"], source["expiresAt"])
    assert (None if end == -1 else -(-end // 1000)) == payload_of(source["token"]).get("exp")
