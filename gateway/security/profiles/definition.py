"""What a profile says: its defaults, and the check of what somebody wrote.

Rules of the file: pure. Source: security.md §5, rights.md "Built-in roles and profiles".
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gateway.protocol.arguments import invalid_type, missing
from gateway.protocol.errors import api_error
from gateway.security.directory import ANONYMOUS_PROFILE
from gateway.security.records import Document
from gateway.security.shelf import content_schema

__all__ = ["OPEN_PROFILES", "PROFILE_SCHEMA", "RESTRICTED_PROFILES", "check_profile", "role_ids"]

PROFILE_SCHEMA = content_schema("tags", "policies")


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
    rate_limit = _rate_limit(content.get("rateLimit"))
    policies = content["policies"] or _NO_POLICIES
    for position, policy in enumerate(policies):
        _check_policy(f"{profile_id}.policies[{position}]", policy)
    if profile_id == ANONYMOUS_PROFILE and ANONYMOUS_PROFILE not in role_ids(policies):
        raise api_error("security.profile.missing_anonymous_role")
    return {**content, "policies": policies, "rateLimit": rate_limit}


def _rate_limit(value: Any) -> int:
    if value is None:
        return 0
    # JSON knows one kind of number: 3.0 is as whole as 3.
    if isinstance(value, bool) or not isinstance(value, int | float) or value % 1:
        raise invalid_type("rateLimit", "integer")
    if value < 0:
        raise api_error("api.assert.invalid_argument", "rateLimit", "a positive integer, or zero")
    return int(value)


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
        raise invalid_type(f"{name}.restrictedTo", "object[]")
    for position, restriction in enumerate(restrictions):
        _check_restriction(f"{name}.restrictedTo[{position}]", restriction)


def _check_restriction(name: str, restriction: Any) -> None:
    if not isinstance(restriction, Mapping):
        raise invalid_type(name, "object")
    if restriction.get("index") is None:
        raise missing(f"{name}.index")
    if not isinstance(restriction["index"], str):
        raise invalid_type(f"{name}.index", "string")
    collections = restriction.get("collections")
    if collections is not None and not (isinstance(collections, list) and all(isinstance(c, str) for c in collections)):
        raise invalid_type(f"{name}.collections", "string[]")
    _check_keys(name, restriction, ("index", "collections"))


def _check_keys(name: str, value: Mapping[str, Any], expected: tuple[str, ...]) -> None:
    for key in value:
        if key not in expected:
            accepted = ", ".join(f'"{known}"' for known in expected)
            raise api_error("api.assert.unexpected_argument", f"{name}.{key}", accepted)


def role_ids(policies: Iterable[Mapping[str, Any]]) -> list[str]:
    """The roles that checked policies refer to, one for each."""
    return [str(policy["roleId"]) for policy in policies]
