"""API keys as clients know of them, and the comparison with what the database holds.

Every request brings an `_id` that nobody used before and describes the key by it, so each record can be laid beside the
one request that may have made it. What an answer told of is acknowledged; what was refused or never answered is not.
"""

import asyncio
import itertools
import re
import time
from collections import Counter
from typing import Any, NamedTuple

from motor.motor_asyncio import AsyncIOMotorClient

from gateway.security.tokens import fingerprint
from tests.chaos.figures import Row
from tests.chaos.lines import Answer, Line, error_of

__all__ = ["LEAVING", "OWNER", "Audit", "Ledger", "audit"]

OWNER = "owner"
_FIELDS = {"_id", "description", "expiresAt", "fingerprint", "ttl", "userId", "_kuzzle_info"}
_HISTORY = {"author", "createdAt", "updatedAt", "updater"}
LEAVING = (503, "network.entrypoint.shutting_down")
"""What a process that ends says of requests that it has not begun."""
_AT_ONCE = 50
"""Checks of tokens on their way at a time."""


class Ledger:
    """What clients asked for and heard.

    Attributes:
        asked: every `_id`.
        tokens: `_id` → token, of the acknowledged that nobody has tried to revoke.
        dead: `_id` → token, of those whose revocation was acknowledged.
        errors: status and error id → how often.
        refused: `_id`s that were answered with an error.
        moments: when each acknowledgement came, on the monotonic clock.
        slowest_s: longest wait for an answer of either kind.
    """

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.tokens: dict[str, str] = {}
        self.dead: dict[str, str] = {}
        self.errors: Counter[tuple[int, str | None]] = Counter()
        self.refused: set[str] = set()
        self.moments: list[float] = []
        self.slowest_s = 0.0

    async def create(self, line: Line, key_id: str) -> tuple[int, str | None] | None:
        """Ask for a key with a new `_id`; return status and error id, None if it was acknowledged.

        Raises:
            ConnectionError: there was no answer.
        """
        assert key_id not in self.asked
        self.asked.add(key_id)
        began = time.monotonic()
        answer = await line.ask("security:createApiKey", userId=OWNER, _id=key_id, body={"description": key_id})
        self._note(key_id, answer, began)
        return None if answer["error"] is None else error_of(answer)

    async def revoke(self, line: Line, key_id: str) -> None:
        """Revoke an acknowledged key; without an acknowledgement it may be there or not, as one that was unheard of.

        Raises:
            ConnectionError: there was no answer.
        """
        token = self.tokens.pop(key_id)
        answer = await line.ask("security:deleteApiKey", userId=OWNER, _id=key_id)
        if answer["error"] is None:
            self.dead[key_id] = token
            return
        self.errors[error_of(answer)] += 1
        if error_of(answer) == LEAVING:
            self.tokens[key_id] = token

    def longest_gap(self, since: float) -> float:
        """The longest time without an acknowledgement from a moment on, in seconds."""
        moments = [since, *sorted(each for each in self.moments if each >= since)]
        return max((after - before for before, after in itertools.pairwise(moments)), default=0.0)

    def _note(self, key_id: str, answer: Answer, began: float) -> None:
        now = time.monotonic()
        self.slowest_s = max(self.slowest_s, now - began)
        if answer["error"] is not None:
            self.errors[error_of(answer)] += 1
            self.refused.add(key_id)
            return
        assert key_id == answer["result"]["_id"]
        self.tokens[key_id] = answer["result"]["_source"]["token"]
        self.moments.append(now)


