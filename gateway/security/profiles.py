"""Profiles: which roles, where, and how often.

Order of the file: the defaults, the check, the arguments, the service, the actions. Source: security.md §5,
rights.md "Built-in roles and profiles".
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec import field

from gateway.actions import Context, Controller, action
from gateway.protocol.arguments import Arguments, RequiredId, invalid_type, missing, pick
from gateway.protocol.errors import api_error
from gateway.security.directory import Directory
from gateway.security.records import Document, check_id, new_document, present
from gateway.security.roles import Roles
from gateway.storage.mongo import Collection

__all__ = ["OPEN_PROFILES", "RESTRICTED_PROFILES", "Profiles", "ProfilesController", "check_profile"]


def _defaults(**rate_limits: int) -> dict[str, Document]:
    return {name: {"policies": [{"roleId": name}], "rateLimit": limit} for name, limit in rate_limits.items()}


OPEN_PROFILES: Mapping[str, Document] = _defaults(admin=0, default=0, anonymous=0)
"""Of a fresh database with `security.initial_rights = "open"`."""

RESTRICTED_PROFILES: Mapping[str, Document] = _defaults(admin=0, default=10, anonymous=200)
"""Once the rights are restricted; requests per second."""

_NO_POLICIES = [{"roleId": "default"}]
"""What a profile without policies gets."""


def check_profile(profile_id: str, content: Mapping[str, Any]) -> Document:
    """Refuse a profile that cannot be meant; return it with its defaults filled in.

    Raises:
        BadRequestError: `api.assert.*`, with names such as `<id>.policies[0].roleId`.
    """
    policies = content["policies"] or _NO_POLICIES
    for position, policy in enumerate(policies):
        _check_policy(f"{profile_id}.policies[{position}]", policy)
    return {**content, "policies": policies, "rateLimit": _rate_limit(content.get("rateLimit"))}


def _rate_limit(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid_type("rateLimit", "integer")
    if value < 0:
        raise api_error("api.assert.invalid_argument", "rateLimit", "a positive integer, or zero")
    return value


def _check_policy(name: str, policy: Any) -> None:
    if not isinstance(policy, Mapping):
        raise invalid_type(name, "object")
    if not policy.get("roleId"):
        raise missing(f"{name}.roleId")
    if not isinstance(policy["roleId"], str):
        raise invalid_type(f"{name}.roleId", "string")
    _check_keys(name, policy, ("roleId", "restrictedTo"))
    restrictions = policy.get("restrictedTo")
    if restrictions is None:
        return
    if not isinstance(restrictions, list):
        raise invalid_type(f"{name}.restrictedTo", "array")
    for position, restriction in enumerate(restrictions):
        _check_restriction(f"{name}.restrictedTo[{position}]", restriction)


def _check_restriction(name: str, restriction: Any) -> None:
    if not isinstance(restriction, Mapping):
        raise invalid_type(name, "object")
    _check_keys(name, restriction, ("index", "collections"))
    if restriction.get("index") is None:
        raise missing(f"{name}.index")
    if not isinstance(restriction["index"], str):
        raise invalid_type(f"{name}.index", "string")
    collections = restriction.get("collections")
    if collections is not None and not (isinstance(collections, list) and all(isinstance(c, str) for c in collections)):
        raise invalid_type(f"{name}.collections", "string[]")


def _check_keys(name: str, value: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    for key in value:
        if key not in expected:
            accepted = ", ".join(f'"{known}"' for known in expected)
            raise api_error("api.assert.unexpected_argument", f"{name}.{key}", accepted)


class CreateProfile(Arguments, frozen=True):
    """Arguments of `security:createProfile`; `policies` must be in the body, the rest of it is free."""

    id: RequiredId = field(name="_id")
    body: dict[str, Any]
    strict: bool = False


class GetProfile(Arguments, frozen=True):
    """Arguments of `security:getProfile`."""

    id: RequiredId = field(name="_id")


class Profiles:
    """Keeps the profiles.

    Args:
        collection: where.
        roles: which must exist.
        directory: told of every change.
        now: milliseconds since the epoch.
    """

    def __init__(self, collection: Collection, roles: Roles, directory: Directory, now: Callable[[], int]) -> None:
        self._collection = collection
        self._roles = roles
        self._directory = directory
        self._now = now

    async def create(self, profile_id: str, content: Document, *, author: str) -> Document:
        """Store a new profile and return it.

        Raises:
            BadRequestError: the profile is refused, or `services.storage.document_already_exists`.
            NotFoundError: `security.role.not_found`.
        """
        check_id(profile_id)
        content = check_profile(profile_id, content)
        for policy in content["policies"]:
            await self._roles.get(policy["roleId"])
        profile = new_document(profile_id, content, author=author, now=self._now())
        await self._collection.insert_one(profile)
        await self._directory.refresh()
        return profile

    async def get(self, profile_id: str) -> Document:
        """Return a profile.

        Raises:
            NotFoundError: `security.profile.not_found`.
        """
        profile = await self._collection.get(profile_id)
        if profile is None:
            raise api_error("security.profile.not_found", profile_id)
        return profile

    async def check_exist(self, profile_ids: Iterable[str]) -> None:
        """Make sure that all of the profiles are there.

        Raises:
            NotFoundError: `security.profile.not_found`, for the first that is not.
        """
        for profile_id in profile_ids:
            await self.get(profile_id)


class ProfilesController(Controller):
    """`security:` actions on profiles."""

    name = "security"

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    @action("createProfile")
    async def create(self, arguments: CreateProfile, context: Context) -> Document:
        """Store a new profile."""
        pick(arguments.body, "policies", list)
        author = context.principal.kuid
        return present(await self._profiles.create(arguments.id, arguments.body, author=author))

    @action("getProfile")
    async def get(self, arguments: GetProfile) -> Document:
        """Show a profile."""
        return present(await self._profiles.get(arguments.id))
