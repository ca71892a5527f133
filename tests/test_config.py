"""Loading: precedence, types from every source, and refusals that name the setting and never show a value."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from gateway.config import Config, ConfigError, load
from gateway.config.loading import _FORMS, _from_text, variable

CANARY = "canary-5ecret-canary-5ecret-canary"

Write = Callable[..., Path]

SETTINGS = {name: form.setting for name, form in _FORMS.items() if not form.in_file}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a file with the given permission bits and give its path."""

    def _write(text: str | bytes, mode: int = 0o600, name: str = "given") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    return _write


def get(config: Config, name: str) -> object:
    """Give a setting by its dotted name."""
    section, _, setting = name.partition(".")
    return getattr(getattr(config, section), setting)


def refusal(
    file: Path | None = None, environment: Mapping[str, str] | None = None, flags: Mapping[str, object] | None = None
) -> str:
    """Give the sentence of a refusal; no secret may show in it or in its traceback."""
    with pytest.raises(ConfigError) as caught:
        load(file, environment or {}, flags or {})
    whole = "".join(traceback.format_exception(caught.value))
    assert CANARY not in whole
    assert "During handling" not in whole
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("toml", "environment", "flag", "expected"),
    [
        (None, None, None, 7512),
        (1, None, None, 1),
        (None, "2", None, 2),
        (None, None, 3, 3),
        (1, "2", None, 2),
        (1, None, 3, 3),
        (None, "2", 3, 3),
        (1, "2", 3, 3),
    ],
)
def test_later_source_wins(
    write: Write, toml: int | None, environment: str | None, flag: int | None, expected: int
) -> None:
    """Defaults < file < environment < flags, and a flag of None was not given."""
    file = None if toml is None else write(f"[server]\nport = {toml}\n")
    variables = {} if environment is None else {"LATCHGATE_SERVER_PORT": environment}

    assert expected == load(file, variables, {"server.port": flag}).server.port


def test_sources_mix_setting_by_setting(write: Write) -> None:
    """A source overrides the settings that it names and leaves their neighbours alone."""
    file = write('[server]\nport = 1\nhost = "::1"\nnode_name = "a"\n')

    server = load(file, {"LATCHGATE_SERVER_PORT": "2", "LATCHGATE_SERVER_HOST": "h"}, {"server.port": "3"}).server

    assert (3, "h", "a", "./data") == (server.port, server.host, server.node_name, server.data_dir)


def test_nothing_given_is_the_defaults() -> None:
    """Variables without the prefix are nobody's business, and the defaults keep their own rules."""
    assert Config() == load(None, {"PATH": "/bin", "latchgate_x": "1"}, {})
    for name, setting in SETTINGS.items():
        assert setting.default == get(load(None, {}, {name: setting.default}), name)


def test_overridden_value_is_not_looked_at(write: Write) -> None:
    """A broken value below a good one, or a missing secret file, does not stop the start."""
    file = write('[server]\nport = -1\n[security]\njwt_secret_file = "/nowhere/at/all"\n')

    config = load(file, {"LATCHGATE_SERVER_PORT": "2", "LATCHGATE_SECURITY_JWT_SECRET": CANARY}, {})

    assert (2, CANARY) == (config.server.port, config.security.jwt_secret)


