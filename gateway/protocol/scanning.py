"""What can be told of a frame without decoding it: how deep it is nested, and whose it is although it is broken.

Rules of the file: pure; the bytes may be anything at all, so nothing here raises, and the time is linear in their
number: the patterns never go back, and a string that does not end reaches to the end. Source: deviation 9.
"""

import itertools
import re

__all__ = ["depth", "find_request_id"]

_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[][{}]', re.DOTALL)
_STRING_VALUE = re.compile(rb'\s*+:\s*+("(?:[^"\\]++|\\.)*+")', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_STEP = {ord(b"["): 1, ord(b"{"): 1, ord(b"]"): -1, ord(b"}"): -1}
_MOST_TOKENS = 1000


def depth(frame: bytes) -> int:
    """The deepest nesting of arrays and objects; brackets inside strings do not count."""
    brackets = _STRING.sub(b"", frame).translate(None, _NO_BRACKETS)
    return max(itertools.accumulate(map(_STEP.__getitem__, brackets), initial=0))


def find_request_id(frame: bytes) -> bytes | None:
    """Find the `requestId` of an object that cannot be decoded.

    Returns:
        The JSON text of the last string under that key at the root, quotes included, which itself may not be
        decodable; None if there is none among the first thousand strings and brackets.
    """
    found = None
    level = 0
    for token in itertools.islice(_TOKEN.finditer(frame), _MOST_TOKENS):
        level += _STEP.get(frame[token.start()], 0)
        if level == 1 and token[0] == b'"requestId"' and (value := _STRING_VALUE.match(frame, token.end())):
            found = value[1]
    return found
