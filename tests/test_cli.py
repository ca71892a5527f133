"""The words on the command line: which setting they reach, what they print, and how they end."""

import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway import Config, load
from gateway.cli import main
from gateway.config import masked
from tests.serving import complaint, own_logging
from tests.serving import run as run_words

CANARY = "canary-5ecret-canary-5ecret-canary"
PASSWORD = "correct horse"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run the command in this process; give its status and its two outputs, in which no secret may be."""
    for name in [name for name in os.environ if name.startswith("LATCHGATE_")]:
        monkeypatch.delenv(name)

    def _run(*words: str) -> tuple[int, str, str]:
        try:
            status = main(words)
        except SystemExit as end:  # argparse ends the process by itself
            status = int(end.code or 0)
        output, errors = capsys.readouterr()
        assert "Traceback" not in output + errors
        assert CANARY not in output + errors
        return status, output, errors

    with own_logging():
        yield _run


# What is asked for.


def test_version_is_that_of_the_distribution(run: Run) -> None:
    """`--version` and nothing else."""
    status, output, errors = run("--version")

    assert (0, "") == (status, errors)
    assert re.fullmatch(r"latchgate \d+\.\d+\.\d+\S*\n", output)


@pytest.mark.parametrize(
    "words",
    ["", "dance", "serve --port", "serve --port x", "serve --log-level loud", "serve --dance", "admin", "admin create"],
)
def test_words_that_make_no_sense_end_with_status_2_and_the_usage(run: Run, words: str) -> None:
    """The last line says what was wrong."""
    status, output, errors = run(*words.split())

    assert (2, "") == (status, output)
    assert errors.startswith("usage: latchgate")
    assert re.match(r"latchgate.*: error: .", errors.splitlines()[-1])


# Settings.


@pytest.mark.parametrize(
    ("given", "winner"),
    [
        ("", "latchgate"),
        ("file", "from-file"),
        ("environment", "from-environment"),
        ("flag", "from-flag"),
        ("file environment", "from-environment"),
        ("file flag", "from-flag"),
        ("environment flag", "from-flag"),
        ("file environment flag", "from-flag"),
    ],
)
def test_flag_counts_before_environment_before_file(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, winner: str
) -> None:
    """Setting by setting: what only the file names is taken from it."""
    words = ["config", "show"]
    if "file" in given:
        file = tmp_path / "latchgate.toml"
        file.write_text('[mongodb]\ndatabase = "from-file"\n[server]\nnode_name = "kept"\n')
        words += ["--config", str(file)]
    if "environment" in given:
        monkeypatch.setenv("LATCHGATE_MONGODB_DATABASE", "from-environment")
    if "flag" in given:
        words += ["--database", "from-flag"]

    status, output, errors = run(*words)

    shown = tomllib.loads(output)
    assert (0, "") == (status, errors)
    assert winner == shown["mongodb"]["database"]
    assert ("kept" if "file" in given else "") == shown["server"]["node_name"]


@pytest.mark.parametrize(
    ("flag", "text", "section", "setting"),
    [
        ("--data-dir", "elsewhere", "server", "data_dir"),
        ("--mongodb-uri", "mongodb://db.example:27017", "mongodb", "uri"),
        ("--database", "other", "mongodb", "database"),
        ("--log-level", "warning", "logging", "level"),
    ],
)
def test_every_flag_reaches_its_setting(run: Run, flag: str, text: str, section: str, setting: str) -> None:
    """And no other."""
    _, output, _ = run("config", "show", flag, text)

    expected = masked(Config())
    expected[section][setting] = text
    assert plain(expected) == tomllib.loads(output)


def plain(settings: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    """Settings as TOML has them: lists where we have tuples."""
    return {
        section: {name: list(value) if isinstance(value, tuple) else value for name, value in table.items()}
        for section, table in settings.items()
    }


def test_config_show_is_a_settings_file(run: Run, tmp_path: Path) -> None:
    """What it prints can be given back to it."""
    file = tmp_path / "latchgate.toml"
    file.write_text(run("config", "show")[1])

    assert Config() == load(file, {}, {})


def test_config_show_hides_secrets(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way they came; `run` looks for them in all that is printed."""
    file = tmp_path / "latchgate.toml"
    file.touch(0o600)
    file.write_text(f'[security]\njwt_secret = "{CANARY}"\n')
    monkeypatch.setenv("LATCHGATE_MONGODB_URI", f"mongodb://jo:{CANARY}@db.example/?authSource=admin")

    status, output, errors = run("config", "show", "--config", str(file))

    shown = tomllib.loads(output)
    assert (0, "") == (status, errors)
    assert "***" == shown["security"]["jwt_secret"]
    assert "mongodb://jo:***@db.example/?authSource=admin" == shown["mongodb"]["uri"]


@pytest.mark.parametrize("command", ["serve", "admin create --username admin", "config show"])
@pytest.mark.parametrize("source", ["file", "environment", "value", "no file"])
def test_bad_setting_is_one_line_whatever_the_command(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, source: str
) -> None:
    """It names the setting; nothing has been started by then."""
    file = tmp_path / "latchgate.toml"
    words = command.split()
    if source == "environment":
        monkeypatch.setenv("LATCHGATE_SERVER_PROT", CANARY)
        named = "LATCHGATE_SERVER_PROT"
    elif source == "value":
        words += ["--data-dir", ""]
        named = "server.data_dir"
    else:
        if source == "file":
            file.write_text("[server]\nprot = 7512\n")
        words += ["--config", str(file)]
        named = "server.prot" if source == "file" else str(file)

    status, output, errors = run(*words)

    assert (1, "") == (status, output)
    assert complaint(errors).startswith("latchgate: ")
    assert named in errors


def test_password_of_the_demonstration_is_no_unknown_setting(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that has it set for `gateway.demo` may start the gateway too."""
    monkeypatch.setenv("LATCHGATE_DEMO_PASSWORD", CANARY)

    assert 0 == run("config", "show")[0]


PROBE = """
import asyncio, gc, sys
from gateway import cli

class Probe:
    def __init__(self, config):
        self.stop_wanted = asyncio.Event()

    async def __aenter__(self):
        print(gc.get_threshold()[0], gc.get_freeze_count())
        raise cli.PortTakenError("seen enough")

usual = gc.get_threshold()[0]
cli.Gateway = Probe
status = cli.main(["serve", "--data-dir", sys.argv[1]])
print(usual, status)
"""
"""A gateway that looks at the garbage collector and does not start: what it sees holds for a whole process."""


def test_a_server_is_seldom_held_up_by_the_garbage_collector(tmp_path: Path) -> None:
    """It collects at most a tenth as often as Python does by itself, and leaves out what was there at the start."""
    status, output, _ = run_words([sys.executable, "-c", PROBE, str(tmp_path)])

    threshold, frozen, usual, ended = (int(word) for word in output.split())
    assert (0, 1) == (status, ended)
    assert threshold >= 10 * usual
    assert frozen > 10_000
