"""Settings of the sections `security` and `api_keys`: first rights, tokens, passwords, keys.

Rules of the file: those of `settings.py`.
"""

import re
from typing import Annotated, Literal

from msgspec import Meta

from gateway.config.section import Filled, Lifetime, Section, hide_whole

__all__ = ["ApiKeysSettings", "SecuritySettings"]

_HOUR = 3_600_000
_SECRET_BYTES = 32  # RFC 7518 section 3.2: a key at least as long as the hash of HS256

_PATTERN = "a regular expression as Python's `re` reads it"


class SecuritySettings(Section, frozen=True, kw_only=True):
    """First rights, and the tokens of logged-in users."""

    initial_rights: Annotated[
        Literal["restricted", "open"],
        Meta(
            description="Rights in a new database: `restricted` leaves the anonymous user little more than login and, "
            "once, `security:createFirstAdmin`; `open` allows everybody everything, as Kuzzle does."
        ),
    ] = "restricted"
    first_admin_from: Annotated[
        Literal["loopback", "anywhere"],
        Meta(description="Where `security:createFirstAdmin` may be called from: this machine, or anywhere (Kuzzle)."),
    ] = "loopback"
    jwt_secret: Annotated[
        str,
        Meta(
            description="Signs login tokens and API keys; empty generates one, once, and keeps it "
            "in the database (Kuzzle takes secrets of any length).",
            extra={"accepts": f"empty or at least {_SECRET_BYTES} bytes", "hide": hide_whole},
        ),
    ] = ""
    auth_token_expires_in: Annotated[
        Lifetime, Meta(description="Lifetime of a login token if the login names none; -1 is endless.")
    ] = _HOUR
    auth_token_max_ttl: Annotated[
        Lifetime, Meta(description="Longest lifetime of a login token; -1 sets no maximum.")
    ] = -1
    revocation_bound_ms: Annotated[
        int,
        Meta(
            ge=100,
            le=60_000,
            description="How long after a revocation by another process a token may still count; a process that "
            "has not heard from the database for so long reads tokens and users for each request.",
            extra={"unit": "ms"},
        ),
    ] = 900
    restricted_profile_ids: Annotated[
        tuple[Filled, ...],
        Meta(min_length=1, description="Profiles of users that `createRestrictedUser` makes."),
    ] = ("default",)

    requires_password: Annotated[
        bool, Meta(description="Whether users must give their present password to change or delete their own.")
    ] = False
    password_pattern: Annotated[
        str,
        Meta(description="What a new password must hold a match of; empty for none.", extra={"accepts": _PATTERN}),
    ] = ""
    password_forbids_username: Annotated[
        bool, Meta(description="Whether a new password may not contain the user name, in any letter case.")
    ] = False
    password_history: Annotated[
        int, Meta(ge=0, le=100, description="How many of a user's earlier passwords may not be used again.")
    ] = 0
    password_expires_after: Annotated[
        Lifetime, Meta(description="Age at which a password is refused and must be changed; -1 is never.")
    ] = -1
    password_must_change_if_set_by_others: Annotated[
        bool, Meta(description="Whether a password that somebody else has set cannot be logged in with.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse a short secret, a pattern that nothing can be held against, and the lifetime 0, as endless is -1."""
        if self.jwt_secret and len(self.jwt_secret.encode()) < _SECRET_BYTES:
            raise ValueError("the secret is too short")
        if 0 in (self.auth_token_expires_in, self.auth_token_max_ttl, self.password_expires_after):
            raise ValueError("a lifetime cannot be 0")
        try:
            re.compile(self.password_pattern)
        except re.error as error:
            raise ValueError("the password pattern is no regular expression") from error


class ApiKeysSettings(Section, frozen=True, kw_only=True):
    """The form and the lifetime of API keys."""

    token_prefix: Annotated[
        Literal["kapikey-", ""],
        Meta(
            description="What stands before the JWT in a new API key; Kuzzle's SDK takes no key "
            "without `kapikey-`, its documentation shows keys without it."
        ),
    ] = "kapikey-"  # noqa: S105 -- the public mark of a key, not a key
    soft_max_ttl: Annotated[
        Lifetime,
        Meta(
            description="Longest lifetime of a key made by `auth:createApiKey` only (as in Kuzzle); -1 sets no maximum."
        ),
    ] = -1
    hard_max_ttl: Annotated[
        Lifetime,
        Meta(description="Longest lifetime of a key, whoever makes it (not in Kuzzle); -1 sets no maximum."),
    ] = -1

    def __post_init__(self) -> None:
        """Refuse 0 as a maximum: off is -1, so 0 is a mistake."""
        if 0 in (self.soft_max_ttl, self.hard_max_ttl):
            raise ValueError("a maximum cannot be 0")
