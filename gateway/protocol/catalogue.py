"""Every error that the gateway can answer: id, numbers, status, sentence.

Rules of the file: data and the arithmetic of codes, nothing else. Ids, numbers and statuses are facts of the
protocol (errors.md); the sentences are ours, `{0}`, `{1}` … stand for the error's props. A status that differs
from the original's says why beside it. `tests/protocol/test_catalogue.py` refuses a duplicate.
"""

from typing import NamedTuple

__all__ = ["CATALOGUE", "Entry"]


class Entry(NamedTuple):
    """One kind of error: its `code` on the wire, HTTP-like `status` and sentence `template`."""

    code: int
    status: int
    template: str


# (domain, subdomain) → their numbers; code = domain << 24 | subdomain << 16 | error number.
_NUMBERS = {
    "core.fatal": (0, 0),
    "services.storage": (1, 1),
    "services.cache": (1, 3),
    "api.assert": (2, 1),
    "api.process": (2, 2),
    "network.http": (3, 1),
    "network.websocket": (3, 3),
    "network.entrypoint": (3, 4),
    "plugin.runtime": (4, 2),
    "plugin.strategy": (4, 3),
    "plugin.kuzzle-plugin-auth-passport-local": (4, 0),
    "security.token": (7, 1),
    "security.credentials": (7, 2),
    "security.rights": (7, 3),
    "security.user": (7, 4),
    "security.role": (7, 5),
    "security.profile": (7, 6),
    "security.cookie": (7, 7),
}