@pytest.mark.parametrize(
    ("name", "toml", "text", "expected"),
    [
        ("server.port", "0", "0", 0),
        ("server.shutdown_grace_s", "2.5", "2.5", 2.5),
        ("server.shutdown_grace_s", "3", "3", 3.0),
        ("server.data_dir", '"a,b"', "a,b", "a,b"),
        ("logging.level", '"debug"', "debug", "debug"),
        ("api_keys.token_prefix", '""', "", ""),
        (
            "http.access_control_allow_origin",
            '["https://a", "https://b"]',
            "https://a, https://b",
            ("https://a", "https://b"),
        ),
        ("http.access_control_allow_origin", "[]", "", ()),
        ("security.auth_token_expires_in", '"1h"', "1h", 3_600_000),
        ("security.auth_token_expires_in", "60000", "60000", 60_000),
        ("security.auth_token_max_ttl", "-1", "-1", -1),
        ("api_keys.soft_max_ttl", '"30 days"', "30 days", 2_592_000_000),
        ("api_keys.hard_max_ttl", '"1.5ms"', "1.5ms", 2),
        ("mongodb.uri", '"mongodb://h"', "mongodb://h", "mongodb://h"),
    ],
)
def test_value_is_read_from_every_source(write: Write, name: str, toml: str, text: str, expected: object) -> None:
    """TOML with its own types, a variable and a flag as text, and a flag as a value all give the same."""
    section, _, setting = name.partition(".")
    file = write(f"[{section}]\n{setting} = {toml}\n")

    assert expected == get(load(file, {}, {}), name)
    assert expected == get(load(None, {variable(name): text}, {}), name)
    assert expected == get(load(None, {}, {name: text}), name)
    assert expected == get(load(None, {}, {name: expected}), name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("0", False), ("yes", "yes"), ("", "")],
)
def test_boolean_text_is_true_false_1_or_0(text: str, expected: object) -> None:
    """Any other text stays a text, which the type of the setting then refuses."""
    value = _from_text(inspect.BoolType(), text)

    assert (type(expected), expected) == (type(value), value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *[("server.port", text) for text in ("-1", "65536", "", "1.0", " 1", "1_0", "٣", "0x1", "1h", "9" * 5000)],
        *[("server.shutdown_grace_s", text) for text in ("nan", "inf", "-0.1", "3601", "1e1", "")],
        *[("server.host", text) for text in ("", "\udcff")],
        *[("server.node_name", text) for text in ("a b", "a\n", "é", "a" * 65)],
        *[("mongodb.uri", text) for text in ("localhost", "http://h", "mongodb://a b", "mongodb://h\n")],
        *[("mongodb.database", text) for text in ("", *'/\\. "$*<>:|?\0', "a" * 64, "é" * 32)],
        ("mongodb.cache_gb", "0.2"),
        *[("websocket.idle_timeout_ms", text) for text in ("0", "-1", "999")],
        ("http.access_control_allow_origin", "https://a,,https://b"),
        *[("security.initial_rights", text) for text in ("", "Open", "opne")],
        *[
            ("security.auth_token_expires_in", text)
            for text in ("", "0", "-2", "-1.5", "-.5", "soon", "1h30m", "1001y")
        ],
        *[("api_keys.hard_max_ttl", text) for text in ("0", "0s", "9" * 100, "9" * 101)],
        ("security.restricted_profile_ids", ""),
        ("logging.level", "INFO"),
    ],
)
def test_text_that_breaks_a_rule_is_refused(name: str, text: str) -> None:
    """The sentence names the setting, its rule and its source, and does not show the value."""
    ending = f": must be {SETTINGS[name].accepts} "

    assert f"{name}{ending}(environment variable {variable(name)})" == refusal(environment={variable(name): text})
    assert f"{name}{ending}(command line)" == refusal(flags={name: text})


@pytest.mark.parametrize(
    ("name", "toml"),
    [
        ("server.port", '"7512"'),
        ("server.port", "7512.0"),
        ("server.port", "true"),
        ("server.port", "99999999999999999999999999"),
        ("server.shutdown_grace_s", "inf"),
        ("server.shutdown_grace_s", "nan"),
        ("server.host", "1"),
        ("server.host", "2020-01-01"),
        ("logging.level", "[]"),
        ("http.access_control_allow_origin", '"*"'),
        ("http.access_control_allow_origin", "[1]"),
        ("security.auth_token_expires_in", "3.6e6"),
        ("security.auth_token_expires_in", "true"),
        ("security.auth_token_expires_in", "0"),
        ("security.jwt_secret", "[1]"),
        ("security.jwt_secret", "{}"),
        ("security.jwt_secret", '"31 bytes are one byte too few .."'[:32] + '"'),
    ],
)
def test_toml_value_of_another_type_or_range_is_refused(write: Write, name: str, toml: str) -> None:
    """In TOML a text is never read as a number, nor the other way about."""
    section, _, setting = name.partition(".")
    file = write(f"[{section}]\n{setting} = {toml}\n")

    assert f"{name}: must be {SETTINGS[name].accepts} (file {file})" == refusal(file)


