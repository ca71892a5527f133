"""What the bodies of the actions hold, for the documents that describe the API.

Rules of the file: data. Bodies with free keys are read by the actions themselves, field by field; nothing is decoded
through these structs. An action that is missing here is described by its struct alone. Source: security.md.
"""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

__all__ = ["BODIES"]

Text = Annotated[str, Meta(min_length=1)]
Fields = dict[str, Any]
Credentials = dict[str, Fields]
Least = Annotated[int, Meta(ge=0)]


class Shape(Struct, frozen=True, rename="camel"):
    """Base of the shapes; what they do not name is free, unless they say otherwise."""


class UserContent(Shape, frozen=True):
    """A user: profiles, and whatever else there is to say."""

    profile_ids: Annotated[list[Text], Meta(min_length=1)]


class SomeUserContent(Shape, frozen=True):
    """Part of a user."""

    profile_ids: Annotated[list[Text], Meta(min_length=1)] | UnsetType = UNSET


class NewUser(Shape, frozen=True):
    """A user, and credentials by the name of the strategy."""

    content: UserContent
    credentials: Credentials | UnsetType = UNSET


class UpsertedUser(NewUser, frozen=True):
    """A user; `default` is content for a new one."""

    default: Fields | UnsetType = UNSET


class NewRestrictedUser(Shape, frozen=True):
    """A user without `profileIds`, which the configuration chooses."""

    content: Fields | UnsetType = UNSET
    credentials: Credentials | UnsetType = UNSET


class NewFirstAdmin(Shape, frozen=True):
    """A user without `profileIds`, and credentials to log in with."""

    credentials: Credentials
    content: Fields | UnsetType = UNSET


class Restriction(Shape, frozen=True, forbid_unknown_fields=True):
    """An index, or some collections of it."""

    index: str
    collections: list[str] | UnsetType = UNSET


class Policy(Shape, frozen=True, forbid_unknown_fields=True):
    """A role, everywhere or in some places."""

    role_id: Text
    restricted_to: list[Restriction] | UnsetType = UNSET


class ProfileContent(Shape, frozen=True):
    """Policies, requests per second (0 for no limit), and whatever else there is to say."""

    policies: list[Policy]
    rate_limit: Least = 0


class SomeProfileContent(Shape, frozen=True):
    """Part of a profile."""

    policies: list[Policy] | UnsetType = UNSET
    rate_limit: Least | UnsetType = UNSET


class ActionRights(Shape, frozen=True):
    """Action → whether it is allowed; `*` for all."""

    actions: Annotated[dict[str, bool], Meta(min_length=1)]


class RoleContent(Shape, frozen=True):
    """Controller → rights; `*` for all."""

    controllers: Annotated[dict[str, ActionRights], Meta(min_length=1)]


class SomeRoleContent(Shape, frozen=True):
    """Part of a role."""

    controllers: Annotated[dict[str, ActionRights], Meta(min_length=1)] | UnsetType = UNSET


class Ids(Shape, frozen=True):
    """Several ids."""

    ids: list[Text]


class Indexes(Shape, frozen=True):
    """Several names of indexes."""

    indexes: list[str]


class Question(Shape, frozen=True):
    """A request, as far as rights look at it."""

    controller: str
    action: str
    index: str | UnsetType = UNSET
    collection: str | UnsetType = UNSET


class AskedToken(Shape, frozen=True):
    """A token; none, or "", is that of the anonymous user."""

    token: str = ""


class Mapping(Shape, frozen=True):
    """Field → its mapping."""

    properties: dict[str, Fields]


class Securities(Shape, frozen=True):
    """Roles, profiles and users by their ids."""

    roles: dict[str, RoleContent] | UnsetType = UNSET
    profiles: dict[str, ProfileContent] | UnsetType = UNSET
    users: dict[str, NewUser] | UnsetType = UNSET


_TABLE: dict[type[Shape], str] = {
    NewUser: "security:createUser",
    NewRestrictedUser: "security:createRestrictedUser",
    NewFirstAdmin: "security:createFirstAdmin",
    UserContent: "security:replaceUser",
    SomeUserContent: "security:updateUser",
    UpsertedUser: "security:upsertUser",
    ProfileContent: "security:createProfile security:createOrReplaceProfile",
    SomeProfileContent: "security:updateProfile",
    RoleContent: "security:createRole security:createOrReplaceRole",
    SomeRoleContent: "security:updateRole",
    Ids: """security:mGetUsers security:mGetProfiles security:mGetRoles security:mDeleteUsers security:mDeleteProfiles
        security:mDeleteRoles""",
    Indexes: "index:mDelete",
    Question: "auth:checkRights security:checkRights",
    AskedToken: "auth:checkToken",
    Mapping: "security:updateUserMapping security:updateProfileMapping security:updateRoleMapping",
    Securities: "admin:loadSecurities",
}

BODIES: dict[str, type[Shape]] = {name: shape for shape, names in _TABLE.items() for name in names.split()}
"""`controller:action` → the shape of `body`."""
