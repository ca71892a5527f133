"""Sockets to listen on: whoever shares a port shares its connections, and nobody else does."""

import socket

import pytest

from gateway.transports.listening import bind, bind_again, bind_shared


def close(*sockets: socket.socket) -> None:
    """Give them up."""
    for each in sockets:
        each.close()


async def test_a_free_port_is_the_same_for_all_who_share_it() -> None:
    """Chosen once, by the first."""
    shares = await bind_shared("127.0.0.1", 0, 3)

    assert 1 == len({share[0].getsockname()[1] for share in shares})
    close(*(share[0] for share in shares))


async def test_a_share_gets_connections_only_once_it_listens() -> None:
    """So a port can be kept for somebody who is not ready, and nobody waits there."""
    shares = await bind_shared("127.0.0.1", 0, 2)
    port = shares[0][0].getsockname()[1]
    ready, late = shares[0][0], shares[1][0]
    clients = []

    ready.listen(64)
    clients += [socket.create_connection(("127.0.0.1", port)) for _ in range(20)]
    accepted = [ready.accept()[0] for _ in range(20)]
    late.listen(64)
    late_comers = await bind_again("127.0.0.1", port)

    with pytest.raises(BlockingIOError):
        late.accept()
    close(ready, late, *late_comers, *clients, *accepted)


@pytest.mark.parametrize("shares", [1, 2])
async def test_a_port_in_use_is_not_taken_again(shares: int) -> None:
    """Neither alone nor shared: a stranger of the same user could share it else."""
    taken = await bind_shared("127.0.0.1", 0, 1)
    taken[0][0].listen()
    port = taken[0][0].getsockname()[1]

    with pytest.raises(OSError, match="in use"):
        await bind("127.0.0.1", port)
    with pytest.raises(OSError, match="in use"):
        await bind_shared("127.0.0.1", port, shares)
    close(taken[0][0])


async def test_every_address_of_a_name_is_taken_at_one_port() -> None:
    """Those that this machine has: `localhost` is often two."""
    (bound,) = await bind_shared("localhost", 0, 1)

    assert 1 == len({each.getsockname()[1] for each in bound})
    assert {each.getsockname()[0] for each in bound} <= {"127.0.0.1", "::1"}
    close(*bound)