@pytest.mark.parametrize(
    ("toml", "start"),
    [
        (
            "[security]\ninitial_rigths = 1\n",
            "security.initial_rigths: is no setting; is security.initial_rights meant?",
        ),
        ("[secruity]\n", "secruity: is no setting; is security meant?"),
        ("port = 1\n", "port: is no setting"),
        ("server = 1\n", "server: must be a table, [server]"),
        ("[[server]]\n", "server: must be a table, [server]"),
        ('[server]\n"a\\nb" = 1\n', "server.a\\nb: is no setting"),
        ("[server]\nport_file = 'x'\n", "server.port_file: is no setting; is server.port meant?"),
        ("[server]\nport = \n", "--config: is not valid TOML (at line 2, column 8)"),
        (f"[security]\njwt_secret = {CANARY}\n", "--config: is not valid TOML (at line 2, column 14)"),
        ("a = " + "[" * 100_000, "--config: is not UTF-8, too long or not valid TOML"),
        (b"\xff", "--config: is not UTF-8, too long or not valid TOML"),
        (b"#" * 1_048_577, "--config: is not UTF-8, too long or not valid TOML"),
    ],
)
def test_file_that_cannot_be_used_is_refused(write: Write, toml: str | bytes, start: str) -> None:
    """Unknown names get a near one as a hint; a broken file gets the place, not its text."""
    file = write(toml)

    assert f"{start} (file {file})" == refusal(file)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    """A file that was asked for must be there."""
    file = tmp_path / "none.toml"

    assert f"--config: cannot be read: No such file or directory (file {file})" == refusal(file)


def test_unknown_variable_and_flag_are_refused() -> None:
    """A typing error must not leave a default in force."""
    wrong = {"LATCHGATE_SECURITY_INITIAL_RIGTHS": CANARY}
    hint = "is LATCHGATE_SECURITY_INITIAL_RIGHTS meant?"

    assert f"LATCHGATE_SECURITY_INITIAL_RIGTHS: is no setting; {hint} (environment)" == refusal(environment=wrong)
    assert "LATCHGATE_PORT: is no setting" in refusal(environment={"LATCHGATE_PORT": "8000"})
    assert "server.prt: is no setting; is server.port meant? (command line)" == refusal(flags={"server.prt": 1})


def test_variables_of_kubernetes_services_are_ignored() -> None:
    """A service called latchgate, or latchgate-something, in the namespace does not stop the start."""
    links = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "7512",
        "SERVICE_PORT_HTTP": "7512",
        "PORT": "tcp://10.0.0.1:7512",
        "PORT_7512_TCP": "tcp://10.0.0.1:7512",
        "PORT_7512_TCP_ADDR": "10.0.0.1",
        "MONGODB_PORT": "tcp://10.0.0.2:27017",
        "MONGODB_SERVICE_HOST": "10.0.0.2",
    }

    assert Config() == load(None, {f"LATCHGATE_{name}": value for name, value in links.items()}, {})


@pytest.mark.parametrize("name", _FORMS)
def test_no_refusal_shows_a_value(write: Write, name: str) -> None:
    """Whatever stands where, in whichever source: the sentence and the traceback do not repeat it."""
    section, _, setting = name.partition(".")
    attempts: list[tuple[Any, Any, Any]] = [
        (write(f"[{section}]\n{setting} = '{CANARY}'\n", 0o644), {}, {}),
        (write(f"[{section}]\n{setting} = ['', '{CANARY}', 1]\n", name="list"), {}, {}),
        (None, {variable(name): CANARY}, {}),
        (None, {}, {name: CANARY}),
        (None, {}, {name: [CANARY, 1]}),
    ]
    refused = []
    for attempt in attempts:
        try:
            load(*attempt)
        except ConfigError as error:
            refused += traceback.format_exception(error)

    assert refused
    assert CANARY not in "".join(refused)
