"""From file, environment and command line to a `Config`.

Rules of the file: later sources win, setting by setting; every name in every source must be known, and the value that
wins must keep the rules of its setting. Whatever is wrong ends in one `ConfigError` that names the setting and
where it came from and never shows a value: a secret may stand where nobody expected it, in a path for instance.
Nothing but the given files is read.
"""

import difflib
import math
import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
from msgspec import inspect

from gateway.config.section import Section, Setting, settings_of
from gateway.config.server_section import ServerSettings
from gateway.config.settings import Config
from gateway.protocol import durations

__all__ = ["PREFIX", "ConfigError", "load", "variable"]

PREFIX = "LATCHGATE_"
"""What the name of every environment variable of the gateway begins with."""

_LARGEST_FILE = 1_048_576
_OTHERS = 0o077  # any permission for group or others

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_INTEGER = re.compile(r"-?[0-9]{1,100}")  # int() also takes "1_000" and digits of other scripts
_NUMBER = re.compile(r"-?[0-9]{1,100}(\.[0-9]{1,100})?")

# Kubernetes (service links) sets such variables for every service, so also for one that is called latchgate.
_SERVICE_LINK = re.compile(PREFIX + r"(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_\w+)?)")
_SERVICE_URL = re.compile(PREFIX + r"(\w+_)?PORT=(tcp|udp|sctp)://.*", re.DOTALL)


class ConfigError(Exception):
    """The settings cannot be used; the text is one sentence for the operator, without any value."""


class _Form(msgspec.Struct, frozen=True):
    """One way to give a setting: by its value, or by the path of a file that holds it."""

    section: str
    setting: Setting
    in_file: bool

    @property
    def path(self) -> str:
        return f"{self.section}.{self.setting.name}"


class _Given(msgspec.Struct, frozen=True):
    """What one source says about one setting."""

    form: _Form
    raw: object
    origin: str
    typed: bool  # a text stands for a text only, as in TOML; else a text is read by the type of the setting

    def refused(self, sentence: str) -> ConfigError:
        return _error(self.form.path, sentence, self.origin)


_Layer = dict[str, _Given]


def _sections() -> dict[str, type[Section]]:
    return {name: type(getattr(Config(), name)) for name in Config.__struct_fields__}


def _forms() -> dict[str, _Form]:
    forms = {}
    for section, struct in _sections().items():
        for setting in settings_of(struct):
            name = f"{section}.{setting.name}"
            forms[name] = _Form(section, setting, in_file=False)
            if setting.hide:
                forms[f"{name}_file"] = _Form(section, setting, in_file=True)
    return forms


def variable(name: str) -> str:
    """Give the environment variable of a setting, `server.port` for instance."""
    return PREFIX + name.upper().replace(".", "_")


_SECTIONS = _sections()
_FORMS = _forms()
_NAMES_BY_VARIABLE = {variable(name): name for name in _FORMS}


def load(file: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]) -> Config:
    """Read the settings: defaults < TOML file < environment < flags.

    Args:
        file: a TOML file with one table per section, or None.
        environment: variables; those that do not begin with `LATCHGATE_` are ignored.
        flags: by dotted name (`server.port`, `security.jwt_secret_file`), as text or as a value of the setting's
            type; None means not given.

    Raises:
        ConfigError: for an unknown name, a value that breaks a rule, a setting given both by value and by file, a
            file that cannot be read, a secret that others can read.
    """
    given: _Layer = {}
    if file is not None:
        given |= _file_layer(file)
    given |= _environment_layer(environment)
    given |= _flags_layer(flags)
    sections: dict[str, dict[str, object]] = {}
    for item in given.values():
        sections.setdefault(item.form.section, {})[item.form.setting.name] = _value(item)
    config = msgspec.convert(sections, Config)
    _check_together(config.server, given)
    return config


def _check_together(server: ServerSettings, given: _Layer) -> None:
    """Refuse settings that make sense only together."""
    if bool(server.tls_cert) is not bool(server.tls_key):
        name, other = ("tls_cert", "tls_key") if server.tls_cert else ("tls_key", "tls_cert")
        raise given[f"server.{name}"].refused(f"needs server.{other} beside it")
    if server.proxy_protocol and not server.trusted_proxies:
        raise given["server.proxy_protocol"].refused("needs server.trusted_proxies, which say who may connect")


