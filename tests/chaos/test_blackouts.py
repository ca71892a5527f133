"""Faults of the network in the short form, of half a second each."""

from tests.chaos.blackouts import survive
from tests.chaos.faults import FAULTS


async def test_no_fault_of_the_network_hangs_lies_or_leaks(mongod: str, database_name: str) -> None:
    """Answers come in bounded time, errors are 503 with an id, nothing is left over, no key is lost or half."""
    survived = await survive(mongod, database_name, seconds=0.6)

    print(*survived.rows(), sep="\n")
    survived.check()
    assert list(FAULTS) == [blackout.name for blackout in survived.blackouts]
    assert all(len(blackout.waits) > 10 for blackout in survived.blackouts)
    assert sum(blackout.errors.total() > 0 for blackout in survived.blackouts) >= 3, "the faults were none"
