"""All roles and profiles in memory, compiled: the answer to "who is this and what may they do".

Rules of the file: reads, never writes. A change by this process is seen before its answer leaves (`refresh`), one
by another process as soon as the change stream tells. Nothing here touches the database for a request. A record that no
gateway would have stored counts as if it were not there: it neither grants anything nor hides the others.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from gateway.actions import ANONYMOUS_ID, NOBODY, Principal
from gateway.security.rights import CompiledRights, Policy, Table, compile_restriction
from gateway.storage.mongo import Collection, Document

__all__ = ["ANONYMOUS_PROFILE", "Directory", "table_of"]

_log = logging.getLogger("latchgate.security")

ANONYMOUS_PROFILE = "anonymous"

_MOST_COMBINATIONS = 4096
"""Different lists of profiles whose compiled rights are kept."""


Compiled = TypeVar("Compiled")


class _Actions(Struct):
    actions: dict[str, bool] = {}


class _RoleContent(Struct):
    controllers: dict[str, _Actions] = {}


class _Place(Struct):
    index: str
    collections: list[str] | None = None


class _Grant(Struct, rename="camel"):
    role_id: str | None = None
    restricted_to: list[_Place] | None = None


class _ProfileContent(Struct, rename="camel"):
    policies: list[_Grant] = []
    # Other tools write every number as a double.
    rate_limit: Annotated[float, Meta(ge=0, multiple_of=1)] | None = None


class _Role(Struct):
    """What a role has to look like, of which only the shape is taken."""

    content: _RoleContent
    id: str = msgspec.field(name="_id")


class _StoredProfile(Struct):
    """What a profile has to look like."""

    content: _ProfileContent
    id: str = msgspec.field(name="_id")


class _Profile(Struct, frozen=True):
    policies: tuple[Policy, ...]
    rate_limit: int


class Directory:
    """The rights that profiles give.

    Args:
        roles: collection of roles.
        profiles: collection of profiles.

    Attributes:
        anonymous: who sends no token.
        version: grows with every reading; principals made before it may have other rights by now.
    """

    def __init__(self, roles: Collection, profiles: Collection) -> None:
        self._roles = roles
        self._profiles = profiles
        self._compiled: dict[str, _Profile] = {}
        self._rights: dict[tuple[str, ...], CompiledRights] = {}
        self._reading = asyncio.Lock()
        self._odd: set[str] = set()
        self.anonymous = NOBODY
        self.version = 0

    async def refresh(self) -> None:
        """Read everything again; afterwards every write acknowledged before the call counts."""
        async with self._reading:
            roles, profiles = await self._roles.find({}), await self._profiles.find({})
        odd: set[str] = set()
        tables = _each("role", roles, lambda role: table_of(_like(_Role, role)["content"]), odd)
        self._compiled = _each("profile", profiles, lambda one: _profile(_like(_StoredProfile, one), tables), odd)
        for complaint in sorted(odd - self._odd):
            _log.error("%s; it grants nothing", complaint)
        self._odd = odd
        self._rights = {}
        self.version += 1
        self.anonymous = self.principal(ANONYMOUS_ID, (ANONYMOUS_PROFILE,))

    def principal(self, kuid: str, profile_ids: tuple[str, ...]) -> Principal:
        """The user with these profiles and the rights of this moment; a profile that is gone gives none."""
        return Principal(kuid, profile_ids, self.rights(profile_ids), self._rate_limit(profile_ids))

    def rights(self, profile_ids: tuple[str, ...]) -> CompiledRights:
        """What a list of profiles allows."""
        rights = self._rights.get(profile_ids)
        if rights is None:
            if len(self._rights) >= _MOST_COMBINATIONS:
                self._rights.clear()
            rights = CompiledRights(policy for profile in self._known(profile_ids) for policy in profile.policies)
            self._rights[profile_ids] = rights
        return rights

    def _rate_limit(self, profile_ids: tuple[str, ...]) -> int:
        """The highest of the profiles' limits; one without a limit frees the user (rights.md, "Rate limits")."""
        limits = [profile.rate_limit for profile in self._known(profile_ids)]
        return max(limits) if limits and all(limits) else 0

    def _known(self, profile_ids: Iterable[str]) -> list[_Profile]:
        return [self._compiled[name] for name in profile_ids if name in self._compiled]


def table_of(content: Document) -> Table:
    """The definition of a role as the table that rights are compiled from."""
    controllers: dict[str, Any] = content.get("controllers", {})
    return {name: dict(entry.get("actions", {})) for name, entry in controllers.items()}


def _profile(profile: Document, roles: dict[str, Table]) -> _Profile:
    content = profile["content"]
    policies = tuple(
        Policy(roles[policy["roleId"]], compile_restriction(policy.get("restrictedTo")))
        for policy in content.get("policies", ())
        if policy.get("roleId") in roles
    )
    return _Profile(policies, int(content.get("rateLimit") or 0))


def _like(shape: type[_Role | _StoredProfile], document: Document) -> Document:
    """Return the document if it has the shape, else raise `ValidationError`, which says where it has not."""
    msgspec.convert(document, shape)
    return document


def _each(
    kind: str, documents: Iterable[Document], compile_one: Callable[[Document], Compiled], odd: set[str]
) -> dict[str, Compiled]:
    """Compile documents by `_id`; those of another shape are left out and added to `odd`, with what is wrong."""
    compiled: dict[str, Compiled] = {}
    for document in documents:
        try:
            compiled[document["_id"]] = compile_one(document)
        except msgspec.ValidationError as error:
            odd.add(f"{kind} {document['_id']!r} is none: {error}")
    return compiled
