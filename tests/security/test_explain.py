"""What the database does for a request: it goes by an index, however much there is.

MongoDB's profiler keeps the plan with which each operation really ran, those inside transactions too, with the figures
of `explain("executionStats")`. Every kind of look-up is asked for among thousands of others.
"""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
from argon2 import PasswordHasher

from gateway.storage.mongo import Document
from tests.security.nodes import Node, cheap_passwords, node, open_house

pytestmark = pytest.mark.asyncio(loop_scope="module")

CROWD = 1000
OWNED = 3
"""Keys, and tokens, of each user."""

MOST_EXAMINED = 12
"""Documents and keys of an index that one operation may look at, and what it returns or changes is a handful."""

EVERYTHING = {"controllers": {"*": {"actions": {"*": True}}}}


class Case(NamedTuple):
    """A request that looks something up; `$` stands for the number of a user whom no other case concerns.

    Attributes:
        name: controller and action.
        arguments: of the request.
        looks_in: collections of the database that it must be seen to ask.
        bearer: `key` or `token` of the user; nobody's where it is empty.
        status: of the answer.
    """

    name: str
    arguments: dict[str, Any]
    looks_in: str
    bearer: str = ""
    status: int = 200


LOCAL = {"strategy": "local", "_id": "u$"}
IN_P = {"profileIds": ["p$"]}

CASES = {
    "a key is recognized": Case("auth:getCurrentUser", {}, "api-keys users credentials", "key"),
    "a token is recognized": Case("auth:getCurrentUser", {}, "tokens users credentials", "token"),
    "a key is checked": Case("auth:checkToken", {"body": {"token": "key of u$"}}, "api-keys"),
    "login": Case(
        "auth:login",
        {"strategy": "local", "body": {"username": "name$", "password": "pass"}},
        "credentials users tokens",
    ),
    "refreshToken": Case("auth:refreshToken", {}, "tokens users", "token"),
    "createToken": Case("auth:createToken", {}, "tokens users", "token"),
    "global logout": Case("auth:logout", {"global": True}, "tokens", "token"),
    "revokeTokens": Case("security:revokeTokens", {"_id": "u$"}, "tokens"),
    "createApiKey": Case("security:createApiKey", {"userId": "u$", "body": {"description": ""}}, "users api-keys"),
    "keys of a user": Case("security:searchApiKeys", {"userId": "u$"}, "api-keys"),
    "second page of keys": Case("security:searchApiKeys", {"userId": "u$", "from": 1, "size": 1}, "api-keys"),
    "keys by fingerprint": Case(
        "security:searchApiKeys", {"userId": "u$", "body": {"term": {"fingerprint": "f$-1"}}}, "api-keys"
    ),
    "keys by a word": Case(
        "security:searchApiKeys", {"userId": "u$", "body": {"match": {"description": "d"}}}, "api-keys"
    ),
    "deleteApiKey": Case("security:deleteApiKey", {"userId": "u$", "_id": "k$-1"}, "api-keys"),
    "deleteApiKey by fingerprint": Case("security:deleteApiKey", {"userId": "u$", "fingerprint": "f$-1"}, "api-keys"),
    "deleteApiKey of somebody else": Case(
        "security:deleteApiKey", {"userId": "u1", "_id": "k$-1"}, "api-keys", "", 404
    ),
    "getUser": Case("security:getUser", {"_id": "u$"}, "users"),
    "mGetUsers": Case("security:mGetUsers", {"body": {"ids": ["u$", "u1"]}}, "users"),
    "users by profile": Case("security:searchUsers", {"body": {"query": {"term": {"profileIds": "p$"}}}}, "users"),
    "first page of users": Case("security:searchUsers", {"body": {}, "size": 5}, "users"),
    "newest users": Case(
        "security:searchUsers", {"body": {"sort": {"_kuzzle_info.createdAt": "desc"}}, "size": 5}, "users"
    ),
    "next page of users": Case(
        "security:searchUsers", {"body": {"sort": "_id", "search_after": ["u$"]}, "size": 5}, "users"
    ),
    "updateUser": Case("security:updateUser", {"_id": "u$", "body": IN_P}, "users"),
    "createUser": Case("security:createUser", {"_id": "new$", "body": {"content": IN_P}}, "users tokens api-keys"),
    "deleteUser": Case("security:deleteUser", {"_id": "u$"}, "users credentials tokens api-keys"),
    "getUserStrategies": Case("security:getUserStrategies", {"_id": "u$"}, "credentials"),
    "getCredentials": Case("security:getCredentials", LOCAL, "credentials"),
    "getCredentialsById": Case("security:getCredentialsById", LOCAL | {"_id": "name$"}, "credentials"),
    "updateCredentials": Case("security:updateCredentials", LOCAL | {"body": {"username": "n$"}}, "credentials users"),
    "deleteCredentials": Case("security:deleteCredentials", LOCAL, "credentials"),
    "credentials by user name": Case(
        "security:searchUsersByCredentials",
        {"strategy": "local", "body": {"query": {"term": {"username": "name$"}}}},
        "credentials",
    ),
    "is there an administrator": Case("server:adminExists", {}, "users"),
    "profiles by role": Case("security:searchProfiles", {"body": {"roles": ["r$"]}}, "profiles"),
    "deleteRole in use": Case("security:deleteRole", {"_id": "r$"}, "profiles", "", 412),
    "deleteProfile in use": Case("security:deleteProfile", {"_id": "p$"}, "users", "", 412),
    "a profile is taken off": Case(
        "security:deleteProfile", {"_id": "p$", "onAssignedUsers": "remove"}, "users profiles"
    ),
}


