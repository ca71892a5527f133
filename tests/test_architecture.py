"""The three rules of the house, and its habits, held against every module of the gateway."""

from collections.abc import Iterable
from pathlib import Path

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
    read_package,
)

FLOORS = {
    "protocol": 0,
    "storage": 1,
    "config": 1,
    "logs": 1,  # knows the codec and is known to the command line, so it cannot stand beside it
    "actions": 2,
    "connections": 2.5,  # the list of what `actions` describes
    "security": 3,
    "system": 3.5,  # a step above its neighbour: `server:adminExists` asks the keeper of the users
    "routing": 4,
    "middleware": 4,
    "dispatch": 4,
    "transports": 5,
    "sources": 5.5,
    "schema": 5.5,
    "founding": 5.7,
    "rooms": 6,
    "server": 6.5,  # the other half of the composition root: it opens the house that `rooms` furnishes
    "workers": 6.7,  # each runs a gateway, and one of them watches the others
    "cli": 7,
    "demo": 7,
    # The face looks at what it shows; nobody inside looks at the face.
    "__init__": 8,
    "__main__": 8,
}
"""Package or file → floor; an import goes down, or stays inside a package."""

HOMES: dict[str, tuple[str, ...]] = {
    "websockets": ("gateway/transports/websocket_frames.py", "gateway/demo.py"),
    "websockets.speedups": ("gateway/transports/text_frames.py",),
    "websockets.utils": ("gateway/transports/text_frames.py",),  # the same without a compiler
    "httptools": ("gateway/transports/http_reader.py",),
    "motor": ("gateway/storage/mongo.py",),
    "pymongo": ("gateway/storage/mongo.py", "gateway/storage/change_feed.py", "gateway/storage/blocking.py"),
    "bson": ("gateway/storage/mongo.py", "gateway/storage/blocking.py"),
    "jwt": ("gateway/security/tokens.py",),
    "argon2": ("gateway/security/passwords.py",),
    "uvloop": ("gateway/cli.py",),
    # Builds a context; two more meet its errors.
    "ssl": ("gateway/transports/tls.py", "gateway/transports/door.py", "gateway/storage/mongo.py"),
    "msgspec": (),
    # The one reads and writes, the other describes.
    "msgspec.json": ("gateway/protocol/codec.py", "gateway/protocol/json_schema.py"),
    # Frames are the codec's; what mongod writes about itself is no frame.
    "json": ("gateway/protocol/codec.py", "gateway/storage/mongod_binary.py"),
    "gateway": (),
}
"""Library → the files that may know it, none for all."""

MIDDLE = (
    "gateway.protocol",
    "gateway.actions",
    "gateway.connections",
    "gateway.routing",
    "gateway.dispatch",
    "gateway.middleware",
    "gateway.storage.queries",
    "gateway.security.rights",
    "gateway.security.expiries",
    "gateway.security.lifetimes",
    "gateway.security.links",
    "gateway.security.seats",
    "gateway.security.token_cache",
    "gateway.security.tokens",
    "gateway.security.records",
    "gateway.security.names",
    "gateway.system.documents",
    "gateway.system.welcome",
    "gateway.transports.peers",
    "gateway.transports.proxy_protocol",
    "gateway.transports.text_frames",
)
"""What reads no clock, no environment and no randomness, and knows no loop and no driver."""

PURE: dict[str, tuple[str, ...]] = {
    "base64": (),
    "collections": (),
    "collections.abc": (),
    "datetime": (),
    "email.utils": ("format_datetime",),
    "fnmatch": ("fnmatchcase",),  # the others ask the operating system about letter case
    "contextlib": (),
    "functools": (),
    "heapq": (),
    "hashlib": (),
    "hmac": (),
    "html": ("escape",),
    "http": ("HTTPStatus",),
    "inspect": (),
    "ipaddress": (),
    "itertools": (),
    "jwt": (),
    "math": (),
    "msgspec": (),
    "operator": (),
    "random": ("Random",),  # as the type of what is handed in
    "re": (),
    "struct": (),
    "types": ("CoroutineType",),
    "typing": (),
    "unicodedata": (),
    "urllib.parse": (),
    "weakref": (),
    "websockets.speedups": ("apply_mask",),
    "websockets.utils": ("apply_mask",),
    "zlib": (),
}
"""What the middle may import: names that compute, and nothing that looks at the world."""

FUNCTION_HABIT, FUNCTION_CAP = 40, 60
FILE_CAP = 320


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    """Every module of the gateway."""
    return read_package(Path(__file__).parents[1] / "gateway")


def expect_none(faults: Iterable[str]) -> None:
    """Show every fault with its file and line."""
    found = list(faults)
    assert not found, "\n".join(["", *found])


def test_the_house_is_read_whole(modules: list[Module]) -> None:
    """The rules below look at something."""
    names = {each.name for each in modules}

    assert {"gateway", "gateway.__main__", "gateway.protocol.codec", "gateway.storage.queries"} <= names
    assert len(names) > 40


def test_imports_go_down_or_stay_inside_a_package(modules: list[Module]) -> None:
    """Floors: no arrow upward, and none to a neighbour on the same floor."""
    expect_none(find_upward_imports(modules, FLOORS))


def test_no_import_hides(modules: list[Module]) -> None:
    """Not inside a function, not behind `TYPE_CHECKING`, not by a string."""
    expect_none(find_hidden_imports(modules))


def test_no_modules_import_each_other(modules: list[Module]) -> None:
    """Inside a package, where floors say nothing, neither."""
    expect_none(find_circles(modules))


def test_a_library_is_known_to_one_file(modules: list[Module]) -> None:
    """A library can be replaced in one place; a new one is a decision, written down above."""
    expect_none(find_strange_libraries(modules, HOMES))


def test_the_middle_is_pure(modules: list[Module]) -> None:
    """A whole frame can be driven without a loop, at any time that a test likes."""
    expect_none(find_impurities(modules, MIDDLE, PURE))


def test_every_part_of_the_middle_exists(modules: list[Module]) -> None:
    """A part that was renamed would otherwise be pure for want of code."""
    names = {each.name for each in modules}

    assert names >= set(MIDDLE)


def test_every_module_says_what_it_is_and_what_it_offers(modules: list[Module]) -> None:
    """A docstring and `__all__`."""
    expect_none(find_undocumented(modules))


def test_a_function_can_be_read_at_a_glance(modules: list[Module]) -> None:
    """None beyond the cap; what strains the habit is printed."""
    for fault in find_long_functions(modules, FUNCTION_HABIT):
        print(fault)

    expect_none(find_long_functions(modules, FUNCTION_CAP))


def test_a_file_can_be_read_in_one_sitting(modules: list[Module]) -> None:
    """A file in which a library is tamed may be longer."""
    exceptions = (
        "gateway/protocol/codec.py",
        "gateway/storage/mongo.py",
    )
    expect_none(find_long_files(modules, FILE_CAP, exceptions=exceptions))
