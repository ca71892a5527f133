"""Renders docs/compatibility.md: `python -m tests.compatibility > docs/compatibility.md`.

What works is read off a router with all our controllers; the vocabulary is the protocol's. So the page cannot claim
what the code does not do.
"""

import sys

from gateway.config import Config
from gateway.protocol.native_actions import NATIVE_ACTIONS
from gateway.rooms import Rooms
from gateway.routing import Router
from gateway.security.tokens import Signer
from gateway.storage.mongo import Database

__all__ = ["render"]

_CONTROLLERS = ("security", "auth", "server", "admin", "index", "collection", "realtime")

_HEAD = """\
# Compatibility with Kuzzle 2.56

This page is generated (`make docs`) from the registered actions and the protocol's vocabulary; a test fails when it
is out of date. `yes` means: works as the protocol says, with the deviations below. `no` means: answered with
`api.process.action_not_found` (or `controller_not_found`), and not announced by `server:publicApi`.

Controllers that concern document storage and the cache (`document`, `bulk`, `memoryStorage`, `cluster`, `debug`) are
outside the purpose of Latchgate. Every action that works over WebSocket works over HTTP on the same port, by its routes
or by `/_query`.

"""

_DEVIATIONS = """\

## Where Latchgate differs on purpose

| What | Kuzzle | Latchgate |
|---|---|---|
| Two keys made for one user in the same second | one token, so deleting one leaves it valid | every token is unique |
| `expiresIn` 0, `""`, false | never expires | 400 `api.assert.invalid_argument`; absent, null and -1 mean never |
| `expiresIn` below a second, fractions | dead on arrival | valid until `expiresAt`; fractions round up |
| A user with more than ten keys | some valid keys are refused | every key is found by its fingerprint |
| Longest life of keys made by administrators | no limit | `api_keys.hard_max_ttl` holds for everybody |
| `searchApiKeys.total` | hits on this page | all hits |
| Keys for the anonymous user | accepted | 400 |
| Bad frames | answered without `room`, some with 500, some not at all | always answered, with `room`, 400 |
| Passwords | PBKDF2 | argon2id |
| `deleteApiKey` | by `_id` | by `_id`, `fingerprint` or `key` |
| `createFirstAdmin` at the same time | several administrators | exactly one |
| `_id` of a key | any string | 1 to 512 bytes of printable text |
| First start | everything is open to everybody | restricted, but for the first administrator, from this machine |
| Login on a socket that used an endless token | hands that token back | always makes a new one |
| A token is revoked, logged out, or its user goes | sockets that use it hear nothing | TokenExpired on every node |
| After TokenExpired | the socket stays | stays, or is closed with 4401 (`websocket.on_revoked`) |
| Tokens that a socket is linked to | the last one | every one that was used, the last sixteen |
| `refreshToken` | moves the sockets of its node to the new token | moves those of every node |
| `server:metrics` | | has `security` besides: what is remembered, and how true that is |
| Connections | cannot be listed | `admin:listConnections`, `admin:closeConnection`, of the node that is asked |
| An unreachable database | 500 `services.storage.not_connected` | the same id with 503: trying again makes sense |
| A user without profiles | 500 | 400 `security.user.no_profile` |
| A taken `_id` with credentials | 500 | 412 `security.user.already_exists` |
| `volatile.sdkName` of version 10 or later | read as version 1 | read as it is |
| `server:openapi` | Swagger 2.0 | OpenAPI 3.1, and AsyncAPI 3.0 from `server:asyncapi` |
| JSON nested more than 80 deep | read | refused as a bad frame |
| HTTP errors before routing: size, type, JSON | a bare error object, taken for a result by SDKs | an envelope |
| `Connection` over HTTP | always `close` | kept alive, and pipelined requests are answered in order |
| A request right behind a body in chunks | answered | may be lost, as `Connection: close` then says in time |
| HTTP that is unreadable, too long or too slow | none of these statuses | 408, 414, 417, 431, 501, 505 |
| Later, and who one is | no header | `Retry-After` with 429 and 503, `WWW-Authenticate: Bearer` with 401 |
| Caches and guesses at the type | no header | `Cache-Control: no-store`, `X-Content-Type-Options: nosniff` |
| A JSON `false` over HTTP | true: the key is there | false |
| `?reset=false` and `?reset=0` | true: the name is there | false; `?reset` and all else are true |
| `?controller=` and `?action=` | replace those of the route | mean nothing |
| `Accept-Encoding: gzip;q=0` | compresses | does not |
| A compressed body, inflated | not bounded | at most `limits.max_message_bytes`, else 413 |
| A cookie without `Origin`, or under one that only `*` admits | authenticates | is ignored |
| A foreign `Origin` at the WebSocket upgrade | let in, and refused with each request | 403, where origins are listed |
| A cookie beside a token | 500 `security.token.verification_error` | the same id with 400 |
| Cookies where `http.cookie_authentication` is off | 500 `security.cookie.unsupported` | the same id with 400 |
| `GET /` for a browser | `server:info` | a page, for those who ask for `text/html` by name |
"""


def render() -> str:
    """Return the page."""
    rooms = Rooms(Config(), Database("mongodb://127.0.0.1:1", "none"))
    actions = Router(rooms.controllers(Signer(b"-" * 32))).actions
    parts = [_HEAD]
    for controller in _CONTROLLERS:
        vocabulary = sorted(NATIVE_ACTIONS[controller] | set(actions.get(controller, ())))
        working = [name for name in vocabulary if name in actions.get(controller, ())]
        parts.append(f"## {controller} ({len(working)} of {len(vocabulary)})\n\n| action | works |\n|---|---|\n")
        parts.extend(f"| `{controller}:{name}` | {'yes' if name in working else 'no'} |\n" for name in vocabulary)
        parts.append("\n")
    return "".join(parts).rstrip("\n") + "\n" + _DEVIATIONS


if __name__ == "__main__":
    sys.stdout.write(render())
