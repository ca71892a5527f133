"""The functions that guard the house can find something: small modules in memory, each with one fault or none."""

from collections.abc import Iterator

import pytest

from tests.architecture import (
    Module,
    find_circles,
    find_hidden_imports,
    find_impurities,
    find_long_files,
    find_long_functions,
    find_strange_libraries,
    find_undocumented,
    find_upward_imports,
    imports_of,
)
from tests.test_architecture import FLOORS, HOMES, MIDDLE, PURE


def module(name: str, source: str) -> Module:
    """A module in memory."""
    return Module(name, name.replace(".", "/") + ".py", source)


LOW = module("gateway.protocol.low", "import re\n")
SAME = module("gateway.security.users", "from gateway.protocol import low\nfrom gateway.security.tokens import x\n")
TOKENS = module("gateway.security.tokens", "")


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("gateway.protocol.up", "import gateway.security.tokens\n", "gateway/protocol/up.py:1: protocol may not"),
        (
            "gateway.protocol.up",
            "\nfrom gateway.security import tokens\n",
            "gateway/protocol/up.py:2: protocol may not",
        ),
        ("gateway.dispatch", "from gateway.routing import Router\n", "gateway/dispatch.py:1: dispatch may not"),
        ("gateway.storage.mongo", "from gateway.config import Config\n", "gateway/storage/mongo.py:1: storage may not"),
        ("gateway.cli", "from gateway import Gateway\n", "gateway/cli.py:1: cli may not import gateway,"),
        ("gateway.security.keys", "from .users import Users\n", "gateway/security/keys.py:1: a relative import"),
        ("gateway.security.keys", "from gateway.security.gone import x\n", "gateway/security/keys.py:1: security may"),
        ("gateway.attic.box", "", "gateway/attic/box.py:1: attic has no floor"),
        ("gateway.actions", "def f():\n    import gateway.server\n", "gateway/actions.py:2: actions may not"),
    ],
)
def test_an_arrow_upward_is_seen(name: str, source: str, fault: str) -> None:
    """However it is spelt, with file and line; to a neighbour, to the face and to nowhere as well."""
    house = [
        LOW,
        SAME,
        TOKENS,
        module("gateway", ""),
        module("gateway.routing", ""),
        module("gateway.config", ""),
        module("gateway.server", ""),
    ]

    assert [] == list(find_upward_imports(house, FLOORS))
    [found] = find_upward_imports([*house, module(name, source)], FLOORS)
    assert found.startswith(fault)


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("def f():\n    import re\n", ["gateway/a.py:2: an import inside f"]),
        ("class A:\n    async def f(self):\n        from re import sub\n", ["gateway/a.py:3: an import inside f"]),
        ("from typing import TYPE_CHECKING\n", ["gateway/a.py:1: TYPE_CHECKING"]),
        ("import typing\nif typing.TYPE_CHECKING:\n    import re\n", ["gateway/a.py:2: TYPE_CHECKING"]),
        ("import importlib\nimportlib.import_module('re')\n", ["gateway/a.py:2: import_module"]),
        ("__import__('re')\n", ["gateway/a.py:1: __import__"]),
        ("import re\ntry:\n    import uvloop\nexcept ImportError:\n    pass\n", []),
    ],
)
def test_an_import_that_hides_is_seen(source: str, faults: list[str]) -> None:
    """A choice between two libraries at the top of a file is not hidden."""
    assert faults == list(find_hidden_imports([module("gateway.a", source)]))


def test_a_circle_is_seen() -> None:
    """Of any length; the fault names an import in it and every module of it."""
    a = module("gateway.p.a", "import re\nfrom gateway.p import b\n")
    b = module("gateway.p.b", "from gateway.p.c import x\n")
    c = module("gateway.p.c", "\n\nimport gateway.p.a\n")
    outside = module("gateway.p.d", "from gateway.p import a, b, c\n")

    assert [] == list(find_circles([a, b, module("gateway.p.c", ""), outside]))
    [fault] = find_circles([a, b, c, outside])
    assert fault.split(": ")[0] in {"gateway/p/a.py:2", "gateway/p/b.py:1", "gateway/p/c.py:3"}
    assert {"gateway.p.a", "gateway.p.b", "gateway.p.c"} == set(fault.split(": ")[2].split(" ← "))


