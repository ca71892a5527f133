"""Who may do what: roles and profiles, compiled.

Rules of the file: pure. A policy is a role with an optional restriction; one policy that allows is enough, and a
`false` never takes away what another role gives. Within a role, an exact name hides `*` completely. Source:
rights.md, "One role" and "One policy's restriction".
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

__all__ = ["CompiledRights", "Policy", "Restriction", "Table", "compile_restriction"]

Table = Mapping[str, Mapping[str, bool]]
"""A role: controller → action → allowed; `*` stands for every other name."""

Restriction = Mapping[str, frozenset[str]]
"""Index → its collections; an empty set means all of them."""

_MOST_VERDICTS = 4096
_LONGEST_NAMES = 128
"""Names come from the wire, so what is remembered of them is bounded, in number and in characters."""


class Policy(Struct, frozen=True):
    """A role as a profile grants it; `restriction` None means everywhere."""

    table: Table
    restriction: Restriction | None = None


def compile_restriction(restricted_to: Sequence[Mapping[str, Any]] | None) -> Restriction | None:
    """Merge the entries of a policy's `restrictedTo` by index; none at all is no restriction."""
    if not restricted_to:
        return None
    merged: dict[str, frozenset[str]] = {}
    for entry in restricted_to:
        index = str(entry["index"])
        merged[index] = merged.get(index, frozenset()) | frozenset(map(str, entry.get("collections") or ()))
    return merged


class CompiledRights:
    """The rights that a list of policies gives; fixed once made.

    Args:
        policies: of all profiles of a user.
    """

    def __init__(self, policies: Iterable[Policy]) -> None:
        self._policies = tuple(policies)
        self._verdicts: dict[tuple[str, str], bool | tuple[Restriction, ...]] = {}

    def allow(self, controller: str, action: str, index: str | None, collection: str | None) -> bool:
        """Tell whether an action is allowed; see `gateway.actions.Rights`."""
        verdict = self._verdicts.get((controller, action))
        if verdict is None:
            verdict = self._judge(controller, action)
            if len(self._verdicts) < _MOST_VERDICTS and len(controller) + len(action) <= _LONGEST_NAMES:
                self._verdicts[controller, action] = verdict
        if isinstance(verdict, bool):
            return verdict
        return any(_within(restriction, index, collection) for restriction in verdict)

    def effective(self) -> list[dict[str, str]]:
        """List what is granted and denied; see `gateway.actions.Rights`."""
        values: dict[tuple[str, str, str, str], bool] = {}
        for policy in self._policies:
            for index, collection in _places(policy.restriction):
                for controller, actions in policy.table.items():
                    for action, allowed in actions.items():
                        key = (action, collection, controller, index)
                        values[key] = values.get(key, False) or allowed
        names = ("action", "collection", "controller", "index")
        return [
            dict(zip(names, key, strict=True)) | {"value": "allowed" if allowed else "denied"}
            for key, allowed in values.items()
        ]

    def _judge(self, controller: str, action: str) -> bool | tuple[Restriction, ...]:
        granting = [policy.restriction for policy in self._policies if _grants(policy.table, controller, action)]
        if None in granting:
            return True
        return tuple(restriction for restriction in granting if restriction is not None) or False


def _grants(table: Table, controller: str, action: str) -> bool:
    actions = table.get(controller)
    if actions is None:
        actions = table.get("*", {})
    allowed = actions.get(action)
    if allowed is None:
        allowed = actions.get("*", False)
    return allowed is True


def _within(restriction: Restriction, index: str | None, collection: str | None) -> bool:
    if not index:
        return True
    collections = restriction.get(index)
    if collections is None:
        return False
    return not collections or collection is None or collection in collections


def _places(restriction: Restriction | None) -> list[tuple[str, str]]:
    if restriction is None:
        return [("*", "*")]
    return [(index, name) for index, collections in restriction.items() for name in sorted(collections) or ["*"]]
