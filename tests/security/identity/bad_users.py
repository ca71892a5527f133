"""What can be wrong with requests (users, credentials).

The arguments refer to what `test_bad_input.py` stores.
"""

from tests.security.identity import bad_parts as parts
from tests.security.identity import faults as bad
from tests.security.identity.bad_parts import PAIR, STORED, Request, documents, new_user, row, searched

__all__ = ["PAIRS", "USERS"]

USER = "security.user.not_found"
LIMIT = (413, f"{STORED}get_limit_exceeded")
NO_PAIR = (412, None)
CONTENT = {"profileIds": ["default"]}
ASKED = {"controller": "auth", "action": "login"}
LOCAL = {"strategy": "local"}
TAKEN_USER = row("_id", "taken", "u", 412, "security.user.already_exists", "u")
RETRY = list(bad.number("retryOnConflict"))
SCROLLED: Request = (
    {"scrollId": "x"},
    [bad.text("scrollId"), bad.scroll(), bad.unknown("scrollId", 404, f"{STORED}unknown_scroll_id")],
)
USERS: dict[str, Request] = {
    "createUser": (
        {"body": {"content": CONTENT}},
        [
            bad.body(),
            bad.obj("body.content"),
            bad.array("body.content.profileIds"),
            parts.content("body.content"),
            parts.profile_ids("body.content.profileIds"),
            *new_user(),
            TAKEN_USER,
        ],
    ),
    "createRestrictedUser": (
        {"body": {"content": {}}},
        [
            bad.body(is_optional=True),
            bad.maybe_object("body.content"),
            parts.content("body.content"),
            *new_user(),
            TAKEN_USER,
            row("body.content.profileIds", "given", [], 400, "api.assert.forbidden_argument"),
        ],
    ),
    "createFirstAdmin": (
        {"body": {"content": {}, "credentials": {"local": PAIR}}},
        [
            bad.body(),
            bad.maybe_object("body.content"),
            bad.flag("reset"),
            bad.maybe_ident(),
            bad.anything_but("kuid", "text"),
            row("body.credentials", "missing", bad.DROP, 400, "api.assert.missing_argument", "body.credentials"),
            row("body.credentials", "empty", {}, 400, "api.assert.missing_argument", "body.credentials"),
            row("body.credentials", "array", ["x"], 400, "api.assert.invalid_type", "body.credentials"),
            row("body.content.profileIds", "given", ["admin"], 400, "api.assert.forbidden_argument"),
            row("_id", "second", "second", 412, "api.process.admin_exists"),
        ],
    ),
    "getUser": ({"_id": "u"}, documents(USER)),
    "getUserRights": ({"_id": "u"}, documents(USER)),
    "getUserStrategies": ({"_id": "u"}, documents(USER)),
    "deleteUser": ({"_id": "u"}, documents(USER, row("_id", "anonymous", "-1", 404, USER))),
    "mGetUsers": (
        {"body": {"ids": ["u"]}},
        [
            row("body.ids", "operator", {"$ne": ""}, 400, "api.assert.invalid_type", "body.ids"),
            row("body.ids", "number in it", [5], 400, "api.assert.invalid_type", "body.ids"),
            row("body", "missing", bad.DROP, 400, "api.assert.missing_argument", "ids"),
            row("body.ids", "too many", ["x"] * 10_001, *LIMIT),
        ],
    ),
    "mDeleteUsers": ({"body": {"ids": ["u"]}}, [parts.ids(), parts.too_many()]),
    "searchUsers": ({}, searched(bad.scroll())),
    "scrollUsers": SCROLLED,
    "updateUser": (
        {"_id": "u", "body": {"a": 1}},
        documents(
            USER,
            bad.body(),
            bad.anything_but("body.profileIds", "array", "null"),
            parts.content(),
            RETRY,
            parts.profile_ids("body.profileIds"),
        ),
    ),
    "replaceUser": (
        {"_id": "u", "body": CONTENT},
        documents(
            USER, bad.body(), bad.array("body.profileIds"), parts.content(), parts.profile_ids("body.profileIds")
        ),
    ),
    "upsertUser": (
        {"_id": "u", "body": {"content": CONTENT}},
        [
            bad.ident(),
            bad.body(),
            bad.obj("body.content"),
            bad.array("body.content.profileIds"),
            bad.new_ident(),
            RETRY,
            parts.content("body.content"),
            parts.profile_ids("body.content.profileIds"),
            bad.maybe_object("body.default"),
            bad.maybe_object("body.credentials"),
        ],
    ),
    "revokeTokens": ({"_id": "u"}, [bad.ident()]),
    "checkRights": (
        {"userId": "u", "body": ASKED},
        [bad.text("userId"), bad.unknown("userId", 404, USER), parts.rights_of("body")],
    ),
}

PAIRS: dict[str, Request] = {
    "createCredentials": (
        LOCAL | {"_id": "v", "body": PAIR},
        documents(USER, parts.strategy(), bad.body(), parts.pair("body"), row("_id", "has some", "u", *NO_PAIR)),
    ),
    "updateCredentials": (
        LOCAL | {"_id": "u", "body": PAIR},
        documents(USER, parts.strategy(), bad.body(), parts.pair("body"), row("_id", "has none", "v", *NO_PAIR)),
    ),
    "validateCredentials": (
        LOCAL | {"_id": "v", "body": PAIR},
        [bad.maybe_ident(), parts.strategy(), bad.body(), parts.pair("body")],
    ),
    "hasCredentials": (LOCAL | {"_id": "u"}, [bad.ident(), parts.strategy()]),
    "getCredentials": (LOCAL | {"_id": "u"}, [bad.ident(), parts.strategy(), bad.unknown("_id", *NO_PAIR)]),
    "getCredentialsById": (LOCAL | {"_id": "u-name"}, [bad.ident(), parts.strategy(), bad.unknown("_id", *NO_PAIR)]),
    "deleteCredentials": (LOCAL | {"_id": "u"}, [bad.ident(), parts.strategy(), bad.unknown("_id", *NO_PAIR)]),
    "getCredentialFields": (LOCAL, [parts.strategy()]),
    "searchUsersByCredentials": (
        LOCAL,
        [
            parts.strategy(),
            bad.number("from"),
            bad.number("size"),
            parts.negative("from", "size"),
            bad.lang(),
            bad.body(is_optional=True),
            row("size", "too many", 10_001, *LIMIT),
        ],
    ),
}
