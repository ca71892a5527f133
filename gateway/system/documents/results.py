"""What the actions give: the shapes of `result`, for the documents that describe the API.

Rules of the file: data. Nothing is encoded through these structs; a test holds every answer of the transcripts to
them. An action that is missing here is described by its handler's annotation. Sources: security.md, auth.md,
server-realtime.md.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType, field

__all__ = ["PARTIAL", "RAW", "RESULTS"]


class Result(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Base of the shapes: keys in the wire's spelling, and no others."""


class History(Result, frozen=True):
    """Who made and changed something, and when: kuid, milliseconds since the epoch."""

    author: str
    created_at: int
    updated_at: int | None
    updater: str | None


class KeyContent(Result, frozen=True):
    """An API key without its token; `expiresAt` in milliseconds since the epoch, `ttl` in milliseconds, -1 for ever."""

    description: str
    expires_at: int
    fingerprint: str
    ttl: int
    user_id: str


class MintedKeyContent(KeyContent, frozen=True):
    """An API key with its token, which is shown this once."""

    token: str
    history: History = field(name="_kuzzle_info")


class MintedKey(Result, frozen=True):
    """A new API key."""

    id: str = field(name="_id")
    source: MintedKeyContent = field(name="_source")


class Key(Result, frozen=True):
    """An API key."""

    id: str = field(name="_id")
    source: KeyContent = field(name="_source")


class Keys(Result, frozen=True):
    """A page of API keys; `total` counts those of all pages."""

    hits: list[Key]
    total: int


class Gone(Result, frozen=True):
    """What was deleted."""

    id: str = field(name="_id")


class LoginToken(Result, frozen=True):
    """A login; `jwt` is missing where the token is in a cookie."""

    id: str = field(name="_id")
    expires_at: int
    ttl: int
    jwt: str | UnsetType = UNSET


class TokenState(Result, frozen=True):
    """Whether a token counts: `kuid` and `expiresAt` if it does, `state` says why if not."""

    valid: bool
    kuid: str | UnsetType = UNSET
    expires_at: int | UnsetType | None = UNSET
    state: str | UnsetType = UNSET


class Time(Result, frozen=True):
    """Milliseconds since the epoch."""

    now: int


class Existence(Result, frozen=True):
    """Whether there is one."""

    exists: bool


class Health(Result, frozen=True):
    """Service → its state, and the state of the whole."""

    services: dict[str, Literal["green", "red"]]
    status: Literal["green", "red"]


class Shown(Result, frozen=True):
    """A user, profile or role: its content, with `_kuzzle_info` beside it where it is stored."""

    id: str = field(name="_id")
    source: dict[str, Any] = field(name="_source")


class ShownSelf(Shown, frozen=True):
    """The caller, with the ways in which they can log in."""

    strategies: list[str]


class Several(Result, frozen=True):
    """Those that were named."""

    hits: list[Shown]


class Page(Result, frozen=True):
    """A page of a search; `total` counts the hits of all pages, `scrollId` leads to the next one."""

    hits: list[Shown]
    total: int
    scroll_id: str | UnsetType = UNSET


class Right(Result, frozen=True):
    """One line of what somebody may do."""

    controller: str
    action: str
    index: str
    collection: str
    value: Literal["allowed", "denied"]


class RightsList(Result, frozen=True):
    """What somebody may do."""

    hits: list[Right]
    total: int


class Verdict(Result, frozen=True):
    """Whether a request would be let through."""

    allowed: bool


class Acknowledged(Result, frozen=True):
    """It was done."""

    acknowledged: bool


_TABLE: dict[type[Result], str] = {
    MintedKey: "security:createApiKey auth:createApiKey",
    Keys: "security:searchApiKeys auth:searchApiKeys",
    Gone: """security:deleteApiKey auth:deleteApiKey security:deleteUser security:deleteProfile
        security:deleteRole""",
    LoginToken: "auth:login auth:refreshToken",
    TokenState: "auth:checkToken",
    Time: "server:now",
    Existence: "server:adminExists",
    Health: "server:healthCheck",
    Shown: """security:createUser security:createRestrictedUser security:createFirstAdmin security:getUser
        security:updateUser security:replaceUser security:upsertUser auth:updateSelf
        security:createProfile security:createOrReplaceProfile security:updateProfile security:getProfile
        security:createRole security:createOrReplaceRole security:updateRole security:getRole""",
    ShownSelf: "auth:getCurrentUser",
    Several: "security:mGetUsers security:mGetProfiles security:mGetRoles",
    Page: """security:searchUsers security:searchProfiles security:searchRoles security:scrollUsers
        security:scrollProfiles""",
    RightsList: "auth:getMyRights security:getUserRights security:getProfileRights",
    Verdict: "auth:checkRights security:checkRights",
    Acknowledged: """auth:logout auth:deleteMyCredentials security:deleteCredentials index:delete
        collection:create collection:delete""",
}

RESULTS: dict[str, type[Result]] = {name: shape for shape, names in _TABLE.items() for name in names.split()}
"""`controller:action` → the type of `result`."""

PARTIAL = frozenset({"security:mDeleteUsers", "security:mDeleteProfiles", "security:mDeleteRoles"})
"""The actions that may answer 206: an error that lists what failed, and the rest as `result`."""

RAW: dict[str, str] = {"server:openapi": "openapi", "server:asyncapi": "asyncapi"}
"""The actions whose result is sent without an envelope → the key that tells it from other documents."""
