"""The arguments of the actions on users (security.md §3)."""

from typing import Any

from msgspec import field

from gateway.protocol.arguments import Arguments, OptionalId, RequiredId

__all__ = [
    "CheckRights",
    "CheckRightsOf",
    "CreateRestrictedUser",
    "CreateUser",
    "UpdateSelf",
    "UpdateUser",
    "UpsertUser",
    "WriteUser",
]


class CreateUser(Arguments, frozen=True):
    """Of `createUser`: the body holds `content` with `profileIds`, and perhaps `credentials`."""

    body: dict[str, Any]
    kuid: str = "human"
    id: OptionalId = field(name="_id", default=None)


class CreateRestrictedUser(Arguments, frozen=True):
    """Of `createRestrictedUser`: the same without `profileIds`; everything may be left out."""

    body: dict[str, Any] | None = None
    kuid: str = "human"
    id: OptionalId = field(name="_id", default=None)


class WriteUser(Arguments, frozen=True):
    """Of `replaceUser`: the body is the content."""

    id: RequiredId = field(name="_id")
    body: dict[str, Any]


class UpdateUser(WriteUser, frozen=True):
    """Of `updateUser`; there are no conflicts that the caller need know of, so `retryOnConflict` is only read."""

    retry_on_conflict: int = 10


class UpsertUser(UpdateUser, frozen=True):
    """Of `upsertUser`: `content` with `profileIds`, and for a new user perhaps `default` and `credentials`."""


class CheckRightsOf(Arguments, frozen=True):
    """Of `security:checkRights`: the body is a request."""

    user_id: str
    body: dict[str, Any]


class CheckRights(Arguments, frozen=True):
    """Of `auth:checkRights`: the body is a request."""

    body: dict[str, Any]


class UpdateSelf(Arguments, frozen=True):
    """Of `auth:updateSelf`: the body is part of the content."""

    body: dict[str, Any]
    retry_on_conflict: int = 10
