"""Strategies: ways to prove who one is.

Order of the file: the interface, the keeper. `local` (user name and password) is one; others, an OAuth provider or a
directory, are subclasses of `Strategy` handed to the `Gateway`. What a strategy stores is its own business, as long
as it does so inside the transaction that it is given. Source: auth.md, security.md §4.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from gateway.protocol.arguments import invalid_type
from gateway.protocol.errors import PreconditionError, api_error
from gateway.storage.mongo import Collection, Transaction

__all__ = ["Strategies", "Strategy"]


class Strategy(ABC):
    """One way to log in.

    Attributes:
        name: on the wire.
        fields: the names of the credentials' fields.
    """

    name: ClassVar[str]
    fields: ClassVar[tuple[str, ...]]

    async def open(self, collection: Collection) -> None:  # noqa: B027 - for those who keep something
        """Take the collection that is this strategy's alone, `credentials-<name>`, and make its indexes.

        Called once, at the start; one that keeps nothing has nothing to do.
        """

    @abstractmethod
    async def prepare(self, kuid: str, fields: Mapping[str, Any], *, updater: str, is_update: bool) -> Any:
        """Check credentials for a user and do all that takes long; nothing is stored.

        Args:
            kuid: whose they are to be.
            fields: as sent.
            updater: kuid of whoever asks; the user, or an administrator.
            is_update: they change what is there, so parts may be left out.

        Returns:
            Whatever `store` wants.

        Raises:
            ApiError: they are refused.
        """

    async def validate(self, kuid: str, fields: Mapping[str, Any]) -> None:
        """Check credentials as a whole, as if they were the first of a user; nothing is stored.

        Args:
            kuid: whose they might be, "" for somebody who is not there yet.
            fields: as sent.

        Raises:
            ApiError: they are refused.
        """
        await self.prepare(kuid, fields, updater=kuid, is_update=False)

    @abstractmethod
    async def store(self, prepared: Any, transaction: Transaction) -> None:
        """Store what `prepare` returned; may be called again if the transaction has to run again.

        Raises:
            ApiError: they clash with somebody's.
        """

    @abstractmethod
    async def remove(self, kuid: str, transaction: Transaction = None) -> bool:
        """Delete the credentials of a user; tell whether there were any."""

    @abstractmethod
    async def verify(self, fields: Mapping[str, Any]) -> str:
        """Return the kuid that credentials sent to `auth:login` belong to.

        Raises:
            UnauthorizedError: `plugin.strategy.missing_user` with a reason.
        """

    async def stamp(self, fields: Mapping[str, Any]) -> object:  # noqa: ARG002 - for those who can
        """Return something that differs once the credentials that `fields` name have changed or gone.

        It is asked before `verify`, and again when the token of the login is stored; a difference undoes the login. A
        strategy that keeps nothing of its own returns None.
        """
        return None

    @abstractmethod
    async def describe(self, kuid: str) -> dict[str, Any] | None:
        """Return what may be shown of a user's credentials, or None if there are none."""

    async def describe_by_id(self, credentials_id: str) -> dict[str, Any] | None:  # noqa: ARG002 - for those who can
        """Return the same by the credentials' own id, such as a user name; None where there is no such thing."""
        return None

    async def search(self, query: Any, sort: Any, *, lang: Any, skip: int, size: int) -> dict[str, Any]:  # noqa: ARG002 - as above
        """Find credentials: `{hits, total}`; `lang` as sent."""
        raise PreconditionError(f"Credentials of the strategy {self.name} cannot be searched.")

    async def check_password(self, kuid: str, password: str) -> bool:  # noqa: ARG002 - as above
        """Tell whether somebody who changes credentials of their own knows the present ones."""
        return True


def _of_strategy(name: str, fields: Any) -> Mapping[str, Any]:
    if not isinstance(fields, Mapping):
        raise invalid_type(f"body.credentials.{name}", "object")
    return fields


class Strategies:
    """The registered strategies.

    Args:
        strategies: in the order in which they are listed to clients.

    Raises:
        ValueError: two of them have one name.
    """

    def __init__(self, strategies: Iterable[Strategy]) -> None:
        self._strategies: dict[str, Strategy] = {}
        for strategy in strategies:
            if strategy.name in self._strategies:
                raise ValueError(f"there are two strategies called {strategy.name}")
            self._strategies[strategy.name] = strategy

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._strategies)

    @property
    def fields(self) -> dict[str, list[str]]:
        """Name → fields."""
        return {name: list(strategy.fields) for name, strategy in self._strategies.items()}

    def get(self, name: str) -> Strategy:
        """Return a strategy.

        Raises:
            BadRequestError: `security.credentials.unknown_strategy`.
        """
        strategy = self._strategies.get(name)
        if strategy is None:
            raise api_error("security.credentials.unknown_strategy", name)
        return strategy

    async def of_user(self, kuid: str) -> list[str]:
        """The names of the strategies that a user has credentials of."""
        return [name for name, strategy in self._strategies.items() if await strategy.describe(kuid) is not None]

    async def prepare(self, kuid: str, credentials: Mapping[str, Any], updater: str) -> list[tuple[Strategy, Any]]:
        """Check the credentials of a new user: strategy → fields.

        Raises:
            ApiError: of a strategy that refuses them.
        """
        chosen = [(self.get(name), _of_strategy(name, fields)) for name, fields in credentials.items()]
        return [
            (strategy, await strategy.prepare(kuid, fields, updater=updater, is_update=False))
            for strategy, fields in chosen
        ]

    async def remove(self, kuid: str, transaction: Transaction) -> None:
        """Delete all credentials of a user."""
        for strategy in self._strategies.values():
            await strategy.remove(kuid, transaction)