_TABLE: dict[str, dict[str, tuple[int, int, str]]] = {
    "core.fatal": {
        "service_unavailable": (2, 500, "A service behind the gateway is not available: {0}."),
    },
    "services.storage": {
        "unknown_index": (1, 412, 'There is no index "{0}".'),
        "unknown_collection": (2, 412, 'Index "{0}" has no collection "{1}".'),
        "get_limit_exceeded": (3, 413, "The page asked for is larger than this server allows."),
        "write_limit_exceeded": (4, 413, "The request names more items than one write may hold."),
        "incomplete_delete": (9, 206, "Some of the deletions failed."),
        "not_found": (0x0B, 404, 'There is no document "{0}" here.'),
        "unknown_scroll_id": (0x0E, 404, "This scroll identifier is unknown or no longer valid."),
        "document_already_exists": (0x11, 400, "A document with this identifier exists already."),
        # 500 in the original. A client that reads 503 knows that trying again later makes sense.
        "not_connected": (0x18, 503, "The database cannot be reached at the moment; try again."),
        "index_already_exists": (0x26, 412, 'There is a {0} index "{1}" already.'),
        "invalid_index_name": (0x29, 400, 'An index cannot be called "{0}".'),
        "invalid_collection_name": (0x2A, 400, 'A collection cannot be called "{0}".'),
        "unexpected_bad_request": (0x21, 400, "The storage refused the request: {0}."),
        "unexpected_error": (0x23, 500, "The storage failed: {0}."),
        "invalid_search_query": (0x28, 400, 'A search body may not hold the key "{0}".'),
        "scroll_duration_too_great": (0x2C, 400, 'A scroll cannot live as long as "{0}".'),
        "unknown_query_keyword": (0x2D, 400, 'A search has no clause called "{0}".'),
        "invalid_query_keyword": (0x2F, 400, 'The keyword "{0}" is not permitted in a search.'),
    },
    "services.cache": {
        "database_not_found": (1, 404, 'There is no cache "{0}".'),
    },
    "api.assert": {
        "invalid_type": (1, 400, 'Argument "{0}" has the wrong type; expected: {1}.'),
        "invalid_argument": (2, 400, 'Argument "{0}" is not acceptable; expected: {1}.'),
        "missing_argument": (3, 400, 'Argument "{0}" is missing.'),
        "empty_argument": (4, 400, 'Argument "{0}" must not be empty.'),
        "mutually_exclusive": (5, 400, 'Arguments "{0}" and "{1}" exclude each other.'),
        "unexpected_argument": (7, 400, 'Argument "{0}" is not known here; expected: {1}.'),
        "body_required": (8, 400, "This action needs a body."),
        "forbidden_argument": (0x0B, 400, 'Argument "{0}" may not be given to this action.'),
        "koncorde_restricted_keyword": (0x0D, 400, 'The {0} "{1}" cannot be used in a search.'),
        "koncorde_dsl_error": (0x0E, 400, "The filter cannot be read: {0}."),
    },
    "api.process": {
        "action_locked": (1, 412, 'Action "{0}" is running already.'),
        "overloaded": (
            2,
            503,
            "The gateway has more requests in hand than it can take; try again.",
        ),
        "controller_not_found": (4, 404, 'There is no controller "{0}".'),
        "action_not_found": (5, 404, 'Controller "{0}" has no action "{1}".'),
        "incompatible_sdk_version": (6, 400, "This SDK version ({0}) cannot be served: {1}."),
        "shutting_down": (7, 503, "The gateway is shutting down; connect again in a moment."),
        "too_many_requests": (8, 429, "Too many requests within one second."),
        "admin_exists": (9, 412, "There is an administrator already."),
        "unauthorized_origin": (0x0C, 401, 'Requests from the origin "{0}" are not accepted.'),
        "too_many_logins_requests": (
            0x0D,
            429,
            "Too many logins on this connection in one second.",
        ),
    },
    "network.websocket": {
        "unexpected_error": (1, 400, "The message cannot be read: {0}."),
    },
    "network.http": {
        "request_too_large": (1, 413, "The body is larger than this server takes."),
        "unexpected_error": (2, 400, "The HTTP request cannot be read: {0}."),
        "too_many_encodings": (3, 400, "The body is encoded more often than this server undoes."),
        "unsupported_compression": (4, 400, 'There is no content encoding "{0}" here.'),
        "compression_disabled": (5, 400, "This server takes no compressed bodies."),
        "unsupported_verb": (6, 400, 'The HTTP method "{0}" is not served.'),
        "url_not_found": (7, 404, 'There is nothing at "{0}".'),
        "unsupported_content": (8, 400, 'Bodies of the type "{0}" are not taken.'),
        "unsupported_charset": (9, 400, 'Bodies are read as utf-8, not as "{0}".'),
        "volatile_parse_failed": (0x0B, 400, "The header x-kuzzle-volatile cannot be read: {0}."),
        "body_parse_failed": (0x0C, 400, 'The body cannot be read; it begins with "{0}".'),
    },
    "network.entrypoint": {
        "shutting_down": (3, 503, "The gateway is shutting down; connect again in a moment."),
    },
    "plugin.runtime": {
        "unexpected_error": (2, 500, "The gateway failed while it ran this action: {0}."),
    },
    "plugin.strategy": {
        "unknown_kuid": (0x11, 500, "Strategy {0} named a user that does not exist."),
        # Clients compare the reason in props[0], so it is the whole sentence.
        "missing_user": (0x14, 401, "{0}"),
    },
    "plugin.kuzzle-plugin-auth-passport-local": {
        "expired_password": (1, 401, "The password is too old; it must be changed."),
        "login_in_password": (4, 400, "The password may not contain the user name."),
        "must_change_password": (5, 401, "The password was set by somebody else; it must be changed."),
        "reused_password": (6, 400, "The password was used before."),
        "weak_password": (7, 400, "The password is too weak."),
    },
    "security.token": {
        # Answered as `state` by auth:checkToken, where clients have seen exactly these words.
        "invalid": (1, 401, "Invalid token."),
        "ttl_exceeded": (4, 400, "This life span is longer than the policy allows."),
        "generation_failed": (5, 500, "The token could not be made: {0}."),
        # 500 in the original; it is raised only where a client sends both a token and a cookie (deviation 23).
        "verification_error": (7, 400, "The token could not be checked: {0}."),
        "refresh_forbidden": (8, 401, "This cannot be refreshed: {0}."),
        "invalid_expiration": (9, 400, 'A token cannot be made with this "{0}".'),
    },
    "security.credentials": {
        "unknown_strategy": (1, 400, 'There is no authentication strategy "{0}".'),
        "database_inconsistency": (2, 500, 'Credentials exist for "{0}", who is no user.'),
        "rejected": (3, 400, "The credentials were refused: {0}."),
    },
    "security.rights": {
        "unauthorized": (1, 401, 'Log in first: anonymous callers may not use "{0}:{1}".'),
        "forbidden": (2, 403, 'User "{2}" may not use "{0}:{1}".'),
    },
    "security.user": {
        "already_exists": (1, 412, 'There is a user "{0}" already.'),
        "not_found": (2, 404, 'There is no user "{0}".'),
        "anonymous_profile_required": (3, 400, "The anonymous user keeps the profile anonymous."),
        "prevent_overwrite": (6, 400, "Users exist that this would overwrite."),
        # 500 in the original; an empty list is a mistake of the caller (compatibility.md).
        "no_profile": (7, 400, 'User "{0}" needs at least one profile.'),
    },
    "security.role": {
        "not_found": (1, 404, 'There is no role "{0}".'),
        "login_required": (2, 400, "The role anonymous must keep auth:login."),
        "cannot_delete": (3, 400, "The roles admin, default and anonymous cannot be deleted."),
        "in_use": (4, 412, 'Role "{0}" is used by a profile.'),
        "unknown_controller": (9, 400, 'Role "{0}" names the controller "{1}", which is unknown.'),
        "unknown_action": (0x0A, 400, 'Role "{0}" names "{1}", which "{2}" does not have.'),
    },
    "security.cookie": {
        "invalid": (1, 401, "The cookie cannot be read."),
        # 500 in the original; who asks for what is switched off makes a mistake (deviation 23).
        "unsupported": (2, 400, "Cookies do not authenticate on this server."),
    },
    "security.profile": {
        "not_found": (1, 404, 'There is no profile "{0}".'),
        "cannot_delete": (2, 400, "The profiles admin, default and anonymous cannot be deleted."),
        "in_use": (3, 412, "A user still has this profile."),
        "missing_anonymous_role": (5, 400, "The profile anonymous must keep the role anonymous."),
    },
}


def _entries() -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for family, errors in _TABLE.items():
        domain, subdomain = _NUMBERS[family]
        for name, (number, status, template) in errors.items():
            code = domain << 24 | subdomain << 16 | number
            entries[f"{family}.{name}"] = Entry(code, status, template)
    return entries


CATALOGUE: dict[str, Entry] = _entries()
"""Error id → entry."""
