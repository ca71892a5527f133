"""What the actions on credentials are asked with (security.md §4, auth.md "*MyCredentials")."""

from typing import Any

from msgspec import field

from gateway.protocol.arguments import Arguments, OptionalId, RequiredId

__all__ = [
    "DeleteOwnCredentials",
    "NamedCredentials",
    "SearchCredentials",
    "StrategyArguments",
    "ValidateCredentials",
    "WriteCredentials",
    "WriteOwnCredentials",
]


class StrategyArguments(Arguments, frozen=True):
    """Arguments of the actions on one strategy."""

    strategy: str


class NamedCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of the actions on somebody's credentials."""

    id: RequiredId = field(name="_id")


class WriteCredentials(NamedCredentials, frozen=True, kw_only=True):
    """The same with credentials."""

    body: dict[str, Any]


class ValidateCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `security:validateCredentials`."""

    id: OptionalId = field(name="_id", default=None)
    body: dict[str, Any]


class WriteOwnCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of the actions that change the caller's credentials; `password` is the present one."""

    body: dict[str, Any]
    password: Any = None


class DeleteOwnCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `auth:deleteMyCredentials`."""

    body: dict[str, Any] | None = None
    password: Any = None


class SearchCredentials(StrategyArguments, frozen=True, kw_only=True):
    """Arguments of `security:searchUsersByCredentials`."""

    first: int = field(name="from", default=0)
    size: int = 10
    lang: Any = None
    body: dict[str, Any] | None = None
