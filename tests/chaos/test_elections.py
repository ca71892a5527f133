"""A real replica set of three in the short form: one step-down, one kill, and a short election timeout."""

from pathlib import Path

from tests.chaos.elections import hold_elections


async def test_an_election_costs_time_and_nothing_else(tmp_path: Path) -> None:
    """Writes go on, no acknowledged key is lost, no connection is dropped; keys in use count meanwhile."""
    held = await hold_elections(tmp_path, times=1, timeout_ms=2000)

    print(*held.rows(), sep="\n")
    held.check()
    assert ["steps down", "is killed"] == [election.name for election in held.elections]
