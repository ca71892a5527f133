"""One table over all actions: what is missing, of the wrong type, too long, unknown, somebody else's, an operator.

Every row is answered with the documented error, never a 5xx (deviation 23), and changes nothing.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_asyncio

from tests.client import Client
from tests.security.conftest import House
from tests.security.identity.bad_others import ADMIN, AUTH, KEYS, PLACES, SERVER
from tests.security.identity.bad_parts import Request
from tests.security.identity.bad_rights import PROFILES, ROLES
from tests.security.identity.bad_users import PAIRS, USERS
from tests.security.identity.faults import Row, put

pytestmark = pytest.mark.asyncio(loop_scope="module")

_REQUESTS: dict[str, Request] = {
    **{f"security:{name}": request for name, request in (USERS | PROFILES | ROLES | PAIRS | KEYS).items()},
    **{f"auth:{name}": request for name, request in AUTH.items()},
    **{f"admin:{name}": request for name, request in ADMIN.items()},
    **PLACES,
    **SERVER,
}

TABLE = {
    action: (arguments, [row for rows in several for row in rows]) for action, (arguments, several) in _REQUESTS.items()
}
"""Action → arguments that would do, and its rows."""

HARMLESS = """
    security:getAllCredentialFields security:getUserMapping security:getProfileMapping security:getRoleMapping
    auth:getCurrentUser auth:getMyRights auth:getStrategies index:list admin:refreshIndexCache
    server:adminExists server:asyncapi server:healthCheck server:info server:metrics server:now server:publicApi
""".split()
"""Actions that take no arguments, or any: whatever is sent along is ignored."""

HARMFUL = "security:restrictDefaultRights admin:resetSecurity admin:resetDatabase admin:shutdown".split()
"""Likewise, but one does not call them in passing: all that can be wrong is who asks."""

OPEN = """
    auth:checkToken auth:getCurrentUser auth:getMyRights auth:login auth:logout auth:updateSelf server:publicApi
    server:openapi
""".split()
"""What the profiles anonymous and default may do between them."""

JUNK: dict[str, Any] = {
    "_id": {"$ne": ""},
    "index": ["i"],
    "collection": {"$ne": ""},
    "body": {"$where": "1", "ids": {"$ne": ""}},
    "services": {"$ne": ""},
    "from": {"$gt": ""},
    "size": "many",
    "refresh": {"x": 1},
    "strategy": 5,
    "onExistingUsers": [],
}

COLLECTIONS = ("users", "profiles", "roles", "credentials", "api-keys", "places", "internals", "tokens", "scrolls")


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def key(house: House) -> str:
    """What the requests refer to; the token of the key of `u`."""
    admin = house.admin
    await admin.succeed("security:createRole", _id="r", body={"controllers": {"auth": {"actions": {"login": True}}}})
    await admin.succeed("security:createProfile", _id="p", body={"policies": [{"roleId": "r"}]})
    local = {"credentials": {"local": {"username": "u-name", "password": "secret"}}}
    await admin.succeed("security:createUser", _id="u", body={"content": {"profileIds": ["default"]}, **local})
    await admin.succeed("security:createUser", _id="v", body={"content": {"profileIds": ["p"]}})
    await admin.succeed("collection:create", index="i", collection="c")
    made = await admin.succeed("security:createApiKey", userId="u", _id="k", body={"description": "x"})
    return str(made["_source"]["token"])


async def fingerprint(house: House) -> dict[str, str]:
    """A hash of every collection that a request could change."""
    answer = await house.database._database.command("dbHash", collections=list(COLLECTIONS))
    return dict(answer["collections"])


async def send(client: Client, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Ask, with infinity as JSON can write it."""
    controller, name = action.split(":")
    frame = {"controller": controller, "action": name, "requestId": "r", "jwt": client.jwt, **arguments}
    return await client.exchange(json.dumps(frame).replace("Infinity", "1e999"))


def rows() -> Iterator[Any]:
    """The rows of the table, together where they concern the same argument of the same action."""
    for action, (arguments, faults) in TABLE.items():
        by_path: dict[str, list[Row]] = {}
        for row in faults:
            by_path.setdefault(row.path, []).append(row)
        for path, several in by_path.items():
            names = [row.fault for row in several]
            assert len(set(names)) == len(names), f"{action} {path}: a row stands there twice"
            yield pytest.param(action, arguments, several, id=f"{action} {path}")


@pytest.mark.parametrize(("action", "arguments", "faults"), list(rows()))
async def test_a_mistake_is_answered_by_its_name(
    house: House, action: str, arguments: dict[str, Any], faults: list[Row]
) -> None:
    """The documented status and id, and the argument in question; the database is as it was."""
    before = await fingerprint(house)

    for row in faults:
        answer = await send(house.admin, action, put(arguments, row.path, row.value))

        error = answer["error"]
        assert error is not None, (row, answer["result"])
        assert (row.status, row.error_id) == (error["status"], error.get("id")), (row, error)
        assert row.named is None or row.named == error["props"][0], (row, error)
    assert before == await fingerprint(house)


@pytest.mark.parametrize("action", HARMLESS)
async def test_what_nobody_asked_for_is_ignored(house: House, action: str) -> None:
    """Junk in every argument there is."""
    before = await fingerprint(house)

    answer = await send(house.admin, action, JUNK)

    assert (None, 200) == (answer["error"], answer["status"])
    assert before == await fingerprint(house)


@pytest.mark.parametrize("action", [*TABLE, *HARMLESS, *HARMFUL])
async def test_rights_come_before_mistakes(house: House, key: str, action: str) -> None:
    """401 for strangers and 403 for whoever may not, good arguments or junk; nothing is told, nothing is changed."""
    if action in OPEN:
        return
    before = await fingerprint(house)

    for arguments in (TABLE.get(action, ({}, []))[0], JUNK):
        for jwt, expected in ((None, (401, "security.rights.unauthorized")), (key, (403, "security.rights.forbidden"))):
            answer = await send(house.admin, action, {**arguments, "jwt": jwt})
            assert expected == (answer["status"], answer["error"]["id"])
    assert before == await fingerprint(house)


async def test_the_table_is_whole(house: House) -> None:
    """Every registered action has rows, or takes nothing that could be wrong; the table names no other."""
    api = await house.admin.succeed("server:publicApi")

    registered = {f"{controller}:{name}" for controller, actions in api.items() for name in actions}
    assert registered == {*TABLE, *HARMLESS, *HARMFUL}
    assert {"security", "auth", "admin", "index", "collection", "server"} == set(api)
    assert all(faults for _, faults in TABLE.values())
