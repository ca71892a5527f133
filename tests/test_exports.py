"""The face: what a program that embeds or extends the gateway may import, and nothing else."""

import ast
import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import gateway

ROOT = Path(__file__).parents[1]

PROMISED = {
    "embedding": {"Config", "Gateway", "load"},
    "actions": {"Controller", "Cookie", "action", "Context", "Connection", "Principal", "Reply", "Session", "Request"},
    "arguments": {"Arguments", "Body", "NoArguments", "OptionalId", "RequiredId"},
    "middleware": {"Endpoint", "Middleware"},
    "strategies": {"Collection", "Strategy"},
    "errors": {
        "ApiError",
        "BadRequestError",
        "Disconnect",
        "ForbiddenError",
        "InternalError",
        "NotFoundError",
        "PartialError",
        "PreconditionError",
        "ServiceUnavailableError",
        "SizeLimitError",
        "TooManyRequestsError",
        "UnauthorizedError",
        "api_error",
    },
}
"""What for → the names."""

ALIASES = {"Endpoint", "Middleware"}
"""Names of types that no class stands behind: a docstring cannot be asked of them."""


def test_the_face_shows_what_it_promises() -> None:
    """Neither less, which would break a program, nor more, which would be a promise."""
    assert set().union(*PROMISED.values()) == set(gateway.__all__)


def test_the_names_are_sorted_and_stand_once() -> None:
    """So that two changes do not meet in one line."""
    assert sorted(set(gateway.__all__), key=lambda name: (name[0].islower(), name)) == list(gateway.__all__)


@pytest.mark.parametrize("name", gateway.__all__)
def test_a_name_can_be_imported_and_says_what_it_is(name: str) -> None:
    """It is there, it is public, and `help` has something to show."""
    value = getattr(gateway, name)

    assert not name.startswith("_")
    assert name in ALIASES or inspect.getdoc(value)


def test_a_star_gives_the_face_and_nothing_beside_it() -> None:
    """What the face imports for itself stays inside."""
    namespace: dict[str, object] = {}
    exec("from gateway import *", namespace)  # a star is legal at the top of a module only

    assert set(gateway.__all__) == set(namespace) - {"__builtins__"}


def test_every_module_of_the_face_offers_what_the_face_shows() -> None:
    """A name of the face is public where it comes from, so that its own file calls it so."""
    for node in ast.parse(inspect.getsource(gateway)).body:
        if isinstance(node, ast.ImportFrom):
            source = importlib.import_module(str(node.module))
            assert {alias.name for alias in node.names} <= set(offered(source)), node.module


def test_every_page_imports_from_the_face_what_is_there() -> None:
    """A line of code in the documentation works when it is copied."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    missing = {
        f"{page.name}: {name}"
        for page in pages
        for name in imported_from_the_face(page.read_text("utf-8"))
        if name not in gateway.__all__
    }

    assert set() == missing


def test_imports_are_found_in_a_page() -> None:
    """The test above can fail: one line, several lines, an alias; another module is not the face."""
    page = (
        "Text: `from gateway import One`.\n```python\nfrom gateway import Two, three as t\n"
        "from gateway import (\n    Four,\n    Five,  # with a remark\n)\nfrom gateway.config import Six\n```\n"
    )

    assert {"Two", "three", "Four", "Five"} == imported_from_the_face(page)


def offered(module: ModuleType) -> list[str]:
    """The public names of a module."""
    names: list[str] = module.__all__
    return names


def imported_from_the_face(page: str) -> set[str]:
    """The names that the Python blocks of a page import from the face."""
    blocks = [part.split("\n", 1)[1] for part in page.split("```")[1::2] if part.startswith("python")]
    names = set()
    for block in blocks:
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and node.module == "gateway" and not node.level:
                names |= {alias.name for alias in node.names}
    return names
