"""The strategy `local`: user names and passwords, stored, refused, checked."""

import asyncio
from typing import Any

import pytest

from gateway.protocol.errors import ApiError
from gateway.rooms import Rooms
from tests.security.conftest import House, refusal

pytestmark = pytest.mark.asyncio(loop_scope="module")

WRONG = (401, "plugin.strategy.missing_user", ["wrong username or password"])
MISSING = (401, "plugin.strategy.missing_user", ["Missing credentials"])


async def make(house: House, **arguments: Any) -> tuple[int, str | None, list[Any] | None]:
    """Make a user with local credentials that must be refused."""
    content = {"profileIds": ["default"]}
    return await refusal(house.admin, "security:createUser", body={"content": content, "credentials": arguments})


async def store(rooms: Rooms, kuid: str, username: str) -> None:
    """Give a user, who need not exist, the password `p`."""
    local = rooms.strategies.get("local")
    fields = {"username": username, "password": "p"}
    await local.store(await local.prepare(kuid, fields, updater=kuid, is_update=False), None)


async def login(house: House, *credentials: Any, **beside: Any) -> tuple[int, str | None, list[Any] | None]:
    """Try to log in and be refused; the body, if there is one, is given by position."""
    body = {"body": credentials[0]} if credentials else {}
    return await refusal(house.admin, "auth:login", jwt=None, strategy="local", **body, **beside)


@pytest.mark.parametrize(
    ("local", "expected"),
    [
        pytest.param({}, (400, None, None), id="nothing"),
        pytest.param({"username": "u"}, (400, None, None), id="no password"),
        pytest.param({"username": "u", "password": ""}, (400, None, None), id="empty password"),
        pytest.param({"username": "u", "password": None}, (400, None, None), id="null password"),
        pytest.param({"password": "p"}, (400, None, None), id="no user name"),
        pytest.param({"username": "", "password": "p"}, (400, None, None), id="empty user name"),
        pytest.param({"username": "u", "password": "p", "kuid": "k"}, (400, None, None), id="kuid among them"),
        pytest.param({"username": "admin", "password": "p"}, (412, None, None), id="user name taken"),
        pytest.param(
            {"username": "u", "password": 5},
            (400, "api.assert.invalid_type", ["password", "string"]),
            id="numeric password",
        ),
        pytest.param(
            {"username": {"$ne": ""}, "password": "p"},
            (400, "api.assert.invalid_type", ["username", "string"]),
            id="operator as user name",
        ),
        pytest.param(
            {"username": "u\n", "password": "p"},
            (400, "api.assert.invalid_argument", ["username", "1 to 512 bytes of printable text"]),
            id="user name of two lines",
        ),
        pytest.param("u", (400, "api.assert.invalid_type", ["body.credentials.local", "object"]), id="a text"),
        pytest.param(None, (400, "api.assert.invalid_type", ["body.credentials.local", "object"]), id="null"),
    ],
)
async def test_credentials_that_cannot_be_meant_make_no_user(
    house: House, local: Any, expected: tuple[int, str | None, list[str] | None]
) -> None:
    """Refusals of the strategy have no id where the original's have none; neither part is stored."""
    before = await house.stored("users") + await house.stored("credentials")

    assert expected == await make(house, local=local)
    assert before == await house.stored("users") + await house.stored("credentials")


async def test_a_stored_password_is_a_hash_under_its_user_name(house: House) -> None:
    """User name, kuid, an argon2id text, who set it and when; nothing else."""
    await house.add_user("stored")

    (record,) = [record for record in await house.stored("credentials") if record["_id"] == "stored"]

    assert ("stored", {"_id", "kuid", "password", "updater", "changedAt", "history"}) == (record["kuid"], set(record))
    assert record["password"].startswith("$argon2id$v=19$")


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({"username": "admin", "password": "wrong"}, id="wrong password"),
        pytest.param({"username": "admin", "password": "Correct horse"}, id="letter case of the password"),
        pytest.param({"username": "admin", "password": "correct horse "}, id="a space more"),
        pytest.param({"username": "ghost", "password": "correct horse"}, id="unknown user"),
        pytest.param({"username": "Admin", "password": "correct horse"}, id="letter case of the user name"),
        pytest.param({"username": "-1", "password": "correct horse"}, id="the anonymous"),
    ],
)
async def test_unknown_user_and_wrong_password_are_one_answer(house: House, body: dict[str, str]) -> None:
    """Nobody learns which of the two it was."""
    assert WRONG == await login(house, body)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"username": "admin"},
        {"password": "correct horse"},
        {"username": "", "password": "correct horse"},
        {"username": "admin", "password": ""},
        {"username": "admin", "password": None},
        {"username": None, "password": None},
        {"username": "admin", "password": 0},
    ],
    ids=str,
)
async def test_what_is_missing_is_said_to_be_missing(house: House, body: dict[str, Any]) -> None:
    """Falsy is missing, whatever its type."""
    assert MISSING == await login(house, body)


