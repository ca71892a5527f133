"""`latchgate admin create`: who is made, who is refused, and who wins a race."""

import asyncio
import io
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gateway import Gateway
from gateway.cli import main
from gateway.storage.mongo import Database
from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.serving import complaint, own_logging

PASSWORD = "correct-horse"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run `admin create` in this process with a text to read; give its status and its two outputs."""
    for name in [name for name in os.environ if name.startswith("LATCHGATE_")]:
        monkeypatch.delenv(name)

    def _run(*words: str, stdin: str = f"{PASSWORD}\n") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        return main(["admin", "create", *words]), *capsys.readouterr()

    with own_logging():
        yield _run


@pytest.fixture
def create(run: Run, mongod: str, database_name: str, database: Database) -> Run:
    """Run `admin create` on the test's database."""

    def _create(*words: str, **options: str) -> tuple[int, str, str]:
        return run(*words, "--mongodb-uri", mongod, "--database", database_name, **options)

    return _create


@pytest.mark.parametrize(("words", "kuid"), [((), "root"), (("--kuid", "the-first"), "the-first")])
async def test_administrator_can_log_in(
    create: Run, start_gateway: StartGateway, connect: Connect, words: tuple[str, ...], kuid: str
) -> None:
    """The user id is the user name, if none is given; the line of standard input is the password, spaces included."""
    more = ("--username", "root", "--password-stdin", *words)

    status, output, errors = await asyncio.to_thread(create, *more, stdin=" a  password \r\nmore\n")

    assert (0, 'The administrator "root" can log in now. Next: make demo\n') == (status, output)
    assert " a  password " not in errors
    client = await connect(await start_gateway())
    await client.login("root", " a  password ")
    user = await client.succeed("auth:getCurrentUser")
    assert (kuid, ["admin"], ["local"]) == (user["_id"], user["_source"]["profileIds"], user["strategies"])


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ((PASSWORD, PASSWORD), 0, None),
        ((PASSWORD, f"{PASSWORD}!"), 1, "latchgate: the two passwords differ"),
        (("", ""), 2, "latchgate: an empty password is no password"),
    ],
    ids=["same", "different", "empty"],
)
def test_password_is_asked_for_twice(
    create: Run, monkeypatch: pytest.MonkeyPatch, answers: tuple[str, str], status: int, said: str | None
) -> None:
    """A slip of the finger must not lock the administrator out."""
    asked: list[str] = []

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return answers[len(asked) - 1]

    monkeypatch.setattr("getpass.getpass", ask)

    ended, _, errors = create("--username", "root")

    assert ["Password: ", "Again: "] == asked
    assert status == ended
    assert said is None or said == complaint(errors)


def test_a_password_that_nobody_types_is_one_line(create: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input has ended, as in a script."""

    def ask(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ask)

    status, output, errors = create("--username", "root")

    assert (1, "") == (status, output)
    assert "latchgate: nobody typed a password; --password-stdin reads one from standard input" == complaint(errors)


def test_empty_line_is_no_password(create: Run) -> None:
    """Nor is no line at all."""
    for stdin in ("", "\n", "\r\n"):
        status, output, errors = create("--username", "root", "--password-stdin", stdin=stdin)

        assert (2, "") == (status, output)
        assert "latchgate: an empty password is no password" == complaint(errors)


@pytest.mark.parametrize("username", ["", "a\nb", "x" * 513], ids=["empty", "two lines", "long"])
def test_bad_user_name_is_one_line(create: Run, username: str) -> None:
    """And nothing is stored: another name succeeds."""
    status, output, errors = create("--username", username, "--password-stdin")

    assert (1, "") == (status, output)
    assert complaint(errors).startswith("latchgate: ")
    assert 0 == create("--username", "root", "--password-stdin")[0]


def test_second_administrator_is_one_line(create: Run) -> None:
    """Also under the name of the first."""
    assert 0 == create("--username", "root", "--password-stdin")[0]

    for username in ("root", "other"):
        status, output, errors = create("--username", username, "--password-stdin")

        assert (1, "") == (status, output)
        assert "latchgate: There is an administrator already." == complaint(errors)


@pytest.mark.parametrize("head_start_ms", [0, 60, 120])
async def test_command_and_socket_race_for_one_administrator(
    create: Run, gateway: Gateway, connect: Connect, database: Database, head_start_ms: int
) -> None:
    """However close they are, exactly one wins, and the others are told so."""
    clients = [await connect(gateway) for _ in range(3)]
    commanding = asyncio.create_task(asyncio.to_thread(create, "--username", "commander", "--password-stdin"))
    await asyncio.sleep(head_start_ms / 1000)

    asked = [_ask_for_administrator(client, f"caller{number}") for number, client in enumerate(clients)]
    answers = await asyncio.gather(*asked)
    status, _, errors = await commanding

    won = [answer["result"]["_id"] for answer in answers if answer["error"] is None]
    if status == 0:
        won.append("commander")
    else:
        assert "latchgate: There is an administrator already." == complaint(errors)
    assert 1 == len(won)
    refused = {answer["error"]["id"] for answer in answers if answer["error"] is not None}
    assert refused <= {"api.process.admin_exists", "security.rights.unauthorized"}
    assert [won[0]] == [user["_id"] for user in await database.collection("users").find({})]
    assert [won[0]] == [record["_id"] for record in await database.collection("credentials").find({})]


async def _ask_for_administrator(client: Client, name: str) -> dict[str, Any]:
    credentials = {"local": {"username": name, "password": PASSWORD}}
    return await client.ask("security:createFirstAdmin", _id=name, body={"credentials": credentials})


def test_unreachable_database_is_one_line_without_its_password(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection string is a secret."""
    monkeypatch.setenv("LATCHGATE_MONGODB_URI", f"mongodb://jo:{PASSWORD}@127.0.0.1:1/")
    monkeypatch.setenv("LATCHGATE_MONGODB_OPERATION_TIMEOUT_MS", "100")

    status, output, errors = run("--username", "admin", "--password-stdin")

    assert (1, "") == (status, output)
    assert complaint(errors).startswith("latchgate: MongoDB cannot be reached")
    assert PASSWORD not in errors
