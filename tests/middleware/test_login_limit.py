"""How often: logins within one second, of one connection or, over HTTP, of one address."""

import gc
import json
import weakref

import pytest

from gateway.actions import Context, Endpoint
from gateway.middleware.login_limit import login_limit
from gateway.protocol.errors import ApiError
from tests.conftest import Connect, ConnectHttp, StartGateway
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


def limited(per_second: int, http_per_second: int = 0) -> tuple[Endpoint, Clock]:
    """An endpoint behind the limit."""
    clock = Clock()
    return login_limit(per_second, clock, http_per_second)(Reached()), clock


def over_http(address: str) -> Context:
    """A request over HTTP, which is a connection of its own."""
    connection = SilentConnection()
    connection.protocol = "http"
    connection.address = address
    return Context(connection)


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


def outcomes_of(endpoint: Endpoint, *addresses: str) -> list[bool]:
    """Log in over HTTP from some addresses, one after the other; tell which were let through."""
    return [outcomes(endpoint, over_http(address), 1)[0] for address in addresses]


def test_over_http_the_logins_of_an_address_are_counted_together() -> None:
    """Each request is a connection of its own, so the limit of a connection, whatever it is, holds for none of them."""
    endpoint, clock = limited(1, 2)
    here, there = "192.0.2.1", "192.0.2.2"

    assert [True, True, False, True, False] == outcomes_of(endpoint, here, here, here, there, here)
    assert REFUSED == run_refused(lambda: run(endpoint, LOGIN, over_http(here)))
    clock.now += 1000
    assert [True, True, False] == outcomes_of(endpoint, here, here, here)


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "", True),
        ("", "192.0.2.1", False),
    ],
)
def test_an_address_is_what_one_client_can_have(first: str, second: str, *, is_same: bool) -> None:
    """Of IPv6 a whole network of 64 bits, in which a machine names itself as it likes; those of no address are one."""
    endpoint, _ = limited(0, 1)

    assert [True, not is_same] == outcomes_of(endpoint, first, second)


def test_sockets_and_http_do_not_use_up_each_others_logins() -> None:
    """Each has its own limit, and either may have none."""
    endpoint, _ = limited(1, 1)
    assert [True, False] == outcomes(endpoint, Context(SilentConnection()), 2)
    assert [True, False] == outcomes(endpoint, over_http("127.0.0.1"), 2)

    unlimited, _ = limited(1, 0)
    assert [True] * 50 == outcomes(unlimited, over_http("127.0.0.1"), 50)


def test_counts_of_addresses_take_bounded_memory() -> None:
    """Beyond ten thousand within a second the others are counted as one; those that have a count keep it."""
    endpoint, clock = limited(0, 1)
    known = [f"10.1.{number // 256}.{number % 256}" for number in range(10_000)]

    assert all(outcomes_of(endpoint, *known))
    assert [True, False, False, False] == outcomes_of(endpoint, "192.0.2.1", "192.0.2.2", "192.0.2.1", known[0])
    clock.now += 1000
    assert [True, True] == outcomes_of(endpoint, "192.0.2.1", "192.0.2.2")


async def test_the_setting_limits_logins_over_http_of_a_running_gateway(
    start_gateway: StartGateway, connect_http: ConnectHttp
) -> None:
    """On whatever connection and by whatever way they come; a trusted proxy's clients are counted one by one."""
    gateway = await start_gateway(http={"logins_per_second": 1}, server={"trusted_proxies": ("127.0.0.1",)})
    clients = [await connect_http(gateway) for _ in range(2)]
    inner = {"controller": "auth", "action": "login", "strategy": "nope"}
    answers = []
    for _ in range(2):
        answers += [
            await clients[0].ask("POST", "/_login/nope", "X-Forwarded-For: 192.0.2.1", body={}),
            await clients[1].ask("GET", "/_login/nope", "X-Forwarded-For: 192.0.2.9, 192.0.2.1"),
            await clients[1].ask("POST", "/_query", "X-Forwarded-For: 192.0.2.1", body=inner),
        ]
    refused = [answer for answer in answers if answer.status == 429]
    other = await clients[0].ask("POST", "/_login/nope", "X-Forwarded-For: 192.0.2.2", body={})

    assert {"security.credentials.unknown_strategy", REFUSED[1]} == {answer.error_id for answer in answers}
    assert 4 <= len(refused) <= 5, "six logins take two slices of a second at most"
    assert {(REFUSED[1], "1")} == {(answer.error_id, answer.headers["retry-after"]) for answer in refused}
    assert "security.credentials.unknown_strategy" == other.error_id


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
