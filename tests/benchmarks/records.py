"""The record of an API key as the gateway stores it, for those who store one without it."""

from typing import Any

__all__ = ["INDEXES", "record"]

INDEXES: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("fingerprint",), True),
    (("userId", "_kuzzle_info.createdAt", "_id"), False),
)
"""Of the gateway's collection: fields, and whether they are unique."""


def record(key_id: str, owner: str, description: str, fingerprint: str, now: int) -> dict[str, Any]:
    """A key that never expires.

    Args:
        key_id: a UUID.
        owner: a kuid.
        description: any text.
        fingerprint: SHA-256 of the token, 64 hex digits.
        now: milliseconds since the epoch.
    """
    return {
        "_id": key_id,
        "description": description,
        "expiresAt": -1,
        "fingerprint": fingerprint,
        "ttl": -1,
        "userId": owner,
        "_kuzzle_info": {"author": "-1", "createdAt": now, "updatedAt": None, "updater": None},
    }
