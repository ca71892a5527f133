"""What is measured beside what.

An entrant is a server and what it is asked; a contest is the gateway and the peers beside it. All entrants of a
contest answer the same requests.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["CONTESTS", "CREATE", "HTTP_CREATE", "HTTP_NOW", "NOW", "ROOT", "Contest", "Entrant", "Work"]

ROOT = Path(__file__).resolve().parents[2]


class Work(NamedTuple):
    """What a server is asked, and by which generator.

    Attributes:
        generator: a module beside this one.
        scheme: of the server's URL.
        options: of the generator, beside the common ones.
        durable: whether the database has to write.
        fresh: whether each request comes on a new connection.
    """

    generator: str
    scheme: str
    options: Mapping[str, str]
    durable: bool = False
    fresh: bool = False


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
    """

    name: str
    title: str
    work: Work
    module: str = ""
    has_data: bool = True
    repeats: bool = False
    tree: Path = ROOT
    workers: int = 1


class Contest(NamedTuple):
    """Ours and the peers it is measured against, at each of the depths."""

    ours: Entrant
    peers: tuple[Entrant, ...]
    depths: tuple[int, ...] = (1, 8)


def websocket(template: str, *, durable: bool = False) -> Work:
    """A frame, "$ID" for its requestId."""
    return Work("load", "ws", {"template": template}, durable)


def http(request: str, *, body: str = "", durable: bool = False) -> Work:
    """A request of HTTP/1.1 on a connection that is kept alive."""
    return Work("http_load", "http", {"request": request, "body": body}, durable)


NOW = websocket('{"controller":"server","action":"now","requestId":"$ID"}')
CREATE = websocket(
    '{"controller":"security","action":"createApiKey","userId":"bench",'
    '"body":{"description":"bench"},"requestId":"$ID"}',
    durable=True,
)
HTTP_NOW = http("GET /_now")
HTTP_CREATE = http("POST /users/bench/api-keys/_create", body='{"description":"bench"}', durable=True)

CONTESTS = (
    Contest(
        Entrant("now", "latchgate, server:now", NOW),
        (
            Entrant("sansio", "bare Sans-I/O echo", NOW, "peer_sansio", has_data=False),
            Entrant("websockets", "websockets asyncio echo", NOW, "peer_websockets", has_data=False),
        ),
    ),
    # Bound: two workers may cost 1.1 times the CPU of one.
    Contest(
        Entrant("now_two", "latchgate, server:now, two workers", NOW, workers=2),
        (Entrant("now_one", "latchgate, server:now, one process", NOW),),
        depths=(1,),
    ),
    Contest(
        Entrant("create", "latchgate, createApiKey", CREATE),
        (Entrant("fastapi", "FastAPI, createApiKey", CREATE, "peer_fastapi"),),
    ),
    # No pipelining: hardly any client does that.
    Contest(
        Entrant("http_now", "latchgate, GET /_now", HTTP_NOW),
        (Entrant("uvicorn_now", "uvicorn, the same bytes", HTTP_NOW, "peer_uvicorn", has_data=False, repeats=True),),
        depths=(1,),
    ),
    Contest(
        Entrant("http_create", "latchgate, POST …/_create", HTTP_CREATE),
        (
            Entrant(
                "uvicorn_create", "uvicorn, the same bytes", HTTP_CREATE, "peer_uvicorn", has_data=False, repeats=True
            ),
            Entrant("fastapi_create", "FastAPI, POST …/_create", HTTP_CREATE, "peer_fastapi"),
        ),
        depths=(1,),
    ),
)
