"""What can be wrong with requests (profiles, roles).

The arguments refer to what `test_bad_input.py` stores.
"""

from tests.security.identity import bad_parts as parts
from tests.security.identity import faults as bad
from tests.security.identity.bad_parts import STORED, Request, documents, row, searched

__all__ = ["PROFILES", "ROLES"]

PROFILE, ROLE = "security.profile.not_found", "security.role.not_found"
LIMIT = (413, f"{STORED}get_limit_exceeded")
POLICIES = {"policies": [{"roleId": "r"}]}
DEFINITION = {"controllers": {"auth": {"actions": {"login": True}}}}
TAKEN = row("_id", "taken", "p", 400, f"{STORED}document_already_exists")
TAKEN_ROLE = row("_id", "taken", "r", 400, f"{STORED}document_already_exists")
RETRY = list(bad.number("retryOnConflict"))
SCROLLED: Request = (
    {"scrollId": "x"},
    [bad.text("scrollId"), bad.scroll(), bad.unknown("scrollId", 404, f"{STORED}unknown_scroll_id")],
)
PROFILES: dict[str, Request] = {
    "createProfile": (
        {"_id": "new", "body": POLICIES},
        [
            bad.ident(),
            bad.new_ident(),
            TAKEN,
            bad.body(),
            bad.flag("strict"),
            bad.array("body.policies"),
            parts.policies("body.policies"),
            parts.content(),
        ],
    ),
    "createOrReplaceProfile": (
        {"_id": "p", "body": POLICIES},
        [
            bad.ident(),
            bad.new_ident(),
            bad.body(),
            bad.flag("strict"),
            bad.array("body.policies"),
            parts.policies("body.policies"),
            parts.content(),
        ],
    ),
    "updateProfile": (
        {"_id": "p", "body": POLICIES},
        documents(
            PROFILE,
            bad.body(),
            bad.flag("strict"),
            bad.anything_but("body.policies", "array", "null"),
            RETRY,
            parts.policies("body.policies"),
            parts.content(),
        ),
    ),
    "getProfile": ({"_id": "p"}, documents(PROFILE)),
    "getProfileRights": ({"_id": "p"}, documents(PROFILE)),
    "mGetProfiles": (
        {"body": {"ids": ["p"]}},
        [
            parts.ids(),
            row("body.ids", "unknown", ["p", "ghost"], 404, PROFILE, "ghost"),
            row("body.ids", "too many", ["x"] * 10_001, *LIMIT),
        ],
    ),
    "searchProfiles": ({}, searched(bad.scroll(), bad.anything_but("body.roles", "array", "null"))),
    "scrollProfiles": SCROLLED,
    "deleteProfile": (
        {"_id": "p"},
        documents(
            PROFILE,
            bad.anything_but("onAssignedUsers", "text"),
            row("_id", "in use", "p", 412, "security.profile.in_use"),
            row("onAssignedUsers", "word", "explode", 400, "api.assert.invalid_argument", "onAssignedUsers"),
        ),
    ),
    "mDeleteProfiles": ({"body": {"ids": ["p"]}}, [parts.ids(), parts.too_many()]),
}

ROLES: dict[str, Request] = {
    "createRole": (
        {"_id": "new", "body": DEFINITION},
        [bad.ident(), bad.new_ident(), TAKEN_ROLE, bad.body(), bad.flag("force"), parts.controllers(), parts.content()],
    ),
    "createOrReplaceRole": (
        {"_id": "r", "body": DEFINITION},
        [bad.ident(), bad.new_ident(), bad.body(), bad.flag("force"), parts.controllers(), parts.content()],
    ),
    "updateRole": (
        {"_id": "r", "body": DEFINITION},
        [
            bad.ident(),
            row("_id", "unknown", "ghost", 404, f"{STORED}not_found", "ghost"),
            bad.body(),
            bad.flag("force"),
            parts.controllers(),
            parts.content(),
            RETRY,
        ],
    ),
    "getRole": ({"_id": "r"}, documents(ROLE)),
    "mGetRoles": (
        {"body": {"ids": ["r"]}},
        [
            parts.ids(),
            row("body.ids", "unknown", ["r", "ghost"], 404, ROLE, "ghost"),
            row("body.ids", "too many", ["x"] * 10_001, *LIMIT),
        ],
    ),
    "searchRoles": ({}, searched(bad.anything_but("body.controllers", "array", "null"))),
    "deleteRole": ({"_id": "r"}, documents(ROLE, row("_id", "in use", "r", 412, "security.role.in_use"))),
    "mDeleteRoles": ({"body": {"ids": ["r"]}}, [parts.ids(), parts.too_many()]),
}
