"""`admin:` actions: start afresh, load what was prepared, tell, stop."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from gateway import Gateway
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client, connected
from tests.conftest import Connect, StartGateway
from tests.serving import STOP_S, mongods, run, served

DONE = {"acknowledge": True}
ROLE = {"controllers": {"server": {"actions": {"now": True}}}}
POLICIES = {"policies": [{"roleId": "doer"}]}
ADA = {"content": {"profileIds": ["doer"]}, "credentials": {"local": {"username": "ada", "password": "secret"}}}


async def stored(database: Database, *names: str) -> list[set[str]]:
    """The ids in collections."""
    return [{document["_id"] for document in await database.collection(name).find({})} for name in names]


async def test_resetting_security_leaves_a_fresh_database(
    gateway: Gateway, admin: Client, connect: Connect, database: Database
) -> None:
    """Users go with all that is theirs, custom rights go, built-in ones are as at the start; counts tell how many."""
    fresh = await stored(database, "roles", "profiles")
    first_rights = await database.collection("roles").find({})
    await admin.succeed("admin:loadSecurities", body={"roles": {"doer": ROLE}, "profiles": {"doer": POLICIES}})
    await admin.succeed("admin:loadSecurities", body={"users": {"ada": ADA}})
    await admin.succeed("security:updateProfile", _id="default", body={"policies": [{"roleId": "doer"}], "tags": ["x"]})
    open_house = {"controllers": {"*": {"actions": {"*": True}}}}
    await admin.succeed("security:updateRole", _id="anonymous", body=open_house)
    made = await admin.succeed("security:createApiKey", userId="ada", body={"description": "x"})
    ada, key, stranger = await connect(gateway), await connect(gateway), await connect(gateway)
    await ada.login("ada", "secret")
    key.jwt = made["_source"]["token"]
    await stranger.succeed("server:info")

    done = await admin.succeed("admin:resetSecurity")

    assert {"deletedUsers": 2, "deletedProfiles": 1, "deletedRoles": 1} == done
    assert fresh == await stored(database, "roles", "profiles")
    assert [set()] * 4 == await stored(database, "users", "credentials", "tokens", "api-keys")
    rights = await database.collection("roles").find({})
    assert [role["content"] for role in first_rights] == [role["content"] for role in rights]
    for client in (admin, ada, key):
        assert (401, "security.token.invalid") == await client.fail("auth:getCurrentUser")
    assert (401, "security.rights.unauthorized") == await stranger.fail("server:info")

    assert {"exists": False} == await stranger.succeed("server:adminExists")
    await stranger.succeed("security:createFirstAdmin", _id="again", body={"credentials": {"local": ADMIN}})
    await stranger.login(**ADMIN)
    await stranger.succeed("server:info")


async def test_a_reset_runs_once_at_a_time(gateway: Gateway, admin: Client, connect: Connect) -> None:
    """Of two at once the second is told so, and nothing of the first is lost."""
    users = {f"u{number}": {"content": {"profileIds": ["default"]}} for number in range(30)}
    await admin.succeed("admin:loadSecurities", body={"users": users})
    other = await connect(gateway)
    other.jwt = admin.jwt

    answers = await asyncio.gather(*(client.ask("admin:resetSecurity") for client in (admin, other)))

    assert [200, 412] == sorted(answer["status"] for answer in answers), answers
    (refused,) = [answer["error"] for answer in answers if answer["error"]]
    assert "api.process.action_locked" == refused["id"]
    (done,) = [answer["result"] for answer in answers if not answer["error"]]
    assert 31 == done["deletedUsers"]


async def test_securities_are_loaded_in_the_order_of_their_references(
    gateway: Gateway, admin: Client, connect: Connect
) -> None:
    """Roles, profiles, users with credentials, in one call; rights follow at once; existing rights are replaced."""
    body = {"users": {"ada": ADA}, "profiles": {"doer": POLICIES}, "roles": {"doer": ROLE}}

    assert DONE == await admin.succeed("admin:loadSecurities", body=body, refresh="false")

    ada = await connect(gateway)
    await ada.login("ada", "secret")
    await ada.succeed("server:now")
    user = await admin.succeed("security:getUser", _id="ada")
    assert "admin" == user["_source"]["_kuzzle_info"]["author"]
    other = {"controllers": {"server": {"actions": {"info": True}}}}
    await admin.succeed("admin:loadSecurities", body={"roles": {"doer": other}})
    assert (403, "security.rights.forbidden") == await ada.fail("server:now")
    assert DONE == await admin.succeed("admin:loadSecurities", body={})
    assert DONE == await admin.succeed("admin:loadSecurities", body={"roles": None, "profiles": {}, "users": None})


async def test_an_unknown_controller_is_loaded_with_force_only(admin: Client) -> None:
    """As createOrReplaceRole has it."""
    body = {"roles": {"later": {"controllers": {"nope": {"actions": {"*": True}}}}}}

    assert (400, "security.role.unknown_controller") == await admin.fail("admin:loadSecurities", body=body)
    await admin.succeed("admin:loadSecurities", body=body, force=True)
    assert (400, "api.assert.missing_argument") == await admin.fail(
        "admin:loadSecurities", body={"profiles": {"p": {}}}
    )


async def test_users_who_are_there_are_spared_skipped_or_replaced(
    gateway: Gateway, admin: Client, connect: Connect
) -> None:
    """`onExistingUsers`: what came before the users stays loaded when they are refused."""
    rights: dict[str, Any] = {"roles": {"doer": ROLE}, "profiles": {"doer": POLICIES}}
    await admin.succeed("admin:loadSecurities", body=rights | {"users": {"ada": ADA}})
    ada = await connect(gateway)
    await ada.login("ada", "secret")
    again = {"content": {"profileIds": ["default"], "nick": "n"}}
    users = {"users": {"ada": again, "bob": again}}

    for how in ({}, {"onExistingUsers": "fail"}):
        later = {"roles": {f"role{len(how)}": ROLE}}
        assert (400, "security.user.prevent_overwrite") == await admin.fail(
            "admin:loadSecurities", body=users | later, **how
        )
        await admin.succeed("security:getRole", _id=f"role{len(how)}")
        assert (404, "security.user.not_found") == await admin.fail("security:getUser", _id="bob")

    assert DONE == await admin.succeed("admin:loadSecurities", body=users, onExistingUsers="skip")
    await ada.succeed("server:now")
    assert "n" == (await admin.succeed("security:getUser", _id="bob"))["_source"]["nick"]

    assert DONE == await admin.succeed("admin:loadSecurities", body=users, onExistingUsers="overwrite")
    assert "n" == (await admin.succeed("security:getUser", _id="ada"))["_source"]["nick"]
    assert (401, "security.token.invalid") == await ada.fail("server:now")
    assert await admin.succeed("security:hasCredentials", strategy="local", _id="ada") is False
    assert DONE == await admin.succeed("admin:loadSecurities", body={"users": {"eve": again}}, onExistingUsers="fail")


async def test_places_are_loaded_and_reset(admin: Client) -> None:
    """Indexes and collections; documents are not kept here, so none are taken, and none lost."""
    mappings: dict[str, Any] = {"i": {"a": {}, "b": {"properties": {}}}, "j": {}}

    assert DONE == await admin.succeed("admin:loadMappings", body=mappings)
    listed = await admin.succeed("collection:list", index="i")
    assert ["a", "b"] == [each["name"] for each in listed["collections"]]

    answer = await admin.ask("admin:loadFixtures", body={"i": {"a": []}, "j": {}})
    assert (200, None, False) == (answer["status"], answer["error"], "result" in answer)
    answer = await admin.ask("admin:refreshIndexCache")
    assert (200, None, False) == (answer["status"], answer["error"], "result" in answer)
    for database in ("internalCache", "memoryStorage"):
        assert DONE == await admin.succeed("admin:resetCache", database=database)
    assert "i" in (await admin.succeed("index:list"))["indexes"]

    assert DONE == await admin.succeed("admin:resetDatabase")
    assert {"indexes": []} == await admin.succeed("index:list")
    assert "admin" == (await admin.succeed("auth:getCurrentUser"))["_id"]


async def test_a_dump_is_in_the_log(admin: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What every thread does, under the name that was given; no secret among it."""
    with caplog.at_level(logging.WARNING, "latchgate"):
        assert DONE == await admin.succeed("admin:dump", suffix="after lunch")
        assert DONE == await admin.succeed("admin:dump")

    dumps = [record.getMessage() for record in caplog.records]
    assert any("after lunch" in dump and "_dump" in dump for dump in dumps)
    assert any("manual-api-action" in dump for dump in dumps)
    assert str(admin.jwt) not in "".join(dumps)


