"""The first administrator: made once, from this machine, with credentials that one can log in with."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import Config, Gateway
from gateway.protocol.errors import ApiError
from gateway.rooms import Rooms
from gateway.security.local import Local
from gateway.security.roles import RESTRICTED_ROLES
from gateway.server import open_database
from gateway.storage.mongo import Database
from tests.client import ADMIN, Client
from tests.conftest import Connect, StartGateway
from tests.security.conftest import refusal

BODY = {"credentials": {"local": ADMIN}}
UNAUTHORIZED = (401, "security.rights.unauthorized")
UNPROTECTED = {"security:createFirstAdmin", "server:adminExists"}


async def opens(client: Client, name: str) -> bool:
    """Tell whether a stranger's request gets past the rights; without arguments, so that nothing is done."""
    error = (await client.ask(name))["error"]
    return error is None or error["id"] != UNAUTHORIZED[1]


async def names_of_actions(client: Client) -> list[str]:
    """Every registered action."""
    api = await client.succeed("server:publicApi")
    return [f"{controller}:{name}" for controller, actions in api.items() for name in actions]


async def test_a_stranger_may_do_two_things_more_while_there_is_no_administrator(anonymous: Client) -> None:
    """createFirstAdmin, adminExists, what the role anonymous allows, and nothing else; afterwards not even those."""
    controllers = RESTRICTED_ROLES["anonymous"]["controllers"]
    allowed = {f"{name}:{action}" for name, entry in controllers.items() for action in entry["actions"]}
    names = await names_of_actions(anonymous)

    assert UNPROTECTED < set(names)
    assert (allowed & set(names)) | UNPROTECTED == {name for name in names if await opens(anonymous, name)}

    await anonymous.succeed("security:createFirstAdmin", body=BODY)

    assert allowed & set(names) == {name for name in names if await opens(anonymous, name)}


async def test_the_first_administrator_is_shown_and_can_log_in(anonymous: Client) -> None:
    """Profile admin, free content, the author -1; adminExists tells before and after."""
    assert {"exists": False} == await anonymous.succeed("server:adminExists")

    body = BODY | {"content": {"name": "Root"}}
    made = await anonymous.succeed("security:createFirstAdmin", _id="root", body=body)

    history = made["_source"].pop("_kuzzle_info")
    assert {"_id": "root", "_source": {"profileIds": ["admin"], "name": "Root"}} == made
    assert ("-1", None, None) == (history["author"], history["updatedAt"], history["updater"])

    await anonymous.login(**ADMIN)

    assert {"exists": True} == await anonymous.succeed("server:adminExists")
    assert "root" == (await anonymous.succeed("auth:getCurrentUser"))["_id"]


async def test_there_is_no_second_one(anonymous: Client) -> None:
    """401 for a stranger, 412 for somebody who may ask."""
    await anonymous.succeed("security:createFirstAdmin", body=BODY)
    second = {"credentials": {"local": {"username": "second", "password": "p"}}}

    assert UNAUTHORIZED == await anonymous.fail("security:createFirstAdmin", body=second)

    await anonymous.login(**ADMIN)

    assert (412, "api.process.admin_exists", []) == await refusal(anonymous, "security:createFirstAdmin", body=second)


