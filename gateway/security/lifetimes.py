"""How long a token lives: `expiresIn` → milliseconds, milliseconds → end.

Rules of the file: pure; the time is handed in. One truth: `expires_at`, in milliseconds; a JWT's `exp` follows it
(deviations 2 and 3, security.md §1 "expiresIn").
"""

import math
from typing import Any

from gateway.protocol import durations
from gateway.protocol.errors import api_error

__all__ = ["NEVER", "check_policy", "end_of_life", "life_span"]

NEVER = -1
"""An endless life span, and the end of one."""

LATEST = 8_640_000_000_000_000
"""The last moment that a JavaScript date can name, in milliseconds since the epoch (ECMA-262, "Time Values")."""

_ACCEPTED = "a number of milliseconds, or a parsable timespan string"


def life_span(expires_in: Any, default: int = NEVER) -> int:
    """Read the argument `expiresIn`.

    Args:
        expires_in: number of milliseconds, text in the `ms` grammar, -1 for endless, None for `default`.
        default: milliseconds or `NEVER`.

    Returns:
        Whole milliseconds, rounded up, at least 1; or `NEVER`.

    Raises:
        BadRequestError: `api.assert.invalid_argument`; zero, other negatives and infinities included.
    """
    if expires_in is None:
        return default
    milliseconds = durations.parse(expires_in) if isinstance(expires_in, str) else expires_in
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int | float):
        raise _refusal()
    if milliseconds == NEVER:
        return NEVER
    if not 0 < milliseconds <= LATEST:  # also refuses what is not a number
        raise _refusal()
    return math.ceil(milliseconds)


def end_of_life(now: int, span: int) -> int:
    """When something ends that is made now.

    Args:
        now: milliseconds since the epoch.
        span: milliseconds, or `NEVER`.

    Raises:
        BadRequestError: the end lies past what a date can name.
    """
    if span == NEVER:
        return NEVER
    if now + span > LATEST:
        raise _refusal()
    return now + span


def check_policy(span: int, longest: int, policy: str) -> None:
    """Refuse a life span above a policy's maximum.

    Args:
        span: milliseconds, or `NEVER`.
        longest: milliseconds; `NEVER` switches the policy off.
        policy: the setting's name, told to the client.

    Raises:
        BadRequestError: `security.token.ttl_exceeded`, props: the policy and its limit.
    """
    if longest != NEVER and (span == NEVER or span > longest):
        raise api_error("security.token.ttl_exceeded", policy, longest)


def _refusal() -> Exception:
    return api_error("api.assert.invalid_argument", "expiresIn", _ACCEPTED)
