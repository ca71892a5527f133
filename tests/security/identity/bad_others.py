"""What can be wrong with requests (keys, tokens, oneself, places, the gateway).

The arguments refer to what `test_bad_input.py` stores.
"""

from tests.security.identity import bad_parts as parts
from tests.security.identity import faults as bad
from tests.security.identity.bad_parts import PAIR, STORED, Request, key, keys, row

__all__ = ["ADMIN", "AUTH", "KEYS", "PLACES", "SERVER"]

USER = "security.user.not_found"
NO_KEY = (404, f"{STORED}not_found")
BAD = f"{STORED}unexpected_bad_request"
TYPE, ARGUMENT, MISSING = "api.assert.invalid_type", "api.assert.invalid_argument", "api.assert.missing_argument"
NO_PAIR = (412, None)
ASKED = {"controller": "auth", "action": "login"}
MAPPING = {"properties": {"a": {"type": "keyword"}}}
LOCAL = {"strategy": "local"}
RETRY = list(bad.number("retryOnConflict"))
MAPPED: Request = ({"body": MAPPING}, [list(parts.mapping())])

KEYS: dict[str, Request] = {
    "createApiKey": (
        {"userId": "u", "body": {"description": "d"}},
        key(
            bad.text("userId"),
            bad.unknown("userId", 404, USER),
            row("userId", "anonymous", "-1", 400, "api.assert.invalid_argument"),
        ),
    ),
    "searchApiKeys": ({"userId": "u"}, keys(bad.text("userId"))),
    "deleteApiKey": (
        {"userId": "u", "_id": "k"},
        [bad.text("userId"), bad.ident(), bad.unknown("_id", *NO_KEY), row("userId", "another's", "v", *NO_KEY)],
    ),
    "refresh": (
        {"collection": "users"},
        [bad.text("collection"), bad.unknown("collection", 400, "api.assert.unexpected_argument")],
    ),
    **{f"update{kind}Mapping": MAPPED for kind in ("User", "Profile", "Role")},
}

AUTH: dict[str, Request] = {
    "login": (
        LOCAL | {"body": {"username": "u-name", "password": "wrong"}, "jwt": None},
        [
            parts.strategy(),
            bad.body(is_optional=True),
            bad.flag("cookieAuth"),
            *(
                row("body.username", fault, value, 400, "api.assert.invalid_type", "body.username")
                for fault, value in (("number", 5), ("operator", {"$ne": ""}), ("array", ["x"]))
            ),
            *(
                row("body.password", fault, value, 400, "api.assert.invalid_type", "body.password")
                for fault, value in (("number", 5), ("operator", {"$ne": ""}), ("array", ["x"]))
            ),
            row("body.password", "missing", bad.DROP, 401, "plugin.strategy.missing_user", "Missing credentials"),
            bad.unknown("body.username", 401, "plugin.strategy.missing_user"),
        ],
    ),
    "logout": ({}, [bad.flag("global"), bad.flag("cookieAuth")]),
    "refreshToken": ({}, [bad.span(), bad.flag("cookieAuth")]),
    "createToken": (
        {},
        [bad.span(), bad.flag("singleUse"), row("expiresIn", "endless", -1, 400, "security.token.invalid_expiration")],
    ),
    "checkToken": ({"body": {"token": "x"}}, [bad.body(is_optional=True), bad.anything_but("body.token", "text")]),
    "checkRights": ({"body": ASKED}, [parts.rights_of("body")]),
    "updateSelf": (
        {"body": {"a": 1}},
        [
            bad.body(),
            parts.content(),
            RETRY,
            row("body.profileIds", "given", ["admin"], 400, "api.assert.forbidden_argument"),
            row("body._id", "given", "x", 400, "api.assert.forbidden_argument"),
        ],
    ),
    "createMyCredentials": (
        LOCAL | {"body": PAIR},
        [parts.strategy(), bad.body(), row("body", "second", PAIR, *NO_PAIR)],
    ),
    "updateMyCredentials": (
        LOCAL | {"body": PAIR},
        [
            parts.strategy(),
            bad.body(),
            row("body.username", "taken", "u-name", *NO_PAIR),
            row("body", "empty", {}, 400, None),
            *(row(f"body.{name}", "number", 5, 400, "api.assert.invalid_type") for name in ("username", "password")),
        ],
    ),
    "validateMyCredentials": (
        LOCAL | {"body": PAIR},
        [parts.strategy(), bad.body(), row("body.username", "taken", "u-name", *NO_PAIR)],
    ),
    "getMyCredentials": (LOCAL, [parts.strategy()]),
    "credentialsExist": (LOCAL, [parts.strategy()]),
    "deleteMyCredentials": (LOCAL, [parts.strategy(), bad.body(is_optional=True)]),
    "createApiKey": ({"body": {"description": "d"}}, key()),
    "searchApiKeys": ({}, keys()),
    "deleteApiKey": ({"_id": "own"}, [bad.ident(), bad.unknown("_id", *NO_KEY), row("_id", "another's", "k", *NO_KEY)]),
}

BAD_INDEX = [
    *row("index", "upper case", "A", 400, f"{STORED}invalid_index_name"),
    *row("index", "too long", bad.LONG, 400, f"{STORED}invalid_index_name"),
]
IN_INDEX = {"index": "i", "collection": "c"}

