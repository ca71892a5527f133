"""What can be told of a user before anybody looks into the database.

Rules of the file: pure. Sources: security.md §3, rights.md.
"""

from collections.abc import Sequence
from typing import Any

from gateway.actions import ANONYMOUS_ID
from gateway.protocol.errors import api_error
from gateway.security.directory import ANONYMOUS_PROFILE
from gateway.security.records import check_id

__all__ = ["check_kuid", "check_profile_ids", "is_anonymous"]

_MOST_PROFILES = 200
"""Profiles of one user: all of them are looked at for rights and limits."""


def is_anonymous(kuid: str) -> bool:
    """Tell whether an id means the anonymous user."""
    return kuid in (ANONYMOUS_ID, "anonymous")


def check_kuid(kuid: str, profile_ids: Sequence[Any]) -> None:
    """Refuse an id that a new user cannot have.

    Raises:
        BadRequestError, PreconditionError: it is the anonymous user's, or not acceptable.
    """
    if is_anonymous(kuid):
        if ANONYMOUS_PROFILE not in profile_ids:
            raise api_error("security.user.anonymous_profile_required")
        raise api_error("security.user.already_exists", kuid)
    check_id(kuid)


def check_profile_ids(kuid: str, profile_ids: Sequence[Any]) -> None:
    """Refuse what cannot be the list of a user's profiles; whether they exist is not looked at.

    Raises:
        BadRequestError: no list of texts, empty, or too long.
    """
    if not isinstance(profile_ids, list) or not all(isinstance(name, str) for name in profile_ids):
        raise api_error("api.assert.invalid_type", "profileIds", "string[]")
    if not profile_ids:
        raise api_error("security.user.no_profile", kuid)
    if len(profile_ids) > _MOST_PROFILES:
        raise api_error("api.assert.invalid_argument", "profileIds", f"{_MOST_PROFILES} profiles at most")