def crowd() -> dict[str, list[Document]]:
    """Collection → documents, in the form in which the gateway stores them."""
    info = {"author": "-1", "createdAt": 1, "updatedAt": None, "updater": None}
    password = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("pass")
    numbers = range(CROWD)
    pairs = [(n, k) for n in numbers for k in range(OWNED)]

    def owned(n: int, k: int) -> Document:
        return {"userId": f"u{n}", "expiresAt": -1, "ttl": -1, "fingerprint": f"f{n}-{k}", "createdAt": k}

    def described(name: str, content: Document) -> Document:
        return {"_id": name, "content": content, "_kuzzle_info": info}

    return {
        "roles": [described(f"r{n}", EVERYTHING) for n in numbers],
        "profiles": [described(f"p{n}", {"policies": [{"roleId": f"r{n}"}]}) for n in numbers],
        "users": [described(f"u{n}", {"profileIds": [f"p{n}"]}) for n in numbers],
        "credentials": [{"_id": f"name{n}", "kuid": f"u{n}", "password": password} for n in numbers],
        "tokens": [{"_id": f"t{n}-{k}", **owned(n, k)} for n, k in pairs],
        "keys": [{"_id": f"k{n}-{k}", **owned(n, k), "description": "d", "_kuzzle_info": info} for n, k in pairs],
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crowded(mongod: str) -> AsyncIterator[Node]:
    """A node among thousands of users."""
    with cheap_passwords():
        async with node(open_house(mongod)) as made:
            for name, documents in crowd().items():
                await getattr(made.rooms.collections, name)._collection.insert_many(documents, ordered=False)
            await made.rooms.directory.refresh()
            yield made
            await made.database.drop()


async def bearer(where: Node, kind: str, number: int) -> str | None:
    """A key or token of a user of the crowd."""
    if kind == "token":
        body = {"username": f"name{number}", "password": "pass"}
        return str((await where.succeed("auth:login", strategy="local", body=body))["jwt"])
    made = await where.succeed("security:createApiKey", userId=f"u{number}", body={"description": ""})
    return str(made["_source"]["token"])


async def profiled(where: Node, case: Case, number: int) -> list[Document]:
    """What the database did for a case; the request itself must be answered as expected."""
    database = where.database._database
    token = await bearer(where, case.bearer, number) if case.bearer else None
    key = await bearer(where, "key", number) if "key of" in str(case.arguments) else ""
    arguments = json.loads(json.dumps(case.arguments).replace("key of u$", str(key)).replace("$", str(number)))
    await database.command("profile", 2)
    try:
        answer = await where.ask(case.name, token, **arguments)
    finally:
        await database.command("profile", 0)
    operations: list[Document] = await database["system.profile"].find({}).to_list(None)
    await database["system.profile"].drop()

    assert case.status == answer["status"], answer
    return [one for one in operations if not is_of_the_directory(one)]


def is_of_the_directory(operation: Document) -> bool:
    """It reads all roles or profiles, after a change to one of them: they are kept in memory as a whole."""
    command: Document = operation["originatingCommand" if "originatingCommand" in operation else "command"]
    return command.get("find") in ("roles", "profiles") and command.get("filter") == {}


def stages(plan: Any) -> Iterator[str]:
    """Names of the stages of a plan, wherever they stand in it."""
    if isinstance(plan, dict):
        if isinstance(plan.get("stage"), str):
            yield plan["stage"]
        for part in plan.values():
            yield from stages(part)
    elif isinstance(plan, list):
        for part in plan:
            yield from stages(part)


@pytest.mark.parametrize(("position", "case"), list(enumerate(CASES.values())), ids=list(CASES))
async def test_nothing_is_looked_for_by_going_through_everything(crowded: Node, position: int, case: Case) -> None:
    """No plan scans a collection, and none looks at more than a handful of documents or keys of an index."""
    operations = await profiled(crowded, case, number=position + 10)

    asked = {operation["ns"].partition(".")[2] for operation in operations}
    assert set(case.looks_in.split()) <= asked
    for operation in operations:
        plan = {operation.get("planSummary", ""), *stages(operation.get("execStats"))}
        examined = operation.get("docsExamined", 0), operation.get("keysExamined", 0)
        assert not any("COLLSCAN" in part for part in plan), operation
        assert max(examined) <= MOST_EXAMINED, operation
