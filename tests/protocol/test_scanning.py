"""Frames looked at without reading them: exact on JSON, harmless and quick on everything else."""

import json
import time
from typing import Any

import pytest

from gateway.protocol.scanning import depth, find_request_id

SIZE = 200_000


@pytest.mark.parametrize(
    ("value", "levels"),
    [(1, 0), ("[[[", 0), ([], 1), ({}, 1), ([[], [[]], {}], 3), ({"[": ["\\", '"[', '\\"[']}, 2), ([[1], [2]] * 50, 2)],
    ids=lambda value: json.dumps(value)[:16],
)
def test_depth_is_that_of_the_value(value: Any, levels: int) -> None:
    """Brackets in strings, after any number of quotes and backslashes, do not count."""
    assert levels == depth(json.dumps(value).encode())


@pytest.mark.parametrize(
    ("frame", "levels"),
    [(b"", 0), (b"[[[", 3), (b"]]]", 0), (b"]][[[", 1), (b'"[[[', 0), (b'[[""]', 2), (b'[["\\"[[[', 2), (b'[["\\', 2)],
    ids=repr,
)
def test_depth_of_anything_else_is_what_its_beginning_says(frame: bytes, levels: int) -> None:
    """A string without an end reaches to the end; closing brackets too many only lower the count."""
    assert levels == depth(frame)


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (b'{"requestId":"r"}', b'"r"'),
        (b'{ "requestId" \n: \t"r" }', b'"r"'),
        (b'{"a":{"requestId":"inner"},"requestId":"r","b":[{"requestId":"inner"}]}', b'"r"'),
        (b'{"requestId":"1","requestId":"2"}', b'"2"'),
        (b'{"requestId":"\\"}\\\\"}', b'"\\"}\\\\"'),
        (b'{"requestId":"","a":1}', b'""'),
        (b'{"requestId":null}', None),
        (b'{"RequestId":"r"}', None),
        (b'{"requestId"}', None),
        (b'"requestId":"r"', None),
        (b"", None),
    ],
    ids=repr,
)
def test_the_request_id_is_the_last_string_of_that_name_at_the_root(frame: bytes, text: bytes | None) -> None:
    """Its JSON text is found whole, escapes included."""
    assert text == find_request_id(frame)


def test_a_request_id_beyond_the_thousandth_string_is_not_looked_for() -> None:
    """The search is bounded, so that a hostile frame costs no more than an honest one."""
    fields = ",".join(f'"k{number}":{number}' for number in range(1_200))

    assert find_request_id(f'{{"requestId":"r",{fields}}}'.encode()) == b'"r"'
    assert find_request_id(f'{{{fields},"requestId":"r"}}'.encode()) is None


@pytest.mark.parametrize(
    "frame",
    [
        b'{"a":"' + b'\\"' * SIZE + b"[" * 100,
        b'"' * SIZE + b"[" * 100,
        b'"\\' * SIZE + b"[" * 100,
        b"\\" * SIZE + b'"' + b"[" * 100,
        b"[" * SIZE,
        b'{"requestId":' * 1_000 + b" " * SIZE,
        b'{"requestId":"' + b"\\\\" * SIZE,
        b"{" + b'"requestId":"' * SIZE,
    ],
    ids=["escaped quotes", "quotes", "quote backslash", "backslashes", "brackets", "spaces", "escapes", "keys"],
)
def test_the_time_is_linear_in_the_length_of_the_frame(frame: bytes) -> None:
    """Anybody may send such a frame before saying who they are; a pattern that went back would take minutes."""
    started = time.process_time()

    depth(frame)
    find_request_id(frame)

    assert time.process_time() - started < 1