PLACES: dict[str, Request] = {
    "index:create": (
        {"index": "n"},
        [bad.text("index"), BAD_INDEX, row("index", "taken", "i", 412, f"{STORED}index_already_exists")],
    ),
    "index:exists": ({"index": "i"}, [bad.text("index")]),
    "index:delete": ({"index": "i"}, [bad.text("index"), bad.unknown("index", 412, f"{STORED}unknown_index")]),
    "index:mDelete": ({"body": {"indexes": ["i"]}}, [bad.body(), bad.anything_but("body.indexes", "array")]),
    "collection:create": (
        IN_INDEX,
        [
            bad.text("index"),
            bad.text("collection"),
            BAD_INDEX,
            row("collection", "upper case", "A", 400, f"{STORED}invalid_collection_name"),
        ],
    ),
    "collection:exists": (IN_INDEX, [bad.text("index"), bad.text("collection")]),
    "collection:list": ({"index": "i"}, [bad.text("index"), bad.unknown("index", 412, f"{STORED}unknown_index")]),
    "collection:delete": (
        IN_INDEX,
        [
            bad.text("index"),
            bad.text("collection"),
            bad.unknown("index", 412, f"{STORED}unknown_index"),
            bad.unknown("collection", 412, f"{STORED}unknown_collection"),
        ],
    ),
}


WHO = {"content": {"profileIds": ["default"]}}

ADMIN: dict[str, Request] = {
    "resetCache": (
        {"database": "internalCache"},
        [bad.text("database"), bad.unknown("database", 404, "services.cache.database_not_found")],
    ),
    "dump": ({}, [bad.anything_but("suffix", "text")]),
    "listConnections": (
        {},
        [
            bad.anything_but("userId", "text", "null"),
            bad.number("from"),
            bad.number("size"),
            row("from", "negative", -1, 400, ARGUMENT, "from"),
            row("size", "negative", -1, 400, ARGUMENT, "size"),
            row("size", "too large", 10_001, 400, ARGUMENT, "size"),
        ],
    ),
    "closeConnection": ({"_id": "x"}, [bad.ident(), bad.unknown("_id", 404, None)]),
    "loadSecurities": (
        {"body": {}},
        [
            bad.body(),
            bad.flag("force"),
            bad.anything_but("onExistingUsers", "text"),
            row("onExistingUsers", "word", "explode", 400, "api.assert.unexpected_argument", "explode"),
            *(
                row(f"body.{section}", fault, value, 400, ARGUMENT, section)
                for section in ("roles", "profiles", "users")
                for fault, value in (
                    ("text", "x"),
                    ("array", ["x"]),
                    ("text in it", {"z": "x"}),
                    ("null in it", {"z": None}),
                )
            ),
            row("body.roles", "no controllers", {"z": {}}, 400, "api.assert.empty_argument", "z.controllers"),
            row(
                "body.roles", "bad id", {"a\nb": {"controllers": {"*": {"actions": {"*": True}}}}}, 400, ARGUMENT, "_id"
            ),
            row("body.profiles", "no policies", {"z": {}}, 400, MISSING, "z.policies"),
            row("body.profiles", "no list", {"z": {"policies": {"$ne": 1}}}, 400, TYPE, "z.policies"),
            row(
                "body.profiles",
                "unknown role",
                {"z": {"policies": [{"roleId": "ghost"}]}},
                404,
                "security.role.not_found",
            ),
            row("body.users", "no content", {"z": {}}, 400, MISSING, "z.content"),
            row("body.users", "content is null", {"z": {"content": None}}, 400, TYPE, "z.content"),
            row("body.users", "no profiles", {"z": {"content": {}}}, 400, MISSING, "z.content.profileIds"),
            row("body.users", "operator", {"z": {"content": WHO["content"] | {"$set": 1}}}, 400, BAD),
            row(
                "body.users", "list of credentials", {"z": WHO | {"credentials": ["local"]}}, 400, TYPE, "z.credentials"
            ),
            row("body.users", "null credentials", {"z": WHO | {"credentials": {"local": None}}}, 400, TYPE),
            row(
                "body.users",
                "unknown strategy",
                {"z": WHO | {"credentials": {"ghost": {}}}},
                400,
                "security.credentials.unknown_strategy",
            ),
            row("body.users", "there already", {"u": WHO}, 400, "security.user.prevent_overwrite"),
        ],
    ),
    "loadMappings": (
        {"body": {}},
        [
            bad.body(),
            row("body.i", "number", 5, 400, ARGUMENT, "body.i"),
            row("body", "bad index", {"A": {"c": {}}}, 400, f"{STORED}invalid_index_name", "A"),
            row("body", "bad collection", {"i": {"C": {}}}, 400, f"{STORED}invalid_collection_name", "C"),
            row("body", "fields", {"i": {"d": {"properties": {"a": {"type": "text"}}}}}, 400, BAD),
        ],
    ),
    "loadFixtures": (
        {"body": {}},
        [
            bad.body(),
            row("body.i", "number", 5, 400, ARGUMENT, "body.i"),
            row("body", "documents", {"i": {"c": [{"create": {}}, {"a": 1}]}}, 400, BAD),
        ],
    ),
}

SERVER: dict[str, Request] = {
    "server:openapi": (
        {},
        [
            row("scope", "unknown", "all", 400, "api.assert.unexpected_argument"),
            row("scope", "list", [], 400, TYPE, "scope"),
        ],
    ),
}