async def test_a_login_without_body_misses_its_credentials(house: House) -> None:
    """No body is an empty one."""
    assert MISSING == await login(house)
    assert MISSING == await login(house, None)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"username": "admin", "password": 12345}, "password"),
        ({"username": "admin", "password": ["correct horse"]}, "password"),
        ({"username": "admin", "password": {"$ne": ""}}, "password"),
        ({"username": {"$gt": ""}, "password": "correct horse"}, "username"),
        ({"username": True, "password": "correct horse"}, "username"),
    ],
    ids=str,
)
async def test_credentials_are_texts(house: House, body: dict[str, Any], name: str) -> None:
    """No operator reaches the database and no other type the hash: a mistake of the client, not of ours (P01)."""
    assert (400, "api.assert.invalid_type", [f"body.{name}", "string"]) == await login(house, body)


async def test_credentials_may_stand_beside_the_body(house: House) -> None:
    """As from a query string; what the body says comes first."""
    given = {"username": "admin", "password": "correct horse"}

    await house.admin.succeed("auth:login", jwt=None, strategy="local", **given)
    await house.admin.succeed("auth:login", jwt=None, strategy="local", username="x", password="x", body=given)

    assert WRONG == await login(house, {"password": "wrong"}, **given)


async def test_of_two_users_who_want_one_name_at_once_one_gets_it(house: House) -> None:
    """The other is refused, and not half stored."""
    clients = [await house.connect() for _ in range(4)]
    local = {"username": "wanted", "password": "p"}
    body = {"content": {"profileIds": ["default"]}, "credentials": {"local": local}}

    answers = await asyncio.gather(
        *(
            client.ask("security:createUser", jwt=house.admin.jwt, _id=f"rival-{number}", body=body)
            for number, client in enumerate(clients)
        )
    )

    assert [200, 412, 412, 412] == sorted(answer["status"] for answer in answers)
    (winner,) = [answer["result"]["_id"] for answer in answers if answer["status"] == 200]
    assert [winner] == [user["_id"] for user in await house.stored("users") if user["_id"].startswith("rival")]
    assert [winner] == [record["kuid"] for record in await house.stored("credentials") if record["_id"] == "wanted"]


@pytest.mark.asyncio(loop_scope="function")
async def test_an_unknown_user_costs_one_computation_like_everybody(
    rooms: Rooms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The right password, a wrong one, and a name that nobody has: counted, because time would tell."""
    await rooms.passwords.prepare()
    await store(rooms, "k", "u")
    matches = rooms.passwords._matches
    compared: list[str] = []

    def count(stored: str, password: str) -> bool:
        compared.append(password)
        return matches(stored, password)

    monkeypatch.setattr(rooms.passwords, "_matches", count)

    local = rooms.strategies.get("local")
    assert "k" == await local.verify({"username": "u", "password": "p"})
    for username, password in (("u", "wrong"), ("ghost", "any")):
        with pytest.raises(ApiError, match="wrong username or password"):
            await local.verify({"username": username, "password": password})

    assert ["p", "wrong", "any"] == compared


@pytest.mark.asyncio(loop_scope="function")
async def test_credentials_of_a_user_who_is_gone_open_nothing(rooms: Rooms) -> None:
    """They cannot be left behind by us; should they be, login says so."""
    signer = await rooms.founding.signer()
    rooms.controllers(signer)
    await store(rooms, "gone", "u")

    with pytest.raises(ApiError) as refused:
        await rooms.sessions.login("local", {"username": "u", "password": "p"}, None)

    assert ("plugin.strategy.unknown_kuid", 500) == (refused.value.id, refused.value.status)


@pytest.mark.asyncio(loop_scope="function")
async def test_a_user_has_one_user_name(rooms: Rooms) -> None:
    """A second record for the same user is refused by the database itself."""
    await store(rooms, "k", "first")

    with pytest.raises(ApiError) as refused:
        await store(rooms, "k", "second")

    local = rooms.strategies.get("local")
    assert (412, None) == (refused.value.status, refused.value.id)
    assert (True, False) == (
        await local.describe("k") is not None,
        await local.describe("other") is not None,
    )
