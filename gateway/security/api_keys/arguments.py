"""The arguments of the actions on API keys (security.md §1 and §2)."""

from typing import Any

from msgspec import field

from gateway.protocol.arguments import Arguments, Body, OptionalId

__all__ = [
    "CreateKey",
    "CreateOwnKey",
    "DeleteKey",
    "DeleteOwnKey",
    "Description",
    "SearchKeys",
    "SearchOwnKeys",
]


class Description(Body, frozen=True):
    """The body of createApiKey; other fields are ignored."""

    description: str


class CreateOwnKey(Arguments, frozen=True, kw_only=True):
    """Arguments of `auth:createApiKey`. `refresh` is accepted in every form and changes nothing."""

    id: OptionalId = field(name="_id", default=None)
    body: Description
    expires_in: Any = None


class CreateKey(Arguments, frozen=True, kw_only=True):
    """Arguments of `security:createApiKey`. `refresh` is accepted in every form and changes nothing."""

    user_id: str
    id: OptionalId = field(name="_id", default=None)
    body: Description
    expires_in: Any = None


class SearchOwnKeys(Arguments, frozen=True):
    """Arguments of `auth:searchApiKeys`; the body is the query itself."""

    first: int = field(name="from", default=0)
    size: int = 10
    lang: Any = None
    body: dict[str, Any] | None = None


class SearchKeys(SearchOwnKeys, frozen=True, kw_only=True):
    """Arguments of `security:searchApiKeys`."""

    user_id: str


class DeleteOwnKey(Arguments, frozen=True):
    """Arguments of `auth:deleteApiKey`: one of the three names a key (deviation 12)."""

    id: OptionalId = field(name="_id", default=None)
    fingerprint: OptionalId = None
    key: OptionalId = None


class DeleteKey(Arguments, frozen=True):
    """Arguments of `security:deleteApiKey`."""

    user_id: str
    id: OptionalId = field(name="_id", default=None)
    fingerprint: OptionalId = None
    key: OptionalId = None
