r"""Lucene regular expressions → PCRE, from an allow-list of constructs.

Rules of the file: pure. The text is parsed, never passed on: literals, `.`, classes, groups, `|` and repetitions
come through, everything else is refused. So is what could take long: matching backtracks, and its work grows with
the number of ways in which a pattern can be laid over a text. That number is counted (`_Part.ways`) and bounded,
with a repetition without end only around what can be read in one way; and the texts looked at are bounded too.
"""

import re
from typing import NamedTuple

from gateway.protocol.errors import ApiError
from gateway.storage.queries.patterns import ANY, ENDS, STARTS, WORD, is_word_character
from gateway.storage.queries.scope import refused

__all__ = ["regexp"]

_MAX_WAYS = 1_000_000
_PLACES = 100
"""Ways of an endless repetition: where it may stop. Three of them in a row are the most."""

_MAX_SIZE = 1000
"""Characters that a pattern matches at most, endless repetitions counted once."""

_MAX_GROUPS = 20
_LONGEST_TEXT = 512
_LONGEST_WORD = 64

_OPERATORS = frozenset('#@&<>~"')
"""Signs with a meaning in Lucene that PCRE has no match for."""

_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r"}
_COUNTS = re.compile(r"\{(\d{1,4})(?:(,)(\d{1,4})?)?\}", re.ASCII)
_SIGNS = {"?": (0, 1), "*": (0, None), "+": (1, None)}
_Bounds = tuple[int, int | None]
_NEVER = "(?:(?!))"


class _Part(NamedTuple):
    """A piece of the pattern: what PCRE reads, in how many ways it may match a text, characters it matches."""

    pattern: str
    ways: int = 1
    size: int = 1


def regexp(text: str, *, in_words: bool = False, are_operators_off: bool = False) -> str:
    """Translate a Lucene regular expression, which matches a whole text, or a whole word of analysed text.

    Texts over 512 characters and words over 64 are never matched.

    Args:
        text: at most as long as `values.MAX_TEXT`.
        in_words: whether the field is analysed text.
        are_operators_off: whether `flags` made the optional operators plain characters.

    Raises:
        BadRequestError: an unknown construct, or one that could take long.
    """
    reader = _Reader(text, in_words=in_words, operators=frozenset('"') if are_operators_off else _OPERATORS)
    part = _alternatives(reader)
    if reader.peek():
        raise _unreadable("a parenthesis is closed that was not opened")
    if in_words:
        return f"{STARTS}(?={WORD}{{1,{_LONGEST_WORD}}}{ENDS}){part.pattern}{ENDS}"
    return rf"^(?={ANY}{{0,{_LONGEST_TEXT}}}\z){part.pattern}\z"


class _Reader:
    """The text and how far it is read."""

    def __init__(self, text: str, *, in_words: bool, operators: frozenset[str]) -> None:
        self.text = text
        self.at = 0
        self.groups = 0
        self.in_words = in_words
        self.operators = operators

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        if not character:
            raise _unreadable("it ends too early")
        self.at += 1
        return character

    def skip(self, character: str) -> bool:
        found = self.peek() == character
        self.at += found
        return found


def _alternatives(reader: _Reader) -> _Part:
    branches = [_sequence(reader)]
    while reader.skip("|"):
        branches.append(_sequence(reader))
    pattern = "|".join(branch.pattern for branch in branches)
    ways, size = sum(branch.ways for branch in branches), sum(branch.size for branch in branches)
    return _checked(_Part(f"(?:{pattern})", ways, size))


def _sequence(reader: _Reader) -> _Part:
    whole = _Part("", 1, 0)
    while reader.peek() not in {"", "|", ")"}:
        part = _repeated(reader)
        whole = _checked(_Part(whole.pattern + part.pattern, whole.ways * part.ways, whole.size + part.size))
    return whole


def _repeated(reader: _Reader) -> _Part:
    part = _atom(reader)
    bounds = _bounds(reader)
    if bounds is None:
        return part
    if _bounds(reader) is not None:
        raise _unreadable("a repetition is repeated")
    return _repeat(part, *bounds)


