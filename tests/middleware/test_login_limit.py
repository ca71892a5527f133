"""How often: logins of one connection within one second."""

import gc
import json
import weakref

from gateway.actions import Context, Endpoint
from gateway.middleware.login_limit import login_limit
from gateway.protocol.errors import ApiError
from tests.conftest import Connect, StartGateway
from tests.driving import SilentConnection
from tests.middleware.driving import Reached, request, run, run_refused

LOGIN = request('{"controller":"auth","action":"login"}')
REFUSED = (429, "api.process.too_many_logins_requests", ())


class Clock:
    """Milliseconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        """What time it is."""
        return self.now


def limited(per_second: int) -> tuple[Endpoint, Clock]:
    """An endpoint behind the limit."""
    clock = Clock()
    return login_limit(per_second, clock)(Reached()), clock


def outcomes(endpoint: Endpoint, context: Context, count: int) -> list[bool]:
    """Log in a number of times; tell which were let through."""
    let_through = []
    for _ in range(count):
        try:
            run(endpoint, LOGIN, context)
        except ApiError as error:
            assert REFUSED[1] == error.id  # noqa: PT017 - counted, not only expected
            let_through.append(False)
        else:
            let_through.append(True)
    return let_through


def test_more_than_the_limit_is_refused_within_a_second() -> None:
    """429, and refused ones count too: trying on does not help."""
    endpoint, _ = limited(2)
    context = Context(SilentConnection())

    assert [True, True, False, False, False] == outcomes(endpoint, context, 5)
    assert REFUSED == run_refused(lambda: run(endpoint, LOGIN, context))


def test_the_next_second_begins_anew() -> None:
    """Slices of the clock, not a sliding window."""
    endpoint, clock = limited(1)
    context = Context(SilentConnection())
    assert [True, False] == outcomes(endpoint, context, 2)

    clock.now += 999
    assert [False] == outcomes(endpoint, context, 1)

    clock.now += 1
    assert [True, False] == outcomes(endpoint, context, 2)


def test_each_connection_has_a_count_of_its_own() -> None:
    """What one client does costs no other."""
    endpoint, _ = limited(1)
    first, second = Context(SilentConnection()), Context(SilentConnection())

    assert [True, False] == outcomes(endpoint, first, 2)
    assert [True, False] == outcomes(endpoint, second, 2)


def test_only_login_counts() -> None:
    """Other actions are neither counted nor refused, whatever their names have in common."""
    endpoint, _ = limited(1)
    context = Context(SilentConnection())
    others = [request(f'{{"controller":"{c}","action":"{a}"}}') for c, a in (("auth", "logout"), ("other", "login"))]
    for other in others * 3:
        assert "reached" == run(endpoint, other, context)

    assert [True, False] == outcomes(endpoint, context, 2)
    for other in others:
        assert "reached" == run(endpoint, other, context)


def test_a_failed_login_counts() -> None:
    """A guess is a guess."""

    async def fail(*_: object) -> object:
        raise ApiError("wrong", status=401)

    clock = Clock()
    endpoint = login_limit(1, clock)(fail)
    context = Context(SilentConnection())

    assert (401, None, ()) == run_refused(lambda: run(endpoint, LOGIN, context))
    assert REFUSED == run_refused(lambda: run(endpoint, LOGIN, context))


def test_zero_is_no_limit() -> None:
    """The setting that switches it off."""
    endpoint, _ = limited(0)

    assert [True] * 50 == outcomes(endpoint, Context(SilentConnection()), 50)


async def forgetful(*_: object) -> object:
    """An endpoint that keeps nothing."""
    return None


def test_a_connection_that_is_gone_is_forgotten() -> None:
    """Its count does not keep it alive: no memory for each connection that ever was."""
    endpoint = login_limit(1, Clock())(forgetful)
    connection = SilentConnection()
    run(endpoint, LOGIN, Context(connection))
    gone = weakref.ref(connection)

    del connection
    gc.collect()

    assert None is gone()


async def test_the_setting_limits_a_running_gateway(start_gateway: StartGateway, connect: Connect) -> None:
    """Of four logins at once, two slices of a second let at most two through; the others are told so."""
    client = await connect(await start_gateway(limits={"logins_per_second": 1}))
    for number in range(4):
        frame = {"controller": "auth", "action": "login", "strategy": "nope", "requestId": f"{number}"}
        await client.socket.send(json.dumps(frame))
    ids = [(await client.receive())["error"]["id"] for _ in range(4)]

    assert {"security.credentials.unknown_strategy", REFUSED[1]} == set(ids)
    assert 2 <= ids.count(REFUSED[1])