async def test_a_shutdown_is_wished_once(gateway: Gateway, admin: Client) -> None:
    """Whoever runs the gateway learns of it; a second wish is told that the first is being heard."""
    assert not gateway.stop_wanted.is_set()

    assert DONE == await admin.succeed("admin:shutdown")

    assert gateway.stop_wanted.is_set()
    assert (412, "api.process.action_locked") == await admin.fail("admin:shutdown")


async def test_only_those_who_may_are_heard(gateway: Gateway, admin: Client, anonymous: Client) -> None:
    """A stranger's wish stops nothing."""
    assert (401, "security.rights.unauthorized") == await anonymous.fail("admin:shutdown")
    assert not gateway.stop_wanted.is_set()
    await admin.succeed("server:now")


async def test_a_served_gateway_stops_as_if_by_a_signal(tmp_path: Path) -> None:
    """The answer leaves first, connections end with 1012, the process with 0, and its mongod with it."""
    with served(tmp_path / "data") as gateway:
        status, _, errors = run([*gateway.next_step, "--password-stdin"], "secret\n")
        assert 0 == status, errors
        async with connected(gateway.port) as admin:
            await admin.login("admin", "secret")

            assert DONE == await admin.succeed("admin:shutdown")

            with pytest.raises(ConnectionClosed) as closed:
                async with asyncio.timeout(STOP_S):
                    await admin.receive()
        assert closed.value.rcvd is not None
        assert 1012 == closed.value.rcvd.code
        assert 0 == gateway.wait()
        assert [] == mongods(gateway.data)


