"""Transcripts: what is sent and what must come back, as text that reads like the wire.

    # Remarks, and empty lines, are for the reader.
    ! section.setting = JSON          a setting of the gateway, before anything else
    @name                             who speaks from here on: a connection, opened when it is first named
    > {"controller": …}               one frame; `requestId` is added
    < 200 PATTERN                     its answer is a success with this `result`; no pattern: there is no such key
    < raw PATTERN                     its answer is this and no envelope
    < 404 some.error.id 12345 [props] its answer is an error; after the status nothing: one without id
    < 206 some.error.id 12345 [props] PATTERN    some of it failed: an error, and the `result` of the rest

Lines that begin with two spaces continue the line before. A pattern is JSON that must be met exactly, down to the
keys of objects (`"...": true` allows others), but for these texts: `<kind>` is any value of that kind (see `KINDS`),
`<kind: name>` remembers it too, and `$name`, in frames as well, is what was remembered.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["KINDS", "Exchange", "Transcript", "filled", "read", "unmet"]

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
_JWT = r"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.[A-Za-z0-9+/]+\.[A-Za-z0-9_-]{43}"
_CLOCK_MS = 120_000
_KIND = re.compile(r"<(\w+)(?:: *(\w+))?>")


def _text(form: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(form, value, re.DOTALL) is not None


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


KINDS: dict[str, Callable[[Any], bool]] = {
    "any": lambda _: True,
    "text": _text(".+"),
    "integer": _is_integer,
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "now": lambda value: _is_integer(value) and abs(value - time.time() * 1000) < _CLOCK_MS,
    "future": lambda value: _is_integer(value) and value > time.time() * 1000,
    "uuid": _text(_UUID),
    "kuid": _text(r"kuid-[a-z]+-[a-z]+-\d{1,5}"),
    "sha256": _text("[0-9a-f]{64}"),
    "key": _text(f"kapikey-{_JWT}"),
    "login": _text(f"kauth-{_JWT}"),
}
"""Name of a kind → what tells its values."""


class Exchange(NamedTuple):
    """One frame and its answer.

    Attributes:
        where: file and line.
        speaker: name of the connection.
        frame: what is sent.
        status: of the answer.
        expected: the pattern of a result, or id, code and props of an error, and for 206 both; empty for neither.
        is_raw: the result is the whole answer.
    """

    where: str
    speaker: str
    frame: dict[str, Any]
    status: int
    expected: tuple[Any, ...]
    is_raw: bool = False

    @property
    def name(self) -> str:
        """`controller:action`."""
        return f"{self.frame['controller']}:{self.frame['action']}"


class Transcript(NamedTuple):
    """A whole file: section → setting → value, and the exchanges in their order."""

    settings: dict[str, dict[str, Any]]
    exchanges: list[Exchange]


def read(path: Path) -> Transcript:
    """Read a transcript; what cannot be read is a ValueError that names file and line."""
    transcript = Transcript({}, [])
    speaker, frame = "", None
    for where, mark, text in _lines(path):
        try:
            match mark:
                case "!":
                    _add_setting(transcript.settings, text)
                case "@":
                    speaker = text
                case ">":
                    frame = json.loads(text)
                case _:
                    transcript.exchanges.append(_exchange(where, speaker, frame, mark, text))
                    frame = None
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    return transcript


def _add_setting(settings: dict[str, dict[str, Any]], text: str) -> None:
    name, _, value = text.partition("=")
    section, _, setting = name.strip().partition(".")
    settings.setdefault(section, {})[setting] = json.loads(value)


def _exchange(where: str, speaker: str, frame: Any, mark: str, text: str) -> Exchange:
    if mark != "<" or frame is None or not speaker:
        raise ValueError(f"there is nothing to which this answers: {mark} {text}")
    status, _, rest = text.partition(" ")
    if status == "raw":
        return Exchange(where, speaker, frame, 200, (json.loads(rest),), is_raw=True)
    if int(status) == 200 or not rest:
        return Exchange(where, speaker, frame, int(status), (json.loads(rest),) if rest else ())
    error_id, code, rest = rest.split(maxsplit=2)
    props, end = json.JSONDecoder().raw_decode(rest)
    if int(status) != 206 and rest[end:]:
        raise ValueError(f"only 206 has a result beside its error: {text}")
    result = (json.loads(rest[end:]),) if int(status) == 206 else ()
    return Exchange(where, speaker, frame, int(status), (error_id, int(code), props, *result))


def _lines(path: Path) -> Iterator[tuple[str, str, str]]:
    """Whole lines: where they begin, their mark, their text."""
    begun: list[Any] = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("  ") and begun:
            begun[2] += line
        elif line and not line.startswith("#"):
            if begun:
                yield tuple(begun)
            begun = [f"{path.name}:{number}", line[0], line[1:].strip()]
    if begun:
        yield tuple(begun)


def filled(frame: Any, remembered: dict[str, Any]) -> Any:
    """A frame with what was remembered in the place of `$name`."""
    if isinstance(frame, dict):
        return {name: filled(value, remembered) for name, value in frame.items()}
    if isinstance(frame, list):
        return [filled(value, remembered) for value in frame]
    return remembered[frame[1:]] if isinstance(frame, str) and frame.startswith("$") else frame


def unmet(pattern: Any, value: Any, remembered: dict[str, Any], where: str = "result") -> str | None:
    """Hold a value against a pattern; return None or what is wrong, and add to what is remembered."""
    if isinstance(pattern, dict) and isinstance(value, dict):
        return _unmet_object(pattern, value, remembered, where)
    if isinstance(pattern, list) and isinstance(value, list):
        if len(pattern) != len(value):
            return f"{where} has {len(value)} items instead of {len(pattern)}: {value}"
        faults = (unmet(p, v, remembered, f"{where}[{i}]") for i, (p, v) in enumerate(zip(pattern, value, strict=True)))
        return next(filter(None, faults), None)
    kind = _KIND.fullmatch(pattern) if isinstance(pattern, str) else None
    if kind is None:
        expected = filled(pattern, remembered)
        same = expected == value and isinstance(expected, bool) is isinstance(value, bool)
        return None if same else f"{where} is {value!r} instead of {expected!r}"
    if not KINDS[kind[1]](value):
        return f"{where} is {value!r}, no {kind[1]}"
    if kind[2]:
        remembered[kind[2]] = value
    return None


def _unmet_object(pattern: dict[str, Any], value: dict[str, Any], remembered: dict[str, Any], where: str) -> str | None:
    wanted = pattern.keys() - {"..."}
    if wanted - value.keys() or ("..." not in pattern and value.keys() - wanted):
        return f"{where} has the keys {sorted(value)} instead of {sorted(pattern)}"
    faults = (unmet(pattern[name], value[name], remembered, f"{where}.{name}") for name in pattern if name != "...")
    return next(filter(None, faults), None)