async def test_it_needs_credentials_that_one_can_log_in_with(anonymous: Client) -> None:
    """No refusal uses up the only chance (deviation 20)."""
    refusals: list[tuple[dict[str, Any], tuple[int, str | None, list[str] | None]]] = [
        ({}, (400, "api.assert.body_required", [])),
        ({"body": None}, (400, "api.assert.body_required", [])),
        ({"body": {}}, (400, "api.assert.missing_argument", ["body.credentials"])),
        ({"body": {"content": {}}}, (400, "api.assert.missing_argument", ["body.credentials"])),
        ({"body": {"credentials": None}}, (400, "api.assert.missing_argument", ["body.credentials"])),
        ({"body": {"credentials": {}}}, (400, "api.assert.missing_argument", ["body.credentials"])),
        ({"body": {"credentials": "local"}}, (400, "api.assert.invalid_type", ["body.credentials", "object"])),
        ({"body": {"credentials": {"oauth": {}}}}, (400, "security.credentials.unknown_strategy", ["oauth"])),
        ({"body": {"credentials": {"local": {}}}}, (400, None, None)),
        ({"body": {"credentials": {"local": {"username": "admin"}}}}, (400, None, None)),
        ({"body": {"credentials": {"local": {"password": "p"}}}}, (400, None, None)),
        ({"body": BODY | {"content": "x"}}, (400, "api.assert.invalid_type", ["body.content", "object"])),
        (
            {"body": BODY | {"content": {"profileIds": ["admin"]}}},
            (400, "api.assert.forbidden_argument", ["body.content.profileIds"]),
        ),
        ({"body": BODY, "_id": 7}, (400, "api.assert.invalid_type", ["_id", "string"])),
        ({"body": BODY, "reset": "yes"}, (400, "api.assert.invalid_type", ["reset", "boolean"])),
        ({"body": BODY, "kuid": 7}, (400, "api.assert.invalid_type", ["kuid", "string"])),
        ({"body": BODY, "_id": "-1"}, (400, "security.user.anonymous_profile_required", [])),
    ]
    for arguments, expected in refusals:
        assert expected == await refusal(anonymous, "security:createFirstAdmin", **arguments), arguments
        assert {"exists": False} == await anonymous.succeed("server:adminExists")

    made = await anonymous.succeed("security:createFirstAdmin", body=BODY | {"content": None}, kuid="uuid")

    assert 41 == len(made["_id"])


FOREIGN: list[dict[str, Any]] = [
    {"additional_headers": {"X-Forwarded-For": "203.0.113.9"}},
    {"additional_headers": {"x-forwarded-proto": "https"}},
    {"additional_headers": {"Forwarded": "for=203.0.113.9"}},
    {"additional_headers": {"X-Real-IP": "127.0.0.1"}},
    {"additional_headers": {"Via": "1.1 proxy"}},
    {"origin": "http://evil.example"},
    {"origin": "null"},
]


async def test_nobody_behind_a_proxy_or_a_foreign_page_becomes_administrator(
    gateway: Gateway, connect: Connect
) -> None:
    """401 as for anything else, and the chance is not used up; asking whether there is one stays allowed."""
    for options in FOREIGN:
        stranger = await connect(gateway, **options)

        assert UNAUTHORIZED == await stranger.fail("security:createFirstAdmin", body=BODY), options
        assert {"exists": False} == await stranger.succeed("server:adminExists")

    own_page = await connect(gateway, origin=f"http://127.0.0.1:{gateway.port}")
    await own_page.succeed("security:createFirstAdmin", body=BODY)


async def test_the_setting_anywhere_lets_them(start_gateway: StartGateway, connect: Connect) -> None:
    """`security.first_admin_from = "anywhere"` is Kuzzle's behaviour."""
    gateway = await start_gateway(security={"first_admin_from": "anywhere"})
    stranger = await connect(gateway, origin="http://evil.example", additional_headers={"Via": "1.1 proxy"})

    await stranger.succeed("security:createFirstAdmin", body=BODY)

    assert UNAUTHORIZED == await stranger.fail("security:createFirstAdmin", body=BODY)


@pytest.mark.parametrize("reset", [True, False])
async def test_reset_restricts_what_was_open(
    start_gateway: StartGateway, connect: Connect, database: Database, *, reset: bool
) -> None:
    """In the same moment, for everybody; without it the open rights stay."""
    stranger = await connect(await start_gateway(security={"initial_rights": "open"}))
    await stranger.succeed("server:now")

    await stranger.succeed("security:createFirstAdmin", body=BODY, reset=reset)

    assert reset is not await opens(stranger, "server:now")
    profile = await database.collection("profiles").get("anonymous")
    assert profile is not None
    assert (200 if reset else 0) == profile["content"]["rateLimit"]
    await stranger.login(**ADMIN)
    await stranger.succeed("server:now")