class Audit(NamedTuple):
    """How the database compares with a ledger; of the lists, all but `unheard` have to be empty.

    Attributes:
        acknowledged: how many keys were, and were not revoked.
        revoked: how many revocations were acknowledged.
        stored: how many records there are.
        lost: acknowledged, and without their record.
        useless: acknowledged, and not accepted as tokens.
        revived: revoked, and stored or accepted.
        doubled: described or fingerprinted like another.
        half: records that lack something, or have something of the wrong shape.
        strange: records for which nobody asked.
        refused: answered with an error, and stored.
        unheard: never answered, or revoked without an answer, and stored: whole, like all.
    """

    acknowledged: int
    revoked: int
    stored: int
    lost: list[str]
    useless: list[str]
    revived: list[str]
    doubled: list[str]
    half: list[str]
    strange: list[str]
    refused: list[str]
    unheard: list[str]

    def rows(self, scenario: str) -> list[Row]:
        """For the table."""
        bad = (self.lost, self.useless, self.doubled, self.half, self.strange)
        counts = " / ".join(str(number) for number in (self.acknowledged, *map(len, bad)))
        others = f"{len(self.refused)} / {len(self.unheard)}"
        return [
            Row(scenario, "keys acknowledged / lost / unusable / doubled / half / strange", counts),
            Row(scenario, "keys revoked / come back", f"{self.revoked} / {len(self.revived)}"),
            Row(scenario, "refused, and stored / outcome never told, and stored whole", others),
        ]

    def check(self, *, may_hold_refused: bool = False) -> None:
        """Fail if a promise was broken.

        A process that was killed cannot take back what it had refused: then the refused may be there, whole.
        """
        for name in ("lost", "useless", "revived", "doubled", "half", "strange"):
            assert [] == getattr(self, name), name
        assert may_hold_refused or [] == self.refused, "refused, and stored"


async def audit(uri: str, database: str, ledger: Ledger, line: Line, patience_s: float = 0.0) -> Audit:
    """Compare; `line`, the administrator's, asks a gateway whether tokens count: others may not ask so often.

    What was refused with a 503 is hunted down by the gateway that refused it; `patience_s` is how long it may take.
    """
    until = time.monotonic() + patience_s
    while True:
        accepted = await _accepted(line, ledger.tokens | ledger.dead)
        found = _compare(await _records(uri, database), ledger, accepted)
        if not found.refused or time.monotonic() > until:
            return found
        await asyncio.sleep(0.5)


async def _records(uri: str, database: str) -> list[dict[str, Any]]:
    client: Any = AsyncIOMotorClient(uri)
    try:
        records: list[dict[str, Any]] = await client[database]["api-keys"].find({}).to_list(None)
    finally:
        client.close()
    return records


def _compare(records: list[dict[str, Any]], ledger: Ledger, accepted: set[str]) -> Audit:
    ids = {record["_id"] for record in records}
    marks = {record["_id"]: record.get("fingerprint") for record in records}
    twice = Counter(record.get("description") for record in records) + Counter(marks.values())
    unacknowledged = ids - ledger.tokens.keys()
    return Audit(
        acknowledged=len(ledger.tokens),
        revoked=len(ledger.dead),
        stored=len(records),
        lost=[one for one, token in ledger.tokens.items() if marks.get(one) != fingerprint(token)],
        useless=sorted(ledger.tokens.keys() - accepted),
        revived=sorted(ledger.dead.keys() & (accepted | ids)),
        doubled=[str(name) for name, times in twice.items() if times > 1],
        half=[record["_id"] for record in records if not _is_whole(record)],
        strange=sorted(ids - ledger.asked),
        refused=sorted(unacknowledged & ledger.refused),
        unheard=sorted((unacknowledged & ledger.asked) - ledger.refused - ledger.dead.keys()),
    )


def _is_whole(record: dict[str, Any]) -> bool:
    history = record.get("_kuzzle_info")
    return (
        _FIELDS == set(record)
        and record["_id"] == record["description"]
        and record["userId"] == OWNER
        and re.fullmatch("[0-9a-f]{64}", record["fingerprint"]) is not None
        and isinstance(record["expiresAt"], int)
        and isinstance(record["ttl"], int)
        and isinstance(history, dict)
        and _HISTORY == set(history)
    )


async def _accepted(line: Line, tokens: dict[str, str]) -> set[str]:
    found: set[str] = set()
    waiting = list(tokens.items())

    async def check() -> None:
        while waiting:
            key_id, token = waiting.pop()
            result = (await line.ask("auth:checkToken", body={"token": token}))["result"]
            if result and result["valid"] and result["kuid"] == OWNER:
                found.add(key_id)

    await asyncio.gather(*(check() for _ in range(_AT_ONCE)))
    return found
