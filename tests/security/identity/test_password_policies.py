"""What passwords must be like, how long they count, and hashes that were brought along."""

import hashlib
import time
from typing import Any

import pytest

from gateway.config import ConfigError, load
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway

POLICY = "plugin.kuzzle-plugin-auth-passport-local."
HOUR = 3_600_000


async def open_house(start_gateway: StartGateway, connect: Connect, **security: Any) -> Client:
    """A connection to a gateway that lets everybody do everything, with these policies."""
    return await connect(await start_gateway(security={"initial_rights": "open", **security}))


async def make(client: Client, kuid: str, password: str, username: str | None = None) -> tuple[int, str | None]:
    """Make a user with a password: status and error id."""
    local = {"username": username or kuid, "password": password}
    body = {"content": {"profileIds": ["admin"]}, "credentials": {"local": local}}
    answer = await client.ask("security:createUser", _id=kuid, body=body)
    return answer["status"], (answer["error"] or {}).get("id")


async def login(client: Client, username: str, password: str) -> tuple[int, str | None]:
    """Log in: status and error id."""
    body = {"username": username, "password": password}
    answer = await client.ask("auth:login", strategy="local", body=body)
    return answer["status"], (answer["error"] or {}).get("id")


async def test_a_new_password_must_fit_the_policy(start_gateway: StartGateway, connect: Connect) -> None:
    """Pattern, user name and history hold wherever a password is set or checked; a change of name sets none."""
    client = await open_house(
        start_gateway, connect, password_pattern=r"\d.*[a-z]", password_forbids_username=True, password_history=2
    )

    assert (400, f"{POLICY}weak_password") == await make(client, "ada", "no digit")
    assert (400, f"{POLICY}login_in_password") == await make(client, "ada", "1-xADAx")
    assert (404, "security.user.not_found") == await client.fail("security:getUser", _id="ada")
    assert (200, None) == await make(client, "ada", "1-first")

    async def change(password: str, action: str = "updateCredentials") -> tuple[int, str | None]:
        body = {"username": "ada", "password": password}
        answer = await client.ask(f"security:{action}", strategy="local", _id="ada", body=body)
        return answer["status"], (answer["error"] or {}).get("id")

    assert (400, f"{POLICY}weak_password") == await change("first")
    assert (400, f"{POLICY}weak_password") == await change("first", "validateCredentials")
    assert (400, f"{POLICY}login_in_password") == await change("1-Ada", "validateCredentials")
    assert (400, f"{POLICY}reused_password") == await change("1-first")
    assert (200, None) == await change("2-second")
    assert (400, f"{POLICY}reused_password") == await change("1-first")
    assert (200, None) == await change("3-third")
    assert (200, None) == await change("1-first"), "two earlier passwords are remembered, not three"
    assert (200, None) == await login(client, "ada", "1-first")
    renamed = {"username": "1-first"}
    await client.succeed("security:updateCredentials", strategy="local", _id="ada", body=renamed)
    assert (200, None) == await login(client, "1-first", "1-first")


@pytest.mark.parametrize("pattern", ["(", "[a-", "a**", "(?P<x"])
def test_a_pattern_that_cannot_be_read_is_refused_at_the_start(pattern: str) -> None:
    """Not when somebody sets a password."""
    with pytest.raises(ConfigError, match=r"security\.password_pattern"):
        load(None, {"LATCHGATE_SECURITY_PASSWORD_PATTERN": pattern}, {})


async def test_without_policies_any_password_will_do(start_gateway: StartGateway, connect: Connect) -> None:
    """Its own user name, a single character, the same again, an old one."""
    client = await open_house(start_gateway, connect)

    assert (200, None) == await make(client, "x", "x")
    await client.succeed("security:updateCredentials", strategy="local", _id="x", body={"password": "x"})
    assert (200, None) == await login(client, "x", "x")


async def test_an_old_password_must_be_changed(
    start_gateway: StartGateway, connect: Connect, database: Database
) -> None:
    """Once it has reached its age it opens nothing; a wrong one is still just wrong; a new one is young."""
    client = await open_house(start_gateway, connect, password_expires_after=HOUR)
    credentials = database.collection("credentials")
    await make(client, "old", "secret")
    assert (200, None) == await login(client, "old", "secret")

    await credentials.update_one({"_id": "old"}, {"$set": {"changedAt": int(time.time() * 1000) - HOUR}})

    assert (401, f"{POLICY}expired_password") == await login(client, "old", "secret")
    assert (401, "plugin.strategy.missing_user") == await login(client, "old", "wrong")
    await client.succeed("security:updateCredentials", strategy="local", _id="old", body={"username": "older"})
    assert (401, f"{POLICY}expired_password") == await login(client, "older", "secret")
    await client.succeed("security:updateCredentials", strategy="local", _id="old", body={"password": "secret"})
    assert (200, None) == await login(client, "older", "secret")


async def test_a_password_set_by_others_must_be_changed(start_gateway: StartGateway, connect: Connect) -> None:
    """By its owner, who needs another way in; the first administrator has set the own one."""
    gateway = await start_gateway(security={"password_must_change_if_set_by_others": True})
    admin, device = await connect(gateway), await connect(gateway)
    await admin.succeed("security:createFirstAdmin", _id="admin", body={"credentials": {"local": ADMIN}})
    await admin.login(**ADMIN)

    await make(admin, "ada", "given")

    assert (401, f"{POLICY}must_change_password") == await login(device, "ada", "given")
    made = await admin.succeed("security:createApiKey", userId="ada", body={"description": "x"})
    device.jwt = made["_source"]["token"]
    await device.succeed("auth:updateMyCredentials", strategy="local", body={"password": "chosen"})
    assert (200, None) == await login(device, "ada", "chosen")

    await admin.succeed("security:updateCredentials", strategy="local", _id="ada", body={"password": "reset"})
    assert (401, f"{POLICY}must_change_password") == await login(device, "ada", "reset")


async def test_a_hash_of_kuzzle_counts_until_it_is_made_anew(
    start_gateway: StartGateway, connect: Connect, database: Database
) -> None:
    """PBKDF2-SHA512, 10,000 rounds, 512 bytes, the salt as text; the first login leaves an argon2id hash."""
    client = await open_house(start_gateway, connect)
    salt = "00c0ffee" * 32
    made = hashlib.pbkdf2_hmac("sha512", "pässword".encode(), salt.encode(), 10_000, 512).hex()
    record = {"_id": "brought", "kuid": "k", "password": f"pbkdf2-sha512${salt}${made}", "updater": "k"}
    await client.succeed("security:createUser", _id="k", body={"content": {"profileIds": ["default"]}})
    credentials = database.collection("credentials")
    await credentials.insert_one(record)

    assert (401, "plugin.strategy.missing_user") == await login(client, "brought", "password")
    assert record == await credentials.find_one({"_id": "brought"})
    assert (200, None) == await login(client, "brought", "pässword")

    stored = await credentials.find_one({"_id": "brought"})
    assert stored is not None
    assert stored["password"].startswith("$argon2id$")
    assert {**record, "password": None} == {**stored, "password": None}
    assert (200, None) == await login(client, "brought", "pässword")
    assert (401, "plugin.strategy.missing_user") == await login(client, "brought", "password")
    assert stored == await credentials.find_one({"_id": "brought"}), "a hash of today's kind stays"
