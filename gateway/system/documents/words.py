"""What the arguments of the actions mean, by their name on the wire.

Rules of the file: data. A name means the same in every action of ours. A line is: name, what it means. `FORMS` narrows
the schemas of arguments that the action checks itself.
"""

from typing import Any

__all__ = ["FORMS", "WORDS"]

_TABLE = """
_id: What the action is about, by its id: 1 to 512 bytes of printable text.
collection: Name of a collection.
cookieAuth: Keep the token in the cookie `authToken` instead of showing it; for browsers.
database: Which cache: `internalCache` or `memoryStorage`.
expiresIn: How long it holds: milliseconds, or text such as `1h` and `30d`; -1 for ever.
fingerprint: SHA-256 of the token, 64 hex digits.
force: Accept names of controllers and actions that do not exist here.
format: `json`; everything else means YAML.
from: How many hits to pass over.
global: End every login token of the user, not only the one in use.
ids: Whom to show: a list, over HTTP JSON or text with commas.
index: Name of an index.
key: The token itself.
kuid: How a missing `_id` is made: `human` (readable) or `uuid`.
lang: Language of the query.
onAssignedUsers: What to do with users who have the profile: `fail` or `remove`.
onExistingUsers: What to do with users who exist: `fail`, `skip` or `overwrite`.
password: The password; where credentials are changed, the present one.
reset: Restrict the rights of everybody else as well.
retryOnConflict: Read, and of no effect: there are no conflicts to be told of.
scope: `kuzzle` for the actions of the protocol, `app` for those that this server has beside them.
scroll: Keep the search open for its next pages: how long, such as `1m`.
scrollId: The `scrollId` of the page before.
services: What to look at: a list, over HTTP JSON or text with commas.
singleUse: The token opens one request.
size: How many hits to show at most.
strategy: Way to log in, such as `local`.
strict: Refuse a profile that is restricted to places which do not exist.
suffix: Name of this dump in the log.
userId: The user, by kuid.
username: Name of the user, where the body has none.
"""

WORDS: dict[str, str] = dict(line.split(": ", 1) for line in _TABLE.strip().splitlines())
"""Name on the wire → one sentence."""

FORMS: dict[str, dict[str, Any]] = {
    "database": {"enum": ["internalCache", "memoryStorage"]},
    "expiresIn": {"type": ["number", "string", "null"], "examples": ["30d", "-1"]},
    "ids": {"type": ["array", "string", "null"], "items": {"type": "string"}},
    "lang": {"enum": ["elasticsearch", "koncorde", None]},
    "onAssignedUsers": {"enum": ["fail", "remove"]},
    "onExistingUsers": {"enum": ["fail", "skip", "overwrite"]},
    "scroll": {"type": ["string", "null"], "examples": ["1m"]},
    "services": {"type": ["array", "string", "null"], "items": {"type": "string"}},
    "strategy": {"examples": ["local"]},
}
"""Name on the wire → what JSON Schema can say of its values in a frame, beyond the type of the field."""