async def test_reset_spares_what_others_made(start_gateway: StartGateway, connect: Connect) -> None:
    """Only the built-in roles and profiles are written again."""
    stranger = await connect(await start_gateway(security={"initial_rights": "open"}))
    definition = {"controllers": {"server": {"actions": {"now": True}}}}
    made = await stranger.succeed("security:createRole", _id="clock", body=definition)

    await stranger.succeed("security:createFirstAdmin", body=BODY, reset=True)
    await stranger.login(**ADMIN)

    assert made == await stranger.succeed("security:getRole", _id="clock")


async def forget_administrators(database: Database, *, thoroughly: bool) -> None:
    """Make the race possible again, with or without the document that the rivals write."""
    for name in ("users", "credentials"):
        await database.collection(name).delete_many({})
    if thoroughly:
        await database.collection("internals").delete_one({"_id": "first-admin"})


def rival(number: int) -> dict[str, Any]:
    """Arguments of one of those who want to be first."""
    local = {"username": f"rival-{number}", "password": "p"}
    return {"_id": f"rival-{number}", "body": {"credentials": {"local": local}}}


async def winners(database: Database) -> tuple[list[str], list[str]]:
    """Who is a user, and whose credentials are stored."""
    users, credentials = [await database.collection(name).find({}) for name in ("users", "credentials")]
    return [user["_id"] for user in users], [record["kuid"] for record in credentials]


def start_together(monkeypatch: pytest.MonkeyPatch, rivals: int) -> None:
    """Let all rivals begin their transactions in the same moment: none before the last has hashed its password."""
    barrier = asyncio.Barrier(rivals)
    prepare = Local.prepare

    async def prepare_and_wait(self: Local, kuid: str, fields: Any, **options: Any) -> Any:
        prepared = await prepare(self, kuid, fields, **options)
        await barrier.wait()
        return prepared

    monkeypatch.setattr(Local, "prepare", prepare_and_wait)


async def test_of_many_at_once_one_wins(
    gateway: Gateway, connect: Connect, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several sockets; the others are told that there is one, and leave nothing behind (deviation 14)."""
    start_together(monkeypatch, 4)
    clients = [await connect(gateway) for _ in range(4)]
    for attempt in range(3):
        answers = await asyncio.gather(
            *(client.ask("security:createFirstAdmin", **rival(n)) for n, client in enumerate(clients))
        )

        won = [answer["result"]["_id"] for answer in answers if answer["status"] == 200]
        lost = {(answer["status"], answer["error"]["id"]) for answer in answers if answer["status"] != 200}
        assert 1 == len(won)
        assert {(412, "api.process.admin_exists")} == lost
        assert (won, won) == await winners(database)
        await forget_administrators(database, thoroughly=attempt % 2 == 0)


@pytest.fixture
async def command_line(config: Config) -> AsyncIterator[Rooms]:
    """The services as `admin create` opens them: beside a gateway that runs."""
    async with open_database(config) as database:
        rooms = Rooms(config, database)
        await rooms.prepare()
        yield rooms
        await rooms.close()


async def test_socket_and_command_line_race_for_one_place(
    anonymous: Client, command_line: Rooms, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes, as far as the database can tell: exactly one wins, whichever."""
    start_together(monkeypatch, 2)
    for attempt in range(4):
        outcomes: list[Any] = await asyncio.gather(
            anonymous.ask("security:createFirstAdmin", **rival(0)),
            command_line.first_admin.create("rival-1", {}, rival(1)["body"]["credentials"]),
            return_exceptions=True,
        )

        socket_won, made = outcomes[0]["status"] == 200, outcomes[1]
        if socket_won:
            assert isinstance(made, ApiError)
            assert "api.process.admin_exists" == made.id
        winner = ["rival-0" if socket_won else made["_id"]]
        assert (winner, winner) == await winners(database)
        await forget_administrators(database, thoroughly=attempt % 2 == 0)
