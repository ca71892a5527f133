"""O07: the locks name one version and its hashes for everything that pyproject.toml asks for, and nobody to fetch from.

They are made by `make lock`; what they hold is held against pyproject.toml, so that neither is changed alone.
"""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
LOCKS = {"runtime": ["embedded"], "all": ["embedded", "test", "bench"]}
LEAST = {"websockets": ">=17.4", "pyjwt": ">=2.12", "pymongo": ">=4.6.3"}
"""Earlier versions have faults by which clients can do harm."""


def text_of(name: str) -> str:
    """A lock as it stands."""
    return (ROOT / "requirements" / f"{name}.lock").read_text("utf-8")


def locked(name: str) -> dict[str, str]:
    """Each package of a lock, and its version; a package that has no hash is a mistake."""
    versions: dict[str, str] = {}
    for entry in re.split(r"\n(?! )", text_of(name).strip()):
        first, *hashes = entry.replace("\\\n", "\n").splitlines()
        package, _, version = first.split(";")[0].strip().partition("==")
        assert version, f"{first} is not pinned"
        assert hashes, f"{first} has no hash"
        assert all(re.fullmatch(r" +--hash=sha256:[0-9a-f]{64} *", line) for line in hashes), entry
        versions[canonicalize_name(package)] = version
    return versions


def misfits(versions: dict[str, str], wanted: Iterable[str]) -> list[str]:
    """What is wanted and not there in a version that will do."""
    requirements = [Requirement(text) for text in wanted]
    return [
        str(each)
        for each in requirements
        if not each.specifier.contains(versions.get(canonicalize_name(each.name), "0"))
    ]


@pytest.mark.parametrize("name", LOCKS)
def test_o07_everything_that_is_asked_for_is_locked_with_hashes(name: str) -> None:
    """In a version that pyproject.toml takes, and that has no fault known to do harm; what builds it as well."""
    project, versions = PROJECT["project"], locked(name)
    asked = [*project["dependencies"], *(text for extra in LOCKS[name] for text in EXTRAS[extra])]

    assert [] == misfits(versions, asked)
    assert [] == misfits(versions, PROJECT["build-system"]["requires"])
    assert [] == misfits(versions, [package + least for package, least in LEAST.items()])


def test_o07_what_builds_the_package_is_what_the_project_says() -> None:
    """Beside the one thing that an editable installation needs besides."""
    lines = (ROOT / "requirements" / "build.in").read_text("utf-8").splitlines()
    named = [line for line in lines if not line.startswith(("#", "editables"))]

    assert PROJECT["build-system"]["requires"] == named


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_says_what_to_install_and_not_from_where(name: str) -> None:
    """Whoever installs chooses the index; the locks agree wherever both speak."""
    assert "//" not in text_of(name)
    assert "index" not in text_of(name)
    assert locked("runtime").items() <= locked("all").items()


def test_a_lock_that_has_fallen_behind_is_noticed() -> None:
    """The check itself is not blind."""
    assert ["motor>=3.7"] == misfits({"motor": "3.6.1"}, ["motor>=3.7"])
    assert ["motor>=3.7"] == misfits({}, ["motor>=3.7"])
    assert [] == misfits({"motor": "3.7.1"}, ["motor>=3.7"])
