"""Secrets: read from private files only, refused where others can read them, hidden wherever settings are shown."""

import traceback
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from gateway.config import Config, ConfigError, MongodbSettings, SecuritySettings, load, masked
from gateway.config.loading import _FORMS, variable

CANARY = "canary-5ecret-canary-5ecret-canary"

Write = Callable[..., Path]


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


@pytest.mark.parametrize("content", [CANARY, f"{CANARY}\n"])
def test_secret_is_read_from_a_file_named_in_any_source(write: Write, content: str) -> None:
    """The value is the content without one newline at its end."""
    secret = write(content, 0o400, "secret")
    toml = write(f'[security]\njwt_secret_file = "{secret}"\n', 0o644)

    assert CANARY == load(toml, {}, {}).security.jwt_secret
    assert CANARY == load(None, {"LATCHGATE_SECURITY_JWT_SECRET_FILE": str(secret)}, {}).security.jwt_secret
    assert CANARY == load(None, {}, {"security.jwt_secret_file": str(secret)}).security.jwt_secret
    assert CANARY == load(None, {}, {"security.jwt_secret_file": secret}).security.jwt_secret


def test_only_one_newline_is_taken_from_a_secret(write: Write) -> None:
    """Everything else in the file belongs to the secret."""
    secret = write(f" {CANARY}\r\n\n", name="secret")

    assert f" {CANARY}\r\n" == load(None, {}, {"security.jwt_secret_file": secret}).security.jwt_secret


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        *[(CANARY, mode, f"the file it is in has mode {mode:04o}, which") for mode in (0o640, 0o604, 0o620, 0o601)],
        ("", 0o600, "the file it is in is empty"),
        ("\n", 0o600, "the file it is in is empty"),
        (b"\xff" * 32, 0o600, "the file it is in is not UTF-8"),
        (b"x" * 1_048_577, 0o600, "the file it is in is not UTF-8 or too long"),
        (CANARY[:31], 0o600, "must be empty or at least 32 bytes"),
    ],
)
def test_secret_file_that_cannot_be_used_is_refused(
    write: Write, content: str | bytes, mode: int, sentence: str
) -> None:
    """Readable by others, empty, broken or too short: no start, and no silent fall back to a generated secret."""
    name = "LATCHGATE_SECURITY_JWT_SECRET_FILE"

    message = refusal(environment={name: str(write(content, mode, "secret"))})

    assert message.startswith(f"security.jwt_secret: {sentence}")
    assert message.endswith(f"(environment variable {name})")


def test_secret_file_that_is_none_is_refused(tmp_path: Path) -> None:
    """A path may be a secret put in the wrong variable, so it is not shown either."""
    for path in (CANARY, str(tmp_path), "", "a\0b"):
        message = refusal(environment={"LATCHGATE_MONGODB_URI_FILE": path})
        assert message.startswith("mongodb.uri: the file it is in ")
    assert "must be the path of a file" in refusal(flags={"mongodb.uri_file": 1})


def test_secret_given_by_value_and_by_file_is_refused(write: Write) -> None:
    """Both forms in one source are a contradiction; in two sources the later one wins."""
    secret = str(write(CANARY, name="secret"))
    by_file = {"LATCHGATE_SECURITY_JWT_SECRET_FILE": secret}
    toml = write(f'[security]\njwt_secret = "{"x" * 32}"\njwt_secret_file = "{secret}"\n')
    sentence = "security.jwt_secret: is given both by its value and by a file; keep one"

    assert sentence in refusal(environment=by_file | {"LATCHGATE_SECURITY_JWT_SECRET": CANARY})
    assert sentence in refusal(toml)
    assert CANARY == load(write(f'[security]\njwt_secret = "{"x" * 32}"\n'), by_file, {}).security.jwt_secret


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("security.jwt_secret", CANARY),
        ("mongodb.uri", f"mongodb://u:{CANARY}@h"),
        ("mongodb.uri", f"mongodb://h/?tlsCertificateKeyFilePassword={CANARY}"),
    ],
)
def test_secret_value_must_not_stand_where_others_can_read(write: Write, name: str, value: str) -> None:
    """Neither in a file that others can read, overridden or not, nor on the command line; a private file will do."""
    section, _, setting = name.partition(".")
    text = f'[{section}]\n{setting} = "{value}"\n'

    assert value == get(load(write(text), {}, {}), name)
    assert value == get(load(None, {variable(name): value}, {}), name)
    assert f"{name}: the file holds a secret but its mode 0644" in refusal(write(text, 0o644))
    assert f"{name}: the file holds a secret but its mode 0640" in refusal(write(text, 0o640), {variable(name): ""})
    assert f"{name}: other users can read a command line" in refusal(flags={name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("security.jwt_secret", ""), ("mongodb.uri", "mongodb://u@h/?replicaSet=rs0")],
)
def test_value_without_a_secret_may_stand_anywhere(write: Write, name: str, value: str) -> None:
    """A connection string without a password is no secret, nor is the empty text."""
    section, _, setting = name.partition(".")

    assert value == get(load(write(f'[{section}]\n{setting} = "{value}"\n', 0o644), {}, {}), name)
    assert value == get(load(None, {}, {name: value}), name)


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("", ""),
        ("mongodb://h:1,i:2/db?replicaSet=a", "mongodb://h:1,i:2/db?replicaSet=a"),
        ("mongodb://u@h", "mongodb://u@h"),
        ("mongodb://u:p@h/db", "mongodb://u:***@h/db"),
        ("mongodb+srv://u:p:q/r?s@t@h:1/?a=b", "mongodb+srv://u:***@h:1/?a=b"),
        ("mongodb://h/?a=b&proxyPassword=p&c=d", "mongodb://h/?a=b&proxyPassword=***&c=d"),
        ("mongodb://h/?AUTHMECHANISMPROPERTIES=AWS_SESSION_TOKEN:p", "mongodb://h/?AUTHMECHANISMPROPERTIES=***"),
        ("u:p@h", "u:***@h"),
    ],
)
def test_connection_string_is_shown_without_its_secrets(uri: str, shown: str) -> None:
    """The password goes, even one that was not percent-encoded; user, hosts and options stay."""
    assert shown == masked(Config(mongodb=MongodbSettings(uri=uri)))["mongodb"]["uri"]


def test_masked_has_every_setting_and_no_secret() -> None:
    """Nested by section; a secret that is set reads ***, one that is not reads empty; repr does as much."""
    config = Config(
        security=SecuritySettings(jwt_secret=CANARY), mongodb=MongodbSettings(uri=f"mongodb://u:{CANARY}@h")
    )

    shown = masked(config)

    assert "***" == shown["security"]["jwt_secret"]
    assert "" == masked(Config())["security"]["jwt_secret"]
    assert 7512 == shown["server"]["port"]
    assert [name for name, form in _FORMS.items() if not form.in_file] == [
        f"{section}.{name}" for section, table in shown.items() for name in table
    ]
    assert CANARY not in f"{shown} {config} {config!r} {config.security!r} {config.mongodb}"
    assert "port=7512" in repr(config)
