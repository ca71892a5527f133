r"""User text → regular expressions that MongoDB runs.

Rules of the file: pure; every text is escaped, every pattern is anchored, and its matching takes time linear in the
stored text: what has been found is never looked for again (atomic groups). A word is a run of letters, digits,
marks and `_`; the stored text is cut into words by the pattern itself, so no index of words is needed.
"""

import re
import unicodedata
from collections.abc import Sequence

from gateway.storage.queries.filters import Filter

__all__ = [
    "ANY",
    "ENDS",
    "STARTS",
    "WORD",
    "as_word",
    "is_word_character",
    "matching",
    "one_of_words",
    "phrase",
    "starting_with",
    "whole",
    "wildcard",
    "words",
]

WORD = r"[\p{L}\p{M}\p{N}_]"
"""A character of a word."""

ANY = "."
"""Any character; needs the option `s` for line ends."""

STARTS = rf"(?<!{WORD})"
ENDS = rf"(?!{WORD})"
_GAP = r"[^\p{L}\p{M}\p{N}_]+"
_END = r"\z"
"""The very end; `$` would let a final line end pass."""

_GLOB = re.compile(r"\\(.)|([*?])|([^\\*?]+|\\)", re.DOTALL)


def matching(pattern: str, *, ignore_case: bool = False) -> Filter:
    """The condition of one field: its text, or a text in its list, matches."""
    return {"$regex": pattern, "$options": "is" if ignore_case else "s"}


def words(text: str) -> list[str]:
    """Cut text into its words."""
    return "".join(character if is_word_character(character) else " " for character in text).split()


def is_word_character(character: str) -> bool:
    """Tell letters, digits, marks and `_` from the rest; the same set as `WORD`."""
    return character == "_" or unicodedata.category(character)[0] in "LMN"


def as_word(text: str) -> bool:
    """Tell whether a text is a word as analysed text holds it: lower-case, nothing else beside it."""
    return words(text) == [text] and text == text.lower()


def whole(text: str) -> str:
    """Texts equal to this one (useful without regard to case)."""
    return f"^{re.escape(text)}{_END}"


def starting_with(text: str) -> str:
    """Texts that start with this one; MongoDB uses an index for it."""
    return f"^{re.escape(text)}"


def one_of_words(wanted: Sequence[str]) -> str:
    """Analysed texts in which one of the words stands."""
    return f"{STARTS}(?:{'|'.join(map(re.escape, wanted))}){ENDS}"


def phrase(wanted: Sequence[str], *, is_prefix: bool = False) -> str:
    """Analysed texts in which the words stand side by side; with `is_prefix` the last may be the start of one."""
    return STARTS + _GAP.join(map(re.escape, wanted)) + ("" if is_prefix else ENDS)


def wildcard(glob: str, *, in_words: bool = False) -> str:
    r"""Texts like this one, or analysed texts with such a word: `*` stands for any characters, `?` for one.

    A backslash takes the meaning from what follows it.
    """
    anything, starts, ends = (WORD, STARTS, ENDS) if in_words else (ANY, "^", _END)
    first, *others = _segments(glob, anything)
    if not others:
        return starts + first + ends
    # The earliest place of a middle part is as good as any later one, so it is never given up again.
    middle = "".join(f"(?>{anything}*?{segment})" for segment in others[:-1] if segment)
    return f"{starts}{first}{middle}{anything}*{others[-1]}{ends}"


def _segments(glob: str, anything: str) -> list[str]:
    segments = [""]
    for escaped, sign, literal in _GLOB.findall(glob):
        if sign == "*":
            segments.append("")
        else:
            segments[-1] += anything if sign else re.escape(escaped or literal)
    return segments
