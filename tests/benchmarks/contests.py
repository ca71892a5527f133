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
        options: of the generator, beside the common ones; "$TOKEN" in them is an API key of the server's.
        durable: whether the database has to write.
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
        shares: the name of a gateway in the same contest that answers these requests too; empty for one of its own.
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


class Contest(NamedTuple):
    """Some entrants at each of the depths, and which are compared, ours first."""

    entrants: tuple[Entrant, ...]
    pairs: tuple[tuple[str, str], ...]
    depths: tuple[int, ...] = (1, 8)


def beside(ours: Entrant, *peers: Entrant, depths: tuple[int, ...] = (1, 8)) -> Contest:
    """Ours compared with each of its peers."""
    return Contest((ours, *peers), tuple((ours.name, peer.name) for peer in peers), depths)


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
CREATE = websocket(
    '{"controller":"security","action":"createApiKey","userId":"$OWNER",'
    '"body":{"description":"bench"},"requestId":"$ID"}',
    durable=True,
)
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
            Entrant("check_token", "latchgate, auth:checkToken", CHECK_TOKEN, shares="now_key"),
            Entrant("now_anonymous", "latchgate, server:now, anonymous", NOW, shares="now_key"),
            Entrant("now_key", "latchgate, server:now, API key", NOW_WITH_KEY),
            Entrant("current_user", "latchgate, auth:getCurrentUser, API key", CURRENT_USER, shares="now_key"),
        ),
        (("now_key", "now_anonymous"), ("check_token", "now_key"), ("current_user", "now_key")),
    ),
    beside(
        Entrant("create", "latchgate, createApiKey", CREATE),
        Entrant("insert_many", "bare loop of insert_many", inserts(grouped=True), "peer_mongod"),
        Entrant("fastapi", "FastAPI, createApiKey", CREATE, "peer_fastapi"),
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
    ),
)