async def test_a_reset_of_an_open_house_opens_it_again(start_gateway: StartGateway, connect: Connect) -> None:
    """What is fresh is for the configuration to say."""
    gateway = await start_gateway(security={"initial_rights": "open"})
    admin, stranger = await connect(gateway), await connect(gateway)
    await admin.succeed("security:createUser", _id="a", body={"content": {"profileIds": ["admin"]}})
    made = await admin.succeed("security:createApiKey", userId="a", body={"description": "x"})
    admin.jwt = made["_source"]["token"]
    await admin.ask("security:restrictDefaultRights")
    assert (401, "security.rights.unauthorized") == await stranger.fail("server:info")

    await admin.succeed("admin:resetSecurity")

    await stranger.succeed("server:info")


async def test_a_definition_that_cannot_be_meant_costs_no_user(admin: Client) -> None:
    """A user is deleted for another definition only once that could be stored."""
    made = await admin.succeed("security:createApiKey", userId="admin", body={"description": "x"})
    wrong: list[list[str]] = [["ghost"], []]
    for profile_ids in wrong:
        users = {"users": {"admin": {"content": {"profileIds": profile_ids}}}}
        status, _ = await admin.fail("admin:loadSecurities", body=users, onExistingUsers="overwrite")

        assert 400 <= status < 500

    found = await admin.succeed("security:searchApiKeys", userId="admin")
    assert [made["_id"]] == [hit["_id"] for hit in found["hits"]]
