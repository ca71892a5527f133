"""What is measured beside what.

An entrant is a server and what it is asked; a contest is a few of them, measured in turns, and the pairs among them
that are compared. All entrants of a contest answer the same requests, or one gateway answers several kinds.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "CHECK_TOKEN",
    "CONNECTIONS",
    "CONTESTS",
    "CREATE",
    "CURRENT_USER",
    "HTTP_CREATE",
    "HTTP_NOW",
    "NOW",
    "NOW_WITH_KEY",
    "ROOT",
    "Contest",
    "Entrant",
    "Work",
]

ROOT = Path(__file__).resolve().parents[2]
CONNECTIONS = 32


class Work(NamedTuple):
    """What a server is asked, and by which generator.

    Attributes:
        generator: a module beside this one.
        scheme: of the server's URL.
        options: of the generator, those that say what is asked; "$TOKEN" in them is an API key of the server's.
        durable: whether the database takes part in each request.
        fresh: whether each request comes on a new connection.
        connections: at a time.
        serves: the generator does the work itself, so it runs on the server's core.
    """

    generator: str
    scheme: str
    options: Mapping[str, str]
    durable: bool = False
    fresh: bool = False
    connections: int = CONNECTIONS
    serves: bool = False


class Entrant(NamedTuple):
    """A server in a contest.

    Attributes:
        name: of its results.
        title: for the reader.
        work: what it is asked.
        module: beside this one; empty for the gateway itself.
        has_data: whether it wants a data folder.
        repeats: whether it repeats an answer of the gateway, which has to be there first.
        tree: the sources that it runs from.
        workers: of a gateway.
        shares: the name of a server in the same contest that answers these requests too; empty for one of its own.
        mints: a peer of which API keys can be had, as of the gateway.
        keys: that its database holds before it starts.
    """

    name: str
    title: str
    work: Work
    module: str = ""
    has_data: bool = True
    repeats: bool = False
    tree: Path = ROOT
    workers: int = 1
    shares: str = ""
    mints: bool = False
    keys: int = 0


class Contest(NamedTuple):
    """Some entrants, and which are compared, ours first.

    Attributes:
        entrants: in the order of a round; those that are compared stand as near to each other as may be.
        pairs: of names.
        depths: at which all are measured.
        share: of the time that entrants are measured otherwise.
    """

    entrants: tuple[Entrant, ...]
    pairs: tuple[tuple[str, str], ...]
    depths: tuple[int, ...] = (1, 8)
    share: float = 1.0


def beside(ours: Entrant, *peers: Entrant, depths: tuple[int, ...] = (1, 8), share: float = 1.0) -> Contest:
    """Ours compared with each of its peers, the first of which is measured before it, the others after it."""
    first, *others = peers
    return Contest((first, ours, *others), tuple((ours.name, peer.name) for peer in peers), depths, share)


def websocket(template: str, *, durable: bool = False) -> Work:
    """A frame, "$ID" for its requestId."""
    return Work("load", "ws", {"template": template}, durable)


def http(request: str, *, body: str = "", durable: bool = False) -> Work:
    """A request of HTTP/1.1 on a connection that is kept alive."""
    return Work("http_load", "http", {"request": request, "body": body}, durable)


def inserts(*, grouped: bool, connections: int = CONNECTIONS) -> Work:
    """A bare loop of inserts, of as many records at a time as a generator would have requests in flight."""
    return Work(
        "insert_load",
        "tcp",
        {"mode": "grouped" if grouped else "single"},
        durable=True,
        connections=connections,
        serves=True,
    )


NOW = websocket('{"controller":"server","action":"now","requestId":"$ID"}')
NOW_WITH_KEY = websocket('{"controller":"server","action":"now","requestId":"$ID","jwt":"$TOKEN"}')
# As the SDK sends it: the token in the body, none beside it.
CHECK_TOKEN = websocket('{"controller":"auth","action":"checkToken","requestId":"$ID","body":{"token":"$TOKEN"}}')
CURRENT_USER = websocket('{"controller":"auth","action":"getCurrentUser","requestId":"$ID","jwt":"$TOKEN"}')
# Of a server that asks its database each time.
LOOK_UP_TOKEN, LOOK_UP_USER = CHECK_TOKEN._replace(durable=True), CURRENT_USER._replace(durable=True)
CREATE = websocket(
    '{"controller":"security","action":"createApiKey","userId":"$OWNER",'
    '"body":{"description":"bench"},"requestId":"$ID"}',
    durable=True,
)
# Whoever stores keys, with few of them and with many: groups as `scale.py` has them.
BARE_GROUPS = inserts(grouped=True, connections=16)
HTTP_NOW = http("GET /_now")
HTTP_CREATE = http("POST /users/$OWNER/api-keys/_create", body='{"description":"bench"}', durable=True)

CONTESTS = (
    beside(
        Entrant("now", "latchgate, server:now", NOW),
        Entrant("sansio", "bare Sans-I/O echo", NOW, "peer_sansio", has_data=False),
        Entrant("picows", "picows echo", NOW, "peer_picows", has_data=False),
        Entrant("websockets", "websockets asyncio echo", NOW, "peer_websockets", has_data=False),
    ),
    Contest(
        (
            Entrant("now_anonymous", "latchgate, server:now, anonymous", NOW, shares="now_key"),
            Entrant("now_key", "latchgate, server:now, API key", NOW_WITH_KEY),
            Entrant("check_token", "latchgate, auth:checkToken", CHECK_TOKEN, shares="now_key"),
            Entrant("current_user", "latchgate, auth:getCurrentUser, API key", CURRENT_USER, shares="now_key"),
        ),
        (("now_key", "now_anonymous"), ("check_token", "now_key"), ("current_user", "now_key")),
        share=2.0,  # what is asked of the first pair is near to what it is
    ),
    Contest(
        (
            Entrant("check_token_again", "latchgate, auth:checkToken again", CHECK_TOKEN),
            Entrant("fastapi_check_token", "FastAPI, checkToken", LOOK_UP_TOKEN, "peer_fastapi", mints=True),
            Entrant(
                "fastapi_current_user",
                "FastAPI, getCurrentUser",
                LOOK_UP_USER,
                "peer_fastapi",
                mints=True,
                shares="fastapi_check_token",
            ),
            Entrant(
                "current_user_again",
                "latchgate, auth:getCurrentUser again",
                CURRENT_USER,
                shares="check_token_again",
            ),
        ),
        (("check_token_again", "fastapi_check_token"), ("current_user_again", "fastapi_current_user")),
        depths=(1,),
    ),
    beside(
        Entrant("create", "latchgate, createApiKey", CREATE),
        Entrant("insert_many", "bare loop of insert_many", inserts(grouped=True), "peer_mongod"),
        Entrant("fastapi", "FastAPI, createApiKey", CREATE, "peer_fastapi"),
    ),
    beside(
        Entrant("insert_full", "bare insert_many, 100,000 keys", BARE_GROUPS, "peer_mongod", keys=100_000),
        Entrant("insert_few", "bare insert_many, 1,000 keys", BARE_GROUPS, "peer_mongod", keys=1_000),
        depths=(1,),
        share=0.4,  # the few become more with each
    ),
    beside(
        Entrant("create_alone", "latchgate, createApiKey, 1 connection", CREATE._replace(connections=1)),
        Entrant("insert_one", "bare loop of insert_one", inserts(grouped=False, connections=1), "peer_mongod"),
        depths=(1,),
    ),
    beside(
        Entrant("connect", "latchgate, connect + server:now", NOW._replace(fresh=True)),
        Entrant(
            "sansio_connect", "bare Sans-I/O echo, connect", NOW._replace(fresh=True), "peer_sansio", has_data=False
        ),
        depths=(1,),
    ),
    beside(
        Entrant("now_two", "latchgate, server:now, two workers", NOW, workers=2),
        Entrant("now_one", "latchgate, server:now, one process", NOW),
        depths=(1,),
    ),
    # No pipelining: hardly any client does that.
    beside(
        Entrant("http_now", "latchgate, GET /_now", HTTP_NOW),
        Entrant("uvicorn_now", "uvicorn, the same bytes", HTTP_NOW, "peer_uvicorn", has_data=False, repeats=True),
        depths=(1,),
    ),
    beside(
        Entrant("http_create", "latchgate, POST …/_create", HTTP_CREATE),
        Entrant("uvicorn_create", "uvicorn, the same bytes", HTTP_CREATE, "peer_uvicorn", has_data=False, repeats=True),
        Entrant("fastapi_create", "FastAPI, POST …/_create", HTTP_CREATE, "peer_fastapi"),
        depths=(1,),
        share=0.5,
    ),
    # What the generators can do, before a server that is not the limit.
    Contest(
        (Entrant("canned", "canned answers: the generator's ceiling", NOW, "peer_canned", has_data=False),),
        (),
        share=0.5,
    ),
    Contest(
        (
            Entrant(
                "canned_connect", "canned answers, connect", NOW._replace(fresh=True), "peer_canned", has_data=False
            ),
            Entrant("canned_http", "canned answers, GET", HTTP_NOW, "peer_canned", has_data=False),
        ),
        (),
        depths=(1,),
        share=0.5,
    ),
)
