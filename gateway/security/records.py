"""What users, profiles and roles have in common: a document with an id, a free content and its history.

Rules of the file: pure. Content is what clients wrote, kept under one key of the stored document so that no name
of theirs can meet one of ours; `_kuzzle_info` is ours alone (security.md §3).
"""

from collections.abc import Mapping
from typing import Any

from gateway.protocol.errors import api_error

__all__ = ["Document", "check_content", "check_id", "history", "merge", "new_document", "present", "without_own"]

Document = dict[str, Any]

_MAX_ID_BYTES = 512
_LEAST_INT64, _GREATEST_INT64 = -(2**63), 2**63 - 1
_OWN_KEYS = ("_id", "_kuzzle_info")


def history(author: str, now: int) -> Document:
    """The `_kuzzle_info` of something that `author` makes at `now`, milliseconds since the epoch."""
    return {"author": author, "createdAt": now, "updatedAt": None, "updater": None}


def new_document(document_id: str, content: Mapping[str, Any], *, author: str, now: int) -> Document:
    """The stored form of something new; keys of ours inside the content are left out.

    Raises:
        BadRequestError: the content cannot be stored.
    """
    check_content(content)
    return {"_id": document_id, "content": without_own(content), "_kuzzle_info": history(author, now)}


def present(document: Document) -> Document:
    """The form on the wire: `{"_id", "_source": {…content, _kuzzle_info}}`."""
    return {
        "_id": document["_id"],
        "_source": {**document["content"], "_kuzzle_info": document["_kuzzle_info"]},
    }


def merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> Document:
    """Lay new content over old, object into object; lists and everything else are replaced (security.md §3)."""
    merged = dict(old)
    for key, value in new.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def without_own(content: Mapping[str, Any]) -> Document:
    """Content without the keys that are ours."""
    return {key: value for key, value in content.items() if key not in _OWN_KEYS}


def check_id(document_id: str, name: str = "_id") -> str:
    """Return an id that is fit to be stored, logged and put into a URL (deviation 16).

    Raises:
        BadRequestError: `api.assert.invalid_argument`.
    """
    # What is printable has a form in UTF-8, half characters have not.
    if not document_id.isprintable() or not 1 <= len(document_id.encode()) <= _MAX_ID_BYTES:
        raise api_error("api.assert.invalid_argument", name, "1 to 512 bytes of printable text")
    return document_id


def check_content(value: Any) -> None:
    """Refuse content that the database would misread: operators as names, NUL in names, numbers above 64 bits.

    Raises:
        BadRequestError: `services.storage.unexpected_bad_request`.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.startswith("$") or "\0" in key:
                raise api_error("services.storage.unexpected_bad_request", f'"{key}" cannot be the name of a field')
            check_content(inner)
    elif isinstance(value, list):
        for inner in value:
            check_content(inner)
    # No `in range(…)`: what comes out of the database is a subclass of int, for which Python would count through it.
    elif isinstance(value, int) and not _LEAST_INT64 <= value <= _GREATEST_INT64:
        raise api_error("services.storage.unexpected_bad_request", "a number has more than 64 bits")
