"""The log: one event is one line, whatever a user wrote, in text and in JSON."""

import asyncio
import json
import logging
import re
from collections.abc import Iterator

import pytest

from gateway import logs
from tests.serving import own_logging

HOSTILE = "x\n2026-01-01T00:00:00Z ERROR latchgate: forged\r\x1b[31m\x00\x7f\x9b\u2028é\ud800\\n"
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ (DEBUG|INFO|WARNING|ERROR) [\w.]+: [ -~]*")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process's loggers as they were."""
    with own_logging():
        yield


def fail(text: str) -> None:
    """Log an exception, with its traceback, in the way that the gateway reports those of an action."""
    try:
        raiser(text)
    except ValueError as error:
        caught = error
    logging.getLogger("latchgate").error("%s:%s failed", "greeter", text, exc_info=caught)


def raiser(text: str) -> None:
    """Stand for code that is not ours."""
    raise ValueError(text)


@pytest.mark.parametrize("hostile", [HOSTILE, "", "a" * 100_000], ids=["hostile", "empty", "long"])
def test_text_event_is_one_printable_line(capsys: pytest.CaptureFixture[str], hostile: str) -> None:
    """Control characters, line ends and half characters are escaped, in the message and in a traceback."""
    logs.set_up("info", "text")

    logging.getLogger("latchgate").info("%s", hostile)
    fail(hostile)

    output, errors = capsys.readouterr()
    assert "" == output
    lines = errors.split("\n")
    assert "" == lines.pop()
    assert 2 == len(lines)
    assert all(LINE.fullmatch(line) for line in lines), lines
    assert "raiser" in lines[1]


@pytest.mark.parametrize("hostile", [HOSTILE, "", "a" * 100_000], ids=["hostile", "empty", "long"])
def test_json_event_is_one_object_on_one_line(capsys: pytest.CaptureFixture[str], hostile: str) -> None:
    """Every line parses; the text of the user is in it and cannot end it."""
    logs.set_up("info", "json")

    logging.getLogger("latchgate").info("%s", hostile)
    fail(hostile)

    lines = capsys.readouterr().err.split("\n")
    assert "" == lines.pop()
    said, failed = map(json.loads, lines)
    assert ["time", "level", "logger", "message"] == list(said)
    assert ["time", "level", "logger", "message", "error"] == list(failed)
    assert ("info", "latchgate") == (said["level"], said["logger"])
    assert hostile.replace("\ud800", r"\ud800") == said["message"]
    assert ("error", True) == (failed["level"], "raiser" in failed["error"])


def test_time_in_json_is_milliseconds_since_the_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    """The same unit as on the wire."""
    logs.set_up("info", "json")
    record = logging.makeLogRecord(
        {"created": 1_795_398_519.477, "levelno": 20, "levelname": "INFO", "name": "latchgate"}
    )

    logging.getLogger("latchgate").handle(record)

    assert 1_795_398_519_477 == json.loads(capsys.readouterr().err)["time"]


def test_time_in_text_is_utc(capsys: pytest.CaptureFixture[str]) -> None:
    """Wherever the server stands."""
    logs.set_up("info", "text")
    record = logging.makeLogRecord(
        {"created": 1_795_398_519.477, "levelno": 20, "levelname": "INFO", "name": "latchgate", "msg": "x"}
    )

    logging.getLogger("latchgate").handle(record)

    assert "2026-11-23T01:48:39Z INFO latchgate: x\n" == capsys.readouterr().err


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_level_is_the_least_that_is_written(capsys: pytest.CaptureFixture[str], level: str, written: list[str]) -> None:
    """Also for the loggers below ours."""
    logs.set_up(level, "json")

    for each in ("debug", "info", "warning", "error"):
        logging.getLogger("latchgate.storage").log(getattr(logging, each.upper()), "said")

    assert written == [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()]


def test_setting_up_again_replaces_the_first_time(capsys: pytest.CaptureFixture[str]) -> None:
    """No event is written twice."""
    logs.set_up("info", "text")
    logs.set_up("info", "json")

    logging.getLogger("latchgate").info("once")

    assert ["once"] == [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]


def test_library_that_logs_whole_frames_stays_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Frames hold tokens: they are not logged at the gateway's own level `debug` either."""
    logs.set_up("debug", "text")

    logging.getLogger("latchgate.websockets").debug("< TEXT %s", '{"jwt":"kapikey-…"}')

    assert "" == capsys.readouterr().err


async def test_complaints_of_the_event_loop_take_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader of JSON lines is not surprised by plain text."""
    logs.set_up("error", "json")

    asyncio.get_running_loop().call_exception_handler({"message": "lost\nin space", "exception": ValueError("why")})

    (line,) = capsys.readouterr().err.splitlines()
    assert "asyncio" == json.loads(line)["logger"]
