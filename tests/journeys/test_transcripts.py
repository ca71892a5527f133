"""Every action as its users meet it: the transcripts beside this file, played against a gateway."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway import Config
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security.tokens import Signer
from gateway.storage.mongo import Database
from tests.client import Client
from tests.conftest import Connect, StartGateway
from tests.journeys.documented import undocumented, undocumented_request
from tests.journeys.transcripts import KINDS, Exchange, filled, read, unmet

FILES = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


async def heard(speaker: Client, frame: str, exchange: Exchange) -> Any:
    """Send a frame; return its answer, which has what every answer has, unless it is a raw one."""
    if not exchange.is_raw:
        return await speaker.exchange(frame)
    await speaker.socket.send(frame)
    return await speaker.receive()


def fault(exchange: Exchange, answer: Any, remembered: dict[str, Any]) -> str | None:
    """What is wrong with an answer, or None."""
    if exchange.is_raw:
        return unmet(exchange.expected[0], answer, remembered, "answer")
    return _fault_of_envelope(exchange, answer, remembered)


def _fault_of_envelope(exchange: Exchange, answer: dict[str, Any], remembered: dict[str, Any]) -> str | None:
    if exchange.status != answer["status"]:
        return f"status {answer['status']} instead of {exchange.status}: {answer['error']}"
    if [exchange.frame["controller"], exchange.frame["action"]] != [answer["controller"], answer["action"]]:
        return "another action is answered"
    if exchange.status == 200:
        if not exchange.expected:
            return "there is a result" if "result" in answer else None
        return answer["error"] or unmet(exchange.expected[0], answer["result"], remembered)
    error = {"message": "<text>", "status": exchange.status}
    if exchange.expected:
        error |= dict(zip(("id", "code", "props"), exchange.expected[:3], strict=True))
    if exchange.status == 206:
        error |= {"errors": "<array>", "count": len(answer["error"].get("errors", []))}
        return unmet([error, exchange.expected[3]], [answer["error"], answer.get("result")], remembered, "answer")
    return unmet(error, answer["error"], remembered, "error")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
async def test_a_transcript_happens_as_it_is_written(path: Path, start_gateway: StartGateway, connect: Connect) -> None:
    """From an empty database on: status, error id, code and props, keys and kinds of results; all as documented."""
    transcript = read(path)
    gateway = await start_gateway(**transcript.settings)
    speakers: dict[str, Client] = {}
    remembered: dict[str, Any] = {}
    for number, exchange in enumerate(transcript.exchanges):
        if exchange.speaker not in speakers:
            speakers[exchange.speaker] = await connect(gateway)
        frame = filled(exchange.frame, remembered) | {"requestId": f"{number}"}
        answer = await heard(speakers[exchange.speaker], json.dumps(frame), exchange)

        assert None is fault(exchange, answer, remembered), f"{exchange.where} {exchange.name}"
        assert None is undocumented(exchange.name, answer), f"{exchange.where} {exchange.name}"


def covered(*, succeeds: bool) -> set[str]:
    """The actions that some transcript sees succeed, or fail."""
    exchanges = (exchange for path in FILES for exchange in read(path).exchanges)
    return {exchange.name for exchange in exchanges if (exchange.status == 200) is succeeds}


@pytest.mark.parametrize("succeeds", [True, False], ids=["succeeds", "fails"])
def test_every_action_is_seen_to_succeed_and_to_fail(*, succeeds: bool) -> None:
    """A new action needs a transcript: one success and its documented errors."""
    database = Database("mongodb://127.0.0.1:1", "none")
    actions = Router(Rooms(Config(), database).controllers(Signer(b"-" * 32))).actions
    database.close()
    names = {f"{controller}:{name}" for controller, described in actions.items() for name in described}

    assert set() == names - covered(succeeds=succeeds)


@pytest.mark.parametrize(
    ("pattern", "value", "is_met"),
    [
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({"a": 1, "...": True}, {"a": 1, "b": 2}, True),
        ({"a": 1, "b": 2}, {"a": 1}, False),
        ({"a": {"b": "<integer>"}}, {"a": {"b": 5}}, True),
        ({"a": {"b": "<integer>"}}, {"a": {"b": True}}, False),
        ([1, "<text>"], [1, "x"], True),
        ([1, "<text>"], [1, ""], False),
        ([1], [1, 2], False),
        ([1], {"0": 1}, False),
        (1, True, False),
        (None, False, False),
        ("$known", 7, True),
        ("$known", 8, False),
        ("<sha256>", "f" * 64, True),
        ("<sha256>", "F" * 64, False),
        ("<now>", 0, False),
        ("<any>", None, True),
    ],
)
def test_a_pattern_is_met_by_what_it_says_and_nothing_else(pattern: Any, value: Any, *, is_met: bool) -> None:
    """What holds the transcripts against the answers can itself fail."""
    assert is_met is (unmet(pattern, value, {"known": 7}) is None)


LENIENCY = {("security:createApiKey", "$['_id']"), ("security:updateUser", "$.body.profileIds")}
"""Where something falsy counts as not there, as the protocol has it, and no schema says so."""


def test_a_request_that_succeeds_is_documented() -> None:
    """The schemas of requests ask for no more than the gateway does, but for what is known."""
    exchanges = [exchange for path in FILES for exchange in read(path).exchanges if exchange.status == 200]
    faults = {(one.name, undocumented_request(one.name, one.frame)) for one in exchanges}

    assert LENIENCY == {(name, fault.split(": ")[1]) for name, fault in faults if fault}


@pytest.mark.parametrize(
    ("name", "changed", "is_documented"),
    [
        ("server:now", {}, True),
        ("server:now", {"result": {"now": "soon"}}, False),
        ("server:now", {"result": {"now": 1, "then": 2}}, False),
        ("server:now", {"room": None}, False),
        ("server:now", {"error": {"message": "No.", "status": 400}, "status": 400}, True),
        ("server:now", {"error": {"message": "No."}, "status": 400}, False),
        ("server:never", {"result": 1}, True),
    ],
)
def test_what_the_document_does_not_allow_is_found(name: str, changed: dict[str, Any], *, is_documented: bool) -> None:
    """Wrong types, keys too many, an envelope that is none; of an action that is not there nothing is said."""
    answer: Any = {"controller": "server", "action": "now", "error": None, "headers": {}, "node": "n", "requestId": "r"}
    rest = {"result": {"now": 1}, "room": "r", "status": 200, "volatile": None}

    assert is_documented is (undocumented(name, answer | rest | changed) is None)


def test_a_pattern_remembers(tmp_path: Path) -> None:
    """A value of a kind can be named, and stands in later frames and patterns for itself."""
    remembered: dict[str, Any] = {}

    assert None is unmet({"id": "<uuid: it>"}, {"id": "3f2b8c1e-0d4a-4b6f-9a7e-5c1d2e3f4a5b"}, remembered)
    assert {"_id": ["3f2b8c1e-0d4a-4b6f-9a7e-5c1d2e3f4a5b"]} == filled({"_id": ["$it"]}, remembered)
    assert {"any", "uuid", "key"} <= set(KINDS)


@pytest.mark.parametrize(
    "text",
    [
        "< 200 {}",
        "> {",
        '> {"controller": "c", "action": "a"}\n< fine',
        '@a\n> {"controller": "c", "action": "a"}\n< 404 x.y.z 1 [] []',
        '@a\n> {"controller": "c", "action": "a"}\n< 206 x.y.z 1 []',
        "? what",
        '@a\n> {"controller": "c", "action": "a"}\n< raw',
        "! broken",
    ],
    ids=str,
)
def test_a_transcript_that_cannot_be_read_says_where(tmp_path: Path, text: str) -> None:
    """File and line, so that a slip of the pen is found."""
    path = tmp_path / "slip.txt"
    path.write_text(f"# a remark\n\n{text}\n", "utf-8")

    with pytest.raises(ValueError, match=r"slip\.txt:[345]"):
        read(path)
