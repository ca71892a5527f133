"""What should be there: users, roles, profiles and tokens as a few dictionaries, and how the gateway is held to it.

Order of the file: the faults that a request can meet, each a status and an error id; the model; the machine that asks.
"""

import asyncio
import itertools
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from hypothesis.stateful import RuleBasedStateMachine

from tests.security.nodes import Answer, Node, Outcome, outcome_of

__all__ = [
    "ACTIONS",
    "ENDLESS",
    "FORBIDDEN",
    "GRACE",
    "INVALID",
    "NOT_STORED",
    "NO_REFRESH",
    "OK",
    "PROFILE_IN_USE",
    "ROLE_IN_USE",
    "TAKEN",
    "USER_EXISTS",
    "WRONG",
    "Asking",
    "Model",
    "Token",
    "unknown",
]

T = TypeVar("T")

ACTIONS = ("server:now", "auth:createToken", "auth:refreshToken", "auth:logout", "auth:createApiKey")
GRACE = 1000  # milliseconds for which a refreshed token still counts
ENDLESS = -1

OK: Outcome = (200, None)
INVALID: Outcome = (401, "security.token.invalid")
FORBIDDEN: Outcome = (403, "security.rights.forbidden")
WRONG: Outcome = (401, "plugin.strategy.missing_user")
NO_REFRESH: Outcome = (401, "security.token.refresh_forbidden")
TAKEN: Outcome = (400, "services.storage.document_already_exists")
USER_EXISTS: Outcome = (412, "security.user.already_exists")
ROLE_IN_USE: Outcome = (412, "security.role.in_use")
PROFILE_IN_USE: Outcome = (412, "security.profile.in_use")
NOT_STORED: Outcome = (404, "services.storage.not_found")


def unknown(kind: str) -> Outcome:
    """There is no such role, profile or user."""
    return 404, f"security.{kind}.not_found"


@dataclass
class Token:
    """What the model knows of a token or key."""

    text: str
    owner: str
    expires_at: int
    key_id: str | None = None
    single_use: bool = False
    refreshed: bool = False
    gone: bool = False
    touched: int = 0


@dataclass
class Model:
    """What should be there."""

    now: int = field(default_factory=lambda: time.time_ns() // 1_000_000)
    roles: dict[str, dict[str, bool]] = field(default_factory=dict)
    profiles: dict[str, list[str]] = field(default_factory=dict)
    users: dict[str, list[str]] = field(default_factory=dict)
    tokens: list[Token] = field(default_factory=list)

    def allows(self, user: str, action: str) -> bool:
        """One role of one profile says yes; the profile anonymous, all that some are left with, is open here."""
        names = self.users[user]
        return "anonymous" in names or any(
            self.roles[role].get(action, False) for name in names for role in self.profiles[name]
        )

    def counts(self, token: Token) -> bool:
        """It opens something."""
        return not token.gone and (token.expires_at == ENDLESS or token.expires_at > self.now)

    def faults(self, token: Token, action: str) -> set[Outcome]:
        """What stands between a token and an action; trying uses up a token for a single use."""
        if not self.counts(token):
            return {INVALID}
        token.gone = token.single_use
        return set() if self.allows(token.owner, action) else {FORBIDDEN}

    def end(self, owner: str, *, keys: bool) -> None:
        """End the login tokens of a user, and perhaps the keys."""
        for token in self.tokens:
            if token.owner == owner and (keys or token.key_id is None):
                token.gone = True


class Asking(RuleBasedStateMachine):
    """A machine that asks a node and a model the same.

    Attributes:
        node: under test.
        runner: whose event loop it lives in.
        clock: the time that the node is told, in its one place.
        model: what should be there.
    """

    node: ClassVar[Node]
    runner: ClassVar[asyncio.Runner]
    clock: ClassVar[list[int]]
    examples: ClassVar = itertools.count()
    turns: ClassVar = itertools.count(1)

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.clock[0] = self.model.now
        self.prefix = f"e{next(self.examples)}-"

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for it."""
        return self.runner.run(coroutine)

    def named(self, name: str) -> str:
        """An id in the database: each example has its own, but for what is built in."""
        return name if name == "anonymous" else self.prefix + name

    def ask(self, faults: set[Outcome], name: str, token: Token | None = None, **arguments: Any) -> Answer | None:
        """Send a request; it must meet one of the faults, or succeed where there is none. Return what succeeded."""
        answer = self.run(self.node.ask(name, token.text if token else None, **arguments))
        outcome = outcome_of(answer)
        assert outcome in (faults or {OK}), (name, arguments, outcome, faults)
        return None if faults else answer

    def pick(self, number: int, *, for_refresh: bool = False) -> Token | None:
        """One of the tokens that ever were, or, for an even number, of those that count and perhaps can be renewed."""
        tokens = self.model.tokens if number % 2 else [one for one in self.model.tokens if self.model.counts(one)]
        if for_refresh and not number % 2:
            tokens = [one for one in tokens if not (one.key_id or one.single_use or one.refreshed)]
        if not tokens:
            return None
        token = tokens[number // 2 % len(tokens)]
        token.touched = next(self.turns)
        return token

    def keep(self, answer: Answer | None, owner: str, **marks: Any) -> None:
        """Note a token that was made."""
        if answer is not None:
            result = answer["result"]
            source = result.get("_source", result)
            text = source.get("token") or source["jwt"]
            key_id = result["_id"] if "_source" in result else None
            made = Token(text, owner, source["expiresAt"], key_id, touched=next(self.turns), **marks)
            self.model.tokens.append(made)
