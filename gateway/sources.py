"""The clock, ids and randomness: whatever needs them is handed them from here."""

import functools
import os
import secrets
import time
import uuid
from email.utils import formatdate
from random import SystemRandom

from gateway.security.names import human_name

__all__ = ["http_date", "new_id", "new_jti", "new_kuid", "new_node_name", "new_ordered_id", "new_secret", "now"]

_SECRET_BYTES = 64
_TIMESTAMP_MASK = (1 << 48) - 1
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def now() -> int:
    """The time in whole milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def new_id() -> str:
    """A UUID of version 4 (RFC 9562 §5.4): every answer over HTTP needs one, and `uuid` takes twice as long."""
    return _uuid4(os.urandom(16).hex())


def new_ordered_id(now: int) -> str:
    """A UUID in the form of version 4 (security.md §1), 48 bits of it the time and 74 random.

    For what is stored by the million: such ids come to the end of their index, and all others are left in peace. That
    is what version 7 is for (RFC 9562 §5.7), from which it differs in the digit that tells the version.

    Args:
        now: milliseconds since the epoch.
    """
    return _uuid4(f"{now & _TIMESTAMP_MASK:012x}{os.urandom(10).hex()}")


def _uuid4(digits: str) -> str:
    """Make 32 hex digits a UUID; six bits of them give way to version and variant."""
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{_VARIANT[digits[16]]}{digits[17:20]}-{digits[20:]}"


def new_kuid(readable: bool) -> str:  # noqa: FBT001 - the shape that `Users` is handed
    """An id for a user: one that can be read out, or a UUID."""
    return human_name("kuid", SystemRandom()) if readable else f"kuid-{uuid.uuid4()}"


def http_date() -> str:
    """The time as the header `Date` has it (RFC 9110 §5.6.7)."""
    return _formatted_date(int(time.time()))


@functools.lru_cache(maxsize=1)
def _formatted_date(second: int) -> str:
    return formatdate(second, usegmt=True)


def new_jti() -> str:
    """32 hex digits, never twice."""
    return secrets.token_hex(16)


def new_node_name() -> str:
    """A name for this process, `knode-…`."""
    return human_name("knode", SystemRandom())


def new_secret() -> str:
    """A secret to sign tokens with, 128 hex digits."""
    return secrets.token_hex(_SECRET_BYTES)