@pytest.mark.parametrize(
    ("name", "source", "fault"),
    [
        ("gateway.security.keys", "import jwt\n", "keys.py:1: jwt is known to gateway/security/tokens.py only"),
        ("gateway.security.keys", "from jwt.exceptions import E\n", "keys.py:1: jwt.exceptions.E is known to"),
        ("gateway.security.keys", "from motor.motor_asyncio import A\n", "keys.py:1: motor.motor_asyncio.A is known"),
        ("gateway.a", "import msgspec\nmsgspec.json.encode(1)\n", "gateway/a.py:2: msgspec.json is known to"),
        ("gateway.a", "from msgspec import json\n", "gateway/a.py:1: msgspec.json is known to"),
        ("gateway.a", "import msgspec.json\n", "gateway/a.py:1: msgspec.json is known to"),
        ("gateway.a", "import json\n", "gateway/a.py:1: json is known to"),
        ("gateway.a", "import yaml\n", "gateway/a.py:1: nobody decided which file may know yaml"),
        ("gateway.a", "def f():\n    from websockets import connect\n", "gateway/a.py:2: websockets.connect is known"),
    ],
)
def test_a_library_in_the_wrong_file_is_seen(name: str, source: str, fault: str) -> None:
    """However it is imported; a library that nobody has decided on as well."""
    found = list(find_strange_libraries([module(name, source)], HOMES))

    assert fault in found[0]


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("gateway.security.tokens", "import jwt\njwt.decode('')\n"),
        ("gateway.protocol.codec", "import msgspec\nmsgspec.json.Decoder()\n"),
        ("gateway.a", "import msgspec\nfrom msgspec import Struct\nmsgspec.convert(1)\nimport os.path\n"),
    ],
)
def test_a_library_in_its_own_file_is_not_seen(name: str, source: str) -> None:
    """Neither is one that is everybody's, or the standard library."""
    assert [] == list(find_strange_libraries([module(name, source)], HOMES))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("import asyncio\n", "1: imports asyncio"),
        ("import time\n", "1: imports time"),
        ("from time import monotonic\n", "1: imports time.monotonic"),
        ("import os.path\n", "1: imports os.path"),
        ("\nfrom os import environ\n", "2: imports os.environ"),
        ("import random\n", "1: imports random"),
        ("from random import randint\n", "1: imports random.randint"),
        ("from uuid import uuid4\n", "1: imports uuid.uuid4"),
        ("import secrets\n", "1: imports secrets"),
        ("import logging\n", "1: imports logging"),
        ("from datetime import datetime\ndatetime.now()\n", "2: reads a clock: datetime.now"),
        ("import datetime\ndatetime.datetime.utcnow()\n", "2: reads a clock: datetime.utcnow"),
        ("from datetime import date\nf = date.today\n", "2: reads a clock: date.today"),
        ("def f():\n    return open('x')\n", "2: calls open"),
    ],
)
def test_a_look_at_the_world_is_seen_in_the_middle_and_only_there(source: str, text: str) -> None:
    """Loops, clocks, the environment, randomness, files and logs."""
    inside, outside = module("gateway.protocol.a", source), module("gateway.transports.a", source)

    assert [f"gateway/protocol/a.py:{text}"] == list(find_impurities([inside, outside], MIDDLE, PURE))


def test_what_is_handed_in_is_no_look_at_the_world() -> None:
    """A clock as an argument, a generator as a type, our own modules."""
    source = "from random import Random\nfrom gateway.protocol import codec\nimport re\ndef f(now, r: Random): now()\n"

    assert [] == list(find_impurities([module("gateway.security.names", source)], MIDDLE, PURE))


@pytest.mark.parametrize(
    ("source", "faults"),
    [
        ("x = 1\n__all__ = ['x']\n", ["gateway/a.py:1: no docstring"]),
        ('"""A."""\nx = 1\n', ["gateway/a.py:1: no __all__"]),
        ('"""A."""\n__all__ = ["y"]\nx = 1\n', ["gateway/a.py:1: __all__ names y, which is not there"]),
        ('"""A."""\nfrom b import c as y, d\n__all__ = ["d", "y"]\n', []),
        ('"""A."""\n__all__ = ["X", "f", "z"]\nz: int = 1\nclass X: ...\nasync def f(): ...\n', []),
        ('"""A package."""\n', []),
    ],
)
def test_a_module_that_does_not_say_what_it_is_is_seen(source: str, faults: list[str]) -> None:
    """Or that offers what it does not have; an empty package has nothing to offer."""
    assert faults == list(find_undocumented([module("gateway.a", source)]))


def functions(lines: int) -> Iterator[str]:
    """A function of so many lines, plain and as a method."""
    body = "    pass\n" * (lines - 1)
    yield f"def f():\n{body}"
    yield "class A:\n    async def f(self):\n" + body.replace("    ", "        ")


def test_a_long_function_is_seen() -> None:
    """The cap is the last length that passes, for methods too."""
    for good, bad in zip(functions(60), functions(61), strict=True):
        assert [] == list(find_long_functions([module("gateway.a", good)], 60))
        [fault] = find_long_functions([module("gateway.a", bad)], 60)
        assert fault.endswith("f has 61 lines")


def test_a_long_file_is_seen() -> None:
    """The cap is the last length that passes; an exception is made by name."""
    good, bad = module("gateway.good", "x\n" * 320), module("gateway.bad", "x\n" * 321)

    assert ["gateway/bad.py:321: the file has 321 lines"] == list(find_long_files([good, bad], 320))
    assert [] == list(find_long_files([good, bad], 320, exceptions=("gateway/bad.py",)))


def test_an_import_is_resolved_to_the_module_that_it_means() -> None:
    """A name from a package may be a module of it or something that it holds."""
    source = "from gateway.security import users, x\nimport gateway.protocol.codec as codec\n"
    known = ("gateway.security", "gateway.security.users")

    found = [each.target for each in imports_of(module("gateway.a", source), known)]

    assert ["gateway.security.users", "gateway.security", "gateway.protocol.codec"] == found