def _error(name: str, sentence: str, origin: str) -> ConfigError:
    text = f"{name}: {sentence} ({origin})"
    # Names and paths are not ours: a line break in one must not forge a second line of the log.
    return ConfigError("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text))


def _layer(values: Mapping[str, object], origin: Callable[[str], str], *, typed: bool) -> _Layer:
    layer: _Layer = {}
    for name, raw in values.items():
        form = _FORMS.get(name)
        if form is None:
            raise _unknown(name, _FORMS, origin(name))
        if form.path in layer:
            raise _error(form.path, "is given both by its value and by a file; keep one", origin(name))
        layer[form.path] = _Given(form, raw, origin(name), typed)
    return layer


def _unknown(name: str, known: Mapping[str, object], origin: str) -> ConfigError:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return _error(name, "is no setting" + (f"; is {near[0]} meant?" if near else ""), origin)


def _file_layer(file: Path) -> _Layer:
    origin = f"file {file}"
    try:
        content, mode = _read(file)
        document = tomllib.loads(content)
    except OSError as error:
        raise _error("--config", f"cannot be read: {error.strerror}", origin) from None
    except tomllib.TOMLDecodeError as error:
        # The place only: the rest of the parser's text may quote a character of a secret.
        place = re.search(r"\(at [^()]*\)\Z", str(error))
        raise _error("--config", f"is not valid TOML {place[0] if place else ''}".rstrip(), origin) from None
    except (ValueError, RecursionError):
        raise _error("--config", "is not UTF-8, too long or not valid TOML", origin) from None
    layer = _layer(_flattened(document, origin), lambda _name: origin, typed=True)
    for item in layer.values():
        if mode & _OTHERS and _is_open_secret(item):
            raise item.refused(f"the file holds a secret but its mode {mode:04o} lets others at it; use 0600")
    return layer


def _flattened(document: Mapping[str, object], origin: str) -> dict[str, object]:
    values: dict[str, object] = {}
    for section, table in document.items():
        if section not in _SECTIONS:
            raise _unknown(section, _SECTIONS, origin)
        if not isinstance(table, dict):
            raise _error(section, f"must be a table, [{section}]", origin)
        values |= {f"{section}.{name}": raw for name, raw in table.items()}
    return values


def _environment_layer(environment: Mapping[str, str]) -> _Layer:
    values: dict[str, object] = {}
    for name, text in environment.items():
        if name in _NAMES_BY_VARIABLE:
            values[_NAMES_BY_VARIABLE[name]] = text
        elif name.startswith(PREFIX) and not _is_service_link(name, text):
            raise _unknown(name, _NAMES_BY_VARIABLE, "environment")
    return _layer(values, lambda name: f"environment variable {variable(name)}", typed=False)


def _is_service_link(name: str, text: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(name) or _SERVICE_URL.fullmatch(f"{name}={text}"))


def _flags_layer(flags: Mapping[str, object]) -> _Layer:
    values = {name: raw for name, raw in flags.items() if raw is not None}
    layer = _layer(values, lambda _name: "command line", typed=False)
    for item in layer.values():
        if _is_open_secret(item):
            raise item.refused("other users can read a command line; give a secret in a file or a variable")
    return layer


def _is_open_secret(item: _Given) -> bool:
    """Say whether the value itself was given and is one that must not be shown."""
    return not item.form.in_file and item.form.setting.shown(item.raw) != item.raw


def _value(item: _Given) -> object:
    setting = item.form.setting
    raw = _secret_from_file(item) if item.form.in_file else item.raw
    try:
        if isinstance(raw, str):
            raw.encode()  # a variable that was not UTF-8 holds lone surrogates
            raw = _parsed(setting, raw, typed=item.typed)
        # One setting at a time, so that a broken rule belongs to it.
        section = msgspec.convert({setting.name: raw}, _SECTIONS[item.form.section])
    except (ValueError, msgspec.ValidationError):
        raise item.refused(f"must be {setting.accepts}") from None
    return getattr(section, setting.name)


def _parsed(setting: Setting, text: str, *, typed: bool) -> object:
    """Read a text by the type of its setting; ValueError when it is none of that type."""
    if setting.is_duration:
        return _milliseconds(text)
    return text if typed else _from_text(setting.kind, text)


def _from_text(kind: inspect.Type, text: str) -> object:
    match kind:
        case inspect.IntType() if _INTEGER.fullmatch(text):
            return int(text)
        case inspect.FloatType() if _NUMBER.fullmatch(text):
            return float(text)
        case inspect.BoolType():
            return _BOOLEANS.get(text.lower(), text)
        case inspect.VarTupleType():
            return [part.strip() for part in text.split(",")] if text else []
    return text


def _milliseconds(text: str) -> int:
    value = durations.parse(text)
    if value is None or not math.isfinite(value) or (value < 0 and value != -1):
        raise ValueError("no duration")
    return math.ceil(value)  # up, as the API rounds an expiresIn


def _secret_from_file(item: _Given) -> str:
    if not isinstance(item.raw, str | os.PathLike):
        raise item.refused("the _file form must be the path of a file")
    try:
        content, mode = _read(Path(item.raw))
    except OSError as error:
        raise item.refused(f"the file it is in cannot be read: {error.strerror}") from None
    except ValueError:
        raise item.refused("the file it is in is not UTF-8 or too long") from None
    if mode & _OTHERS:
        raise item.refused(f"the file it is in has mode {mode:04o}, which lets others at it; use 0600")
    secret = content.removesuffix("\n")
    if not secret:
        raise item.refused("the file it is in is empty")
    return secret


def _read(file: Path) -> tuple[str, int]:
    """Give the text of a file and its permission bits, both of the file that was opened."""
    with file.open("rb") as stream:
        mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
        content = stream.read(_LARGEST_FILE + 1)
    if len(content) > _LARGEST_FILE:
        raise ValueError("file too large")
    return content.decode(), mode