def _bounds(reader: _Reader) -> _Bounds | None:
    sign = reader.peek()
    if sign in _SIGNS:
        reader.take()
        return _SIGNS[sign]
    if sign != "{":
        return None
    match = _COUNTS.match(reader.text, reader.at)
    if match is None:
        raise _unreadable("braces hold no number of repetitions")
    reader.at = match.end()
    low, comma, high = match.groups()
    return int(low), int(high) if high else None if comma else int(low)


def _repeat(part: _Part, low: int, high: int | None) -> _Part:
    size = part.size * max(low, high or 1)
    if size > _MAX_SIZE or (high is not None and not low <= high <= _MAX_SIZE):
        raise _unreadable("a repetition is too long")
    if high is None and part.ways > 1:
        raise _unreadable("a choice stands inside an endless repetition")
    ways = _PLACES if high is None else sum(part.ways**count for count in range(low, high + 1))
    return _checked(_Part(f"{part.pattern}{{{low},{'' if high is None else high}}}", ways, size))


def _atom(reader: _Reader) -> _Part:
    character = reader.take()
    if character in _ATOMS:
        return _ATOMS[character](reader)
    if character in "?*+{" or character in reader.operators:
        raise _unreadable(f"{character} cannot stand there")
    return _literal(reader, character)


def _literal(reader: _Reader, character: str) -> _Part:
    if reader.in_words and not is_word_character(character):
        return _Part(_NEVER)
    return _Part(re.escape(character))


def _anything(reader: _Reader) -> _Part:
    return _Part(WORD if reader.in_words else ANY)


def _group(reader: _Reader) -> _Part:
    reader.groups += 1
    if reader.groups > _MAX_GROUPS:
        raise _unreadable("it has too many groups")
    part = _alternatives(reader)
    if not reader.skip(")"):
        raise _unreadable("a parenthesis is not closed")
    return part


def _escaped(reader: _Reader) -> _Part:
    character = reader.take()
    if character.lower() in _CLASSES:
        return _class_of(reader, _CLASSES[character.lower()], is_negated=character.isupper())
    return _literal(reader, _plain(character))


def _class(reader: _Reader) -> _Part:
    is_negated = reader.skip("^")
    members = ""
    while not reader.skip("]"):
        members += _member(reader)
    if not members:
        raise _unreadable("a class is empty")
    return _class_of(reader, members, is_negated=is_negated)


def _class_of(reader: _Reader, members: str, *, is_negated: bool) -> _Part:
    if is_negated:
        return _Part(f"(?:(?![{members}]){_anything(reader).pattern})")
    return _Part(f"(?:(?={WORD})[{members}])" if reader.in_words else f"[{members}]")


def _member(reader: _Reader) -> str:
    r"""One character, one range, or one of `\d \w \s`, as PCRE writes it inside of brackets."""
    low = reader.take()
    if low == "\\":
        low = reader.take()
        if low in _CLASSES:
            return _CLASSES[low]
        low = _plain(low)
    if reader.peek() != "-" or reader.text[reader.at + 1 : reader.at + 2] in {"]", ""}:
        return _quoted(low)
    reader.take()
    high = reader.take()
    high = _plain(reader.take()) if high == "\\" else high
    if high < low:
        raise _unreadable("a range runs backwards")
    return f"{_quoted(low)}-{_quoted(high)}"


def _quoted(character: str) -> str:
    """A character inside of brackets; all signs escaped, so that no `[:name:]` can arise."""
    is_sign = character.isascii() and not character.isalnum()
    return f"\\{character}" if is_sign else character


def _plain(character: str) -> str:
    """What an escape stands for: itself, and no letter or digit, which mean something to one language or the other."""
    if character.isalnum():
        raise _unreadable(f"\\{character} has no meaning here")
    return character


_ATOMS = {"(": _group, "[": _class, ".": _anything, "\\": _escaped}


def _checked(part: _Part) -> _Part:
    if part.ways > _MAX_WAYS or part.size > _MAX_SIZE:
        raise _unreadable("it could take too long")
    return part


def _unreadable(reason: str) -> ApiError:
    return refused(f"the regular expression cannot be used: {reason}")
